<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Migration;

use Netresearch\NrSecureOutbound\Configuration\ConfVars;
use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Reads the providers of nr-llm, and makes a plan for each.
 *
 * @internal
 */
final readonly class NrLlmPlans
{
    private const PREFIX = 'nr-llm.';

    /** Length of a service's id. */
    private const LONGEST = 64;

    public function __construct(
        private NrLlm $llm,
        private StoredSecrets $secrets,
        private StoredServices $services,
    ) {
    }

    /**
     * @return list<ProviderPlan>
     */
    public function all(): array
    {
        $plans = [];
        foreach ($this->llm->providers() as $row) {
            if (Cell::integer($row, 'deleted') === 0) {
                $plans[] = $this->plan($row);
            }
        }
        return $plans;
    }

    /** How many deleted providers still have a key that is not nr-vault's. */
    public function deleted(): int
    {
        return count(array_filter($this->llm->providers(), fn (array $row): bool => Cell::integer($row, 'deleted') !== 0
            && in_array($this->key($row)->kind, [StoredKey::ENCRYPTED, StoredKey::PLAIN], true)));
    }

    /**
     * @param array<string, mixed> $row
     */
    private function plan(array $row): ProviderPlan
    {
        $uid = Cell::integer($row, 'uid');
        $adapter = Cell::text($row, 'adapter_type');
        $identifier = Cell::text($row, 'identifier');
        $name = ($identifier === '' ? '' : "$identifier, ") . "uid $uid, $adapter";
        $key = $this->key($row);
        $problem = fn (string $problem): ProviderPlan => new ProviderPlan($uid, $name, $key, problem: $problem);
        if ($key->kind === StoredKey::NONE) {
            return $problem('has no key: nr-llm calls it by a client of its own, which this extension does not reach');
        }
        $baseUrl = rtrim($this->llm->endpoint($adapter, Cell::text($row, 'endpoint_url')), '/');
        if ($baseUrl === '') {
            return $problem('has no endpoint');
        }
        $encryptionKey = ConfVars::text('SYS', 'encryptionKey');
        if ($key->kind === StoredKey::ENCRYPTED && $key->open($encryptionKey) === null) {
            return $problem('has a key that this encryptionKey does not open: enter the key again, in the record of the provider');
        }
        $isOwn = $key->kind !== StoredKey::IDENTIFIER;
        $secret = $isOwn ? $key->identifier($uid, $encryptionKey) : $key->stored();
        $isStored = $isOwn ? $this->secrets->hasWhole($secret) : $this->secrets->has($secret);
        if (!$isOwn && !$isStored) {
            return $problem("names the secret \"$secret\", which nr-vault does not have");
        }
        try {
            $placement = $this->llm->placement($adapter);
        } catch (OutboundException $refusal) {
            return $problem('puts its key where the library puts none: ' . $refusal->reason());
        }
        if ($placement === null) {
            return $problem('has a key that goes into no single place');
        }
        $plan = new ProviderPlan($uid, $name, $key, self::id($identifier, $uid), $baseUrl, $placement, $secret);
        $conflict = $this->services->conflict($plan);
        return new ProviderPlan(
            $plan->uid,
            $plan->name,
            $plan->key,
            $plan->id,
            $plan->baseUrl,
            $plan->placement,
            $plan->secret,
            $conflict === null ? $this->steps($plan, $isStored) : [],
            $this->notes($adapter, $baseUrl),
            $conflict,
            $this->llm->readsKey($adapter),
        );
    }

    /**
     * @return list<string>
     */
    private function steps(ProviderPlan $plan, bool $isStored): array
    {
        $isOwn = $plan->key->kind !== StoredKey::IDENTIFIER;
        $what = $plan->key->kind === StoredKey::ENCRYPTED ? 'key that nr-llm has encrypted' : 'plain key';
        return [
            ...($isStored ? [] : ["store its $what as the secret \"$plan->secret\" of nr-vault"]),
            ...($this->services->hasSet($plan) ? [] : ["write the credential set \"$plan->id\""]),
            ...($this->services->hasService($plan) ? [] : ["write the service \"$plan->id\" for $plan->baseUrl"]),
            ...($isOwn ? ['have the library open the secret, and replace the key in the record of the provider by its identifier'] : []),
        ];
    }

    /**
     * @return list<string>
     */
    private function notes(string $adapter, string $baseUrl): array
    {
        return [
            ...($this->llm->readsKey($adapter)
                ? ['its adapter in nr-llm ' . $this->llm->version() . ' also reads the key itself: PHP has it at each call']
                : []),
            ...(str_starts_with(strtolower($baseUrl), 'http://')
                ? ['plain http:// goes to internal hosts alone: the host has to be in "internal_hosts" of SYS/nrVault/outbound']
                : []),
        ];
    }

    /**
     * @param array<string, mixed> $row
     */
    private function key(array $row): StoredKey
    {
        return new StoredKey(Cell::text($row, 'api_key'), $this->secrets->has(...));
    }

    private static function id(string $identifier, int $uid): string
    {
        $name = trim((string) preg_replace('/[^a-z0-9._-]+/', '-', strtolower($identifier)), '-');
        $id = self::PREFIX . ($name === '' ? "uid-$uid" : $name);
        return strlen($id) <= self::LONGEST ? $id : substr($id, 0, self::LONGEST - 9) . '-' . substr(hash('sha256', $id), 0, 8);
    }
}
