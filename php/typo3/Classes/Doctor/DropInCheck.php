<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Doctor;

use Netresearch\NrSecureOutbound\Audit\AuditRows;
use Netresearch\NrSecureOutbound\Configuration\Settings;
use Netresearch\NrSecureOutbound\DropIn\HandedOver;
use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrSecureOutbound\Registry\RowReader;
use Netresearch\NrSecureOutbound\Registry\ServiceRows;
use Netresearch\NrSecureOutbound\Vault\VaultState;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use TYPO3\CMS\Core\Core\Environment;
use TYPO3\CMS\Core\Database\Connection;
use TYPO3\CMS\Core\Database\ConnectionPool;

/**
 * Callers of nr-vault's HTTP client: whether the library makes their calls, and which calls of the last days have no service,
 * according to the audit records.
 *
 * @internal
 */
final readonly class DropInCheck implements Check
{
    private const DAYS = 14;

    /** Most callers that are named for one code. */
    private const MOST = 20;

    private const VAULT_AUDIT = 'tx_nrvault_audit_log';

    public function __construct(private VaultState $state, private ConnectionPool $connections)
    {
    }

    public function findings(): array
    {
        try {
            $settings = Settings::fromGlobals();
        } catch (OutboundException) {
            // SettingsCheck reports this problem.
            return [];
        }
        $bound = $settings->requireBinding ? $this->stopped() : [];
        if ($settings->dropIn === Settings::DROP_IN_OFF) {
            return [
                Finding::ok('dropin.setting', "nr-vault's HTTP client makes its calls itself: \"drop_in\" of SYS/nrVault/outbound is off"),
                ...$this->typedPayloads(),
                ...$bound,
            ];
        }
        if ($this->state->httpIncompatibility !== null) {
            return [Finding::critical(
                'dropin.moved',
                '"drop_in" is set, and nr-vault\'s HTTP client is not as this extension knows it: ' . $this->state->httpIncompatibility
                    . '; it makes its calls itself',
                'composer update netresearch/nr-secure-outbound   # or back to the nr-vault before',
            )];
        }
        return [
            Finding::ok('dropin.setting', "The library makes the calls of nr-vault's HTTP client: \"drop_in\" is $settings->dropIn"),
            ...$this->withoutService(),
            ...$this->handedOver(),
            ...$bound,
        ];
    }

    /**
     * @return list<Finding>
     */
    private function withoutService(): array
    {
        $findings = [];
        foreach ($this->callers(['service_id' => RowReader::RESERVED], ['policy.service_unknown']) as $caller) {
            $findings[] = Finding::warning('dropin.caller', "$caller, and no service says what it may: the origin of its URL is all", self::service());
        }
        foreach ($this->callers(['service_id' => RowReader::RESERVED, 'error_code' => 'policy.service_unknown']) as $caller) {
            $findings[] = Finding::warning('dropin.refused', "$caller, and is refused: no service has this host and secret", self::service());
        }
        return $findings;
    }

    /**
     * @return list<Finding>
     */
    private function handedOver(): array
    {
        $findings = [];
        foreach ($this->callers(['transport' => HandedOver::TRANSPORT]) as $caller) {
            $findings[] = Finding::warning(
                'dropin.handed_over',
                "$caller by OAuth, which nr-vault's own client does: PHP has client, secret and token",
                'Make the client one secret of the type oauth2_client_credentials, where its grant is client_credentials',
            );
        }
        return $findings;
    }

    /**
     * Calls whose secret has no binding although the installation requires one.
     *
     * @return list<Finding>
     */
    private function stopped(): array
    {
        $findings = [];
        foreach ($this->callers(['error_code' => 'policy.binding_violated']) as $caller) {
            $findings[] = Finding::critical(
                'dropin.binding',
                "$caller, and is refused: its secret has no binding that allows it, and \"require_binding\" is set",
                'vendor/bin/typo3 outbound:credential:set IDENTIFIER < PAYLOAD   # with "binding": {"hosts": [HOST]}',
            );
        }
        return $findings;
    }

    /**
     * Secrets that are typed payloads, and that nr-vault's own client has sent whole.
     *
     * @return list<Finding>
     */
    private function typedPayloads(): array
    {
        $query = $this->connections->getQueryBuilderForTable(ServiceRows::SETS);
        $query->getRestrictions()->removeAll();
        $on = static fn (string $left, string $right): string => $query->expr()->eq($left, $query->quoteIdentifier($right));
        $rows = $query
            ->select('credential_set.identifier', 'credential_set.type', 'call.reason')
            ->addSelect('secret.identifier AS secret')
            ->from(ServiceRows::SETS, 'credential_set')
            ->join('credential_set', ServiceRows::SECRETS, 'secret', $on('secret.uid', 'credential_set.secret_uid'))
            ->join('secret', self::VAULT_AUDIT, 'call', $on('call.secret_identifier', 'secret.identifier'))
            ->where(
                $query->expr()->eq('credential_set.deleted', 0),
                $query->expr()->neq('credential_set.type', $query->createNamedParameter('secret')),
                $query->expr()->eq('call.action', $query->createNamedParameter('http_call')),
                $query->expr()->gte('call.crdate', $query->createNamedParameter(self::since(), Connection::PARAM_INT)),
            )
            ->groupBy('credential_set.identifier', 'credential_set.type', 'call.reason', 'secret.identifier')
            ->orderBy('credential_set.identifier')
            ->setMaxResults(self::MOST)
            ->executeQuery()
            ->fetchAllAssociative();
        return array_map(static fn (array $row): Finding => Finding::critical(
            'dropin.typed',
            'The secret "' . Cell::text($row, 'secret') . '" of the credential set "' . Cell::text($row, 'identifier') . '" is a document of '
                . 'the type ' . Cell::text($row, 'type') . ", and nr-vault's own client has sent it whole (reason: " . Cell::text($row, 'reason') . ')',
            "\$GLOBALS['TYPO3_CONF_VARS']['SYS']['nrVault']['outbound']['drop_in'] = 'refuse';   // in " . self::file(),
        ), $rows);
    }

    /**
     * @param array<string, string> $where columns of the audit records
     * @param list<string> $without codes
     * @return list<string> the beginning of a sentence for each caller, host and secret
     */
    private function callers(array $where, array $without = []): array
    {
        $query = $this->connections->getQueryBuilderForTable(AuditRows::TABLE);
        $query->getRestrictions()->removeAll();
        $query->select('service_id', 'caller', 'host', 'credentials')
            ->addSelectLiteral('SUM(weight) AS calls')
            ->from(AuditRows::TABLE)
            ->where($query->expr()->gte('crdate', $query->createNamedParameter(self::since(), Connection::PARAM_INT)));
        foreach ($where as $column => $value) {
            $query->andWhere($query->expr()->eq($column, $query->createNamedParameter($value)));
        }
        if ($without !== []) {
            $query->andWhere($query->expr()->or(
                $query->expr()->isNull('error_code'),
                $query->expr()->notIn('error_code', array_map($query->quote(...), $without)),
            ));
        }
        $query->groupBy('service_id', 'caller', 'host', 'credentials')->orderBy('caller')->setMaxResults(self::MOST);
        return array_map(self::caller(...), $query->executeQuery()->fetchAllAssociative());
    }

    /**
     * @param array<string, mixed> $row
     */
    private static function caller(array $row): string
    {
        $secrets = json_decode(Cell::text($row, 'credentials'), true);
        $names = array_filter(is_array($secrets) ? $secrets : [], is_string(...));
        $service = Cell::text($row, 'service_id');
        return Cell::text($row, 'caller') . ' calls ' . Cell::text($row, 'host')
            . ($names === [] ? ' without a secret' : ' with the secret "' . implode('" and "', $names) . '"')
            . ($service === RowReader::RESERVED ? '' : " of the service \"$service\"")
            . ' (' . Cell::integer($row, 'calls') . ' times in ' . self::DAYS . ' days)';
    }

    private static function since(): int
    {
        return time() - self::DAYS * 86400;
    }

    private static function service(): string
    {
        return 'Make a service of this host, with a credential set that places this secret so; of nr-llm: vendor/bin/typo3 outbound:migrate:nr-llm';
    }

    private static function file(): string
    {
        return Environment::getConfigPath() . '/system/additional.php';
    }
}
