<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Doctor;

use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrSecureOutbound\Registry\ServiceRows;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use TYPO3\CMS\Core\Database\ConnectionPool;
use TYPO3\CMS\Core\Database\Query\Restriction\DeletedRestriction;
use TYPO3\CMS\Core\Utility\GeneralUtility;

/**
 * The secrets of credential sets: which of them a page can show to visitors, and which expire soon.
 *
 * @internal
 */
final readonly class SecretCheck implements Check
{
    /** Time enough to get a new secret. */
    private const DAYS_BEFORE = 14;

    public function __construct(private ConnectionPool $connections)
    {
    }

    public function findings(): array
    {
        $findings = [];
        foreach ($this->rows() as $row) {
            $set = Cell::text($row, 'identifier');
            $secret = Cell::text($row, 'secret');
            if (Cell::integer($row, 'frontend_accessible') !== 0) {
                $findings[] = Finding::critical(
                    'vault.frontend_accessible',
                    "The secret \"$secret\" of the credential set \"$set\" is frontend_accessible: any editor's text prints it on a page",
                    'Take "Frontend accessible" off the secret, in the module of nr-vault; calls of pages want nr-vault 1.1 and a technical user',
                );
            }
            $expires = Cell::integer($row, 'expires_at');
            if ($expires > 0 && $expires < time() + self::DAYS_BEFORE * 86400) {
                $findings[] = self::expiry($set, $secret, $expires);
            }
        }
        return $findings === [] ? [Finding::ok('vault.secrets', 'No secret of a credential set can be printed by a page or expires soon.')] : $findings;
    }

    private static function expiry(string $set, string $secret, int $expires): Finding
    {
        $remedy = 'vendor/bin/typo3 outbound:credential:set ' . escapeshellarg($secret) . ' < PAYLOAD   # and another date, in the module of nr-vault';
        $what = "The secret \"$secret\" of the credential set \"$set\"";
        $when = gmdate('Y-m-d H:i', $expires) . ' UTC';
        return $expires <= time()
            ? Finding::critical('vault.expired', "$what has expired, on $when", $remedy)
            : Finding::warning('vault.expires', "$what expires on $when", $remedy);
    }

    /**
     * @return list<array<string, mixed>> of sets that are not deleted
     */
    private function rows(): array
    {
        $query = $this->connections->getQueryBuilderForTable(ServiceRows::SETS);
        $query->getRestrictions()->removeAll()->add(GeneralUtility::makeInstance(DeletedRestriction::class));
        return $query
            ->select('credential_set.identifier', 'secret.frontend_accessible', 'secret.expires_at')
            ->addSelect('secret.identifier AS secret')
            ->from(ServiceRows::SETS, 'credential_set')
            ->join('credential_set', ServiceRows::SECRETS, 'secret', $query->expr()->eq(
                'secret.uid',
                $query->quoteIdentifier('credential_set.secret_uid'),
            ))
            ->orderBy('credential_set.identifier')
            ->executeQuery()
            ->fetchAllAssociative();
    }
}
