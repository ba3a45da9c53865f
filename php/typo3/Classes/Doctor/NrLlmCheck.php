<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Doctor;

use Netresearch\NrSecureOutbound\Migration\NrLlm;
use Netresearch\NrSecureOutbound\Migration\NrLlmPlans;
use Netresearch\NrSecureOutbound\Migration\StoredKey;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;

/**
 * The keys of nr-llm, if it is installed: those that are not stored in nr-vault, and those that PHP reads at a call.
 *
 * @internal
 */
final readonly class NrLlmCheck implements Check
{
    public function __construct(private NrLlm $llm, private NrLlmPlans $plans)
    {
    }

    public function findings(): array
    {
        if (!$this->llm->isInstalled()) {
            return [];
        }
        $migrate = 'vendor/bin/typo3 outbound:migrate:nr-llm';
        $findings = [];
        foreach ($this->plans->all() as $plan) {
            if (in_array($plan->key->kind, [StoredKey::PLAIN, StoredKey::ENCRYPTED], true)) {
                $findings[] = Finding::warning('dropin.llm.key', "The provider of nr-llm ($plan->name) has its key in its record", $migrate);
            } elseif ($plan->problem === null && $plan->steps !== []) {
                $findings[] = Finding::warning('dropin.llm.service', "The provider of nr-llm ($plan->name) has no service of its own", $migrate);
            }
            if ($plan->readsKey) {
                $findings[] = Finding::warning(
                    'dropin.llm.read',
                    "The adapter of the provider of nr-llm ($plan->name) reads its key itself: PHP has it at each call",
                    'composer update netresearch/nr-llm   # later releases do not',
                );
            }
        }
        foreach ($this->llm->rawSettings() as $setting) {
            $findings[] = Finding::warning(
                'dropin.llm.setting',
                "The setting $setting of nr-llm is a key that nr-llm " . $this->llm->version() . ' sends as it is, without nr-vault',
                'composer update netresearch/nr-llm   # later releases take an identifier of nr-vault there',
            );
        }
        return $findings;
    }
}
