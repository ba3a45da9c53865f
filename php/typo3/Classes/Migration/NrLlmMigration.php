<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Migration;

use Netresearch\NrSecureOutbound\Call\Transports;
use Netresearch\NrSecureOutbound\Configuration\ConfVars;
use Netresearch\NrSecureOutbound\Registry\RowServiceRegistry;
use Netresearch\NrSecureOutbound\Vault\NrVaultCredentialProvider;
use Netresearch\NrVault\Exception\AccessDeniedException;
use Netresearch\NrVault\Exception\VaultException;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Exception\PartFailure;
use Netresearch\NrVault\Service\VaultServiceInterface;
use Netresearch\NrVault\Transport\CredentialCheck;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * Carries out a plan. Each step is stored before the next begins, and the key in the provider's record is replaced last: after an
 * interrupted run, the next one continues.
 *
 * @internal
 */
final readonly class NrLlmMigration
{
    public function __construct(
        private NrLlm $llm,
        private VaultServiceInterface $vault,
        private StoredSecrets $secrets,
        private StoredServices $services,
        private RowServiceRegistry $registry,
        private NrVaultCredentialProvider $credentials,
        private Transports $transports,
    ) {
    }

    /**
     * @param list<int> $groups of backend users that may read the new secret, beside its owner
     * @throws MigrationFailed
     */
    public function run(ProviderPlan $plan, array $groups): void
    {
        if ($plan->key->kind !== StoredKey::IDENTIFIER && !$this->secrets->hasWhole($plan->secret)) {
            $this->store($plan, $groups);
        }
        if (!$this->services->hasSet($plan) || !$this->services->hasService($plan)) {
            $this->services->write($plan);
        }
        $this->prove($plan);
        if ($plan->key->kind !== StoredKey::IDENTIFIER && !$this->llm->replace($plan->uid, $plan->key->stored(), $plan->secret)) {
            throw new MigrationFailed('somebody has changed the provider meanwhile: run this again');
        }
    }

    /**
     * @param list<int> $groups
     */
    private function store(ProviderPlan $plan, array $groups): void
    {
        $secret = $plan->key->open(ConfVars::text('SYS', 'encryptionKey'))
            ?? throw new MigrationFailed('the key cannot be opened');
        try {
            $this->vault->store($plan->secret, $secret->expose(), [
                'groups' => $groups,
                'description' => "Key of nr-llm's provider $plan->name",
                'metadata' => ['table' => NrLlm::TABLE, 'field' => 'api_key', 'uid' => $plan->uid, 'source' => 'outbound:migrate:nr-llm'],
            ]);
        } catch (AccessDeniedException) {
            throw new MigrationFailed('nr-vault refuses to store a secret for the user of commands');
        } catch (VaultException $failure) {
            // The exception's message may contain the key.
            throw new MigrationFailed('nr-vault could not store the key: ' . PartFailure::nameOf($failure));
        } finally {
            $secret->wipe();
        }
    }

    /**
     * Checks that the library can open the secret, as it would for a call of the service.
     *
     * @throws MigrationFailed
     */
    private function prove(ProviderPlan $plan): void
    {
        try {
            $service = $this->registry->get($plan->id);
            $sealed = array_map($this->credentials->fetch(...), $service->credentials);
            $request = new RequestSpec($service->id, $service->policy->allowedMethods[0], $service->policy, $service->baseUrl);
            $transport = $this->transports->select($service->transport);
            if (!$transport instanceof CredentialCheck) {
                throw new \LogicException('a transport that cannot check', 1795910421);
            }
            $transport->check($request->withCredentials($sealed));
        } catch (OutboundException $refusal) {
            throw new MigrationFailed('the secret was not opened: ' . $refusal->getMessage());
        }
    }
}
