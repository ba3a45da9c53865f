<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Migration;

use GuzzleHttp\Psr7\Uri;
use Netresearch\NrSecureOutbound\DropIn\BaseUrl;
use Netresearch\NrSecureOutbound\DropIn\SetMatch;
use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrSecureOutbound\Registry\ServiceRow;
use Netresearch\NrSecureOutbound\Registry\ServiceRows;
use Netresearch\NrVault\Transport\CredentialReference;
use TYPO3\CMS\Core\Database\ConnectionPool;
use TYPO3\CMS\Core\DataHandling\DataHandler;
use TYPO3\CMS\Core\Utility\GeneralUtility;

/**
 * The services and credential sets of migrated providers. A record that exists already was made by somebody, and is not changed.
 *
 * @internal
 */
final readonly class StoredServices
{
    public function __construct(private ServiceRows $rows, private ConnectionPool $connections)
    {
    }

    public function hasSet(ProviderPlan $plan): bool
    {
        return $this->set($plan) !== null;
    }

    public function hasService(ProviderPlan $plan): bool
    {
        return $this->service($plan) !== null;
    }

    /** The existing record that has an id of the plan and other values; null if there is none. */
    public function conflict(ProviderPlan $plan): ?string
    {
        $set = $this->set($plan);
        $service = $this->service($plan);
        $reference = new CredentialReference($plan->secret, CredentialReference::SECRET, $plan->placement);
        return match (true) {
            $set !== null && Cell::text($set, 'secret') !== $plan->secret
                => "has a credential set \"$plan->id\" with another secret: rename or delete it",
            $service !== null && BaseUrl::holds(Cell::text($service->fields, 'base_url'), new Uri($plan->baseUrl)) === null
                => "has a service \"$plan->id\" with another base URL: rename it, or change the provider",
            $service !== null && !SetMatch::places($service, [$reference])
                => "has a service \"$plan->id\" that places its secret otherwise: rename it, or change its credential sets",
            default => null,
        };
    }

    public function write(ProviderPlan $plan): void
    {
        $sets = [];
        $services = [];
        $set = $this->set($plan);
        if ($set === null) {
            $placement = $plan->placement?->toWire() ?? [];
            $sets['NEWset'] = [
                'pid' => 0,
                'identifier' => $plan->id,
                'secret_uid' => $this->secretUid($plan->secret),
                'type' => CredentialReference::SECRET,
                'placement' => $placement['type'] ?? '',
                'placement_name' => $placement['name'] ?? '',
                'placement_prefix' => $placement['prefix'] ?? '',
            ];
        }
        if ($this->service($plan) === null) {
            $services['NEWservice'] = [
                'pid' => 0,
                'identifier' => $plan->id,
                'base_url' => $plan->baseUrl,
                'allowed_methods' => 'GET,POST',
                'allow_http' => str_starts_with(strtolower($plan->baseUrl), 'http://') ? 1 : 0,
                'credential_sets' => $set === null ? 'NEWset' : (string) Cell::integer($set, 'uid'),
                'description' => "Provider of nr-llm: $plan->name",
            ];
        }
        // DataHandler stores a service before its relations: without the transaction, an interrupted run would leave it without a credential.
        $this->connections->getConnectionForTable(ServiceRows::TABLE)->transactional(function () use ($sets, $services): void {
            $handler = GeneralUtility::makeInstance(DataHandler::class);
            $handler->start([ServiceRows::SETS => $sets, ServiceRows::TABLE => $services], []);
            $handler->process_datamap();
            $errors = array_filter($handler->errorLog, is_string(...));
            if ($errors === [] && array_diff_key($sets + $services, $handler->substNEWwithIDs) !== []) {
                $errors = ['TYPO3 has stored no record: another extension prevents it'];
            }
            if ($errors !== []) {
                throw new MigrationFailed('the service could not be written: ' . implode('; ', $errors));
            }
        });
    }

    private function service(ProviderPlan $plan): ?ServiceRow
    {
        return $this->rows->withId($plan->id)[0] ?? null;
    }

    /**
     * @return array<string, mixed>|null uid, and the identifier of its secret
     */
    private function set(ProviderPlan $plan): ?array
    {
        $query = $this->connections->getQueryBuilderForTable(ServiceRows::SETS);
        $query->getRestrictions()->removeAll();
        $on = $query->expr()->eq('secret.uid', $query->quoteIdentifier('credential_set.secret_uid'));
        $row = $query->select('credential_set.uid')->addSelect('secret.identifier AS secret')
            ->from(ServiceRows::SETS, 'credential_set')
            ->leftJoin('credential_set', ServiceRows::SECRETS, 'secret', $on)
            ->where(
                $query->expr()->eq('credential_set.identifier', $query->createNamedParameter($plan->id)),
                $query->expr()->eq('credential_set.deleted', 0),
            )
            ->executeQuery()
            ->fetchAssociative();
        return $row === false ? null : $row;
    }

    private function secretUid(string $identifier): int
    {
        $query = $this->connections->getQueryBuilderForTable(ServiceRows::SECRETS);
        $query->getRestrictions()->removeAll();
        $uid = $query->select('uid')->from(ServiceRows::SECRETS)
            ->where(
                $query->expr()->eq('identifier', $query->createNamedParameter($identifier)),
                $query->expr()->eq('deleted', 0),
            )
            ->executeQuery()
            ->fetchOne();
        return is_numeric($uid) ? (int) $uid : 0;
    }
}
