<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrSecureOutbound\Configuration\Settings;
use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrSecureOutbound\Registry\RowReader;
use Netresearch\NrSecureOutbound\Registry\RowServiceRegistry;
use Netresearch\NrSecureOutbound\Registry\ServiceRow;
use Netresearch\NrSecureOutbound\Registry\ServiceRows;
use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Policy;
use Psr\Http\Message\RequestInterface;

/**
 * Which policy a call of nr-vault's client has: that of the stored service whose base URL holds its URL and whose credential
 * sets place its secrets as the caller wants them. Without one, the setting says whether it is refused.
 *
 * @internal
 */
final readonly class ServiceChoice
{
    /** No row may have it. */
    public const WITHOUT_SERVICE = RowReader::RESERVED;

    public function __construct(private ServiceRows $rows, private RowServiceRegistry $registry)
    {
    }

    public function of(Wanted $wanted, #[\SensitiveParameter] RequestInterface $request): Choice
    {
        try {
            $settings = Settings::fromGlobals();
            $references = $wanted->references();
        } catch (OutboundException $refusal) {
            return new Choice(self::WITHOUT_SERVICE, $refusal);
        }
        $scheme = strtolower($request->getUri()->getScheme());
        if (!in_array($scheme, ['https', 'http'], true)) {
            return new Choice(self::WITHOUT_SERVICE, OutboundException::create(
                'policy.scheme_not_allowed',
                'the scheme is neither https nor http',
            ));
        }
        $rows = $this->rows->beginning("$scheme://" . $request->getUri()->getHost());
        $row = self::best($rows, $wanted, $references, $request);
        if ($row === null) {
            return new Choice(self::WITHOUT_SERVICE, $settings->dropIn === Settings::DROP_IN_ORIGIN
                ? self::origin($request, $references)
                : self::refusal($request, $references, $wanted));
        }
        $sameId = static fn (ServiceRow $other): bool => $other->id() === $row->id();
        try {
            return new Choice($row->id(), $this->registry->definition([$row, ...array_filter(
                $rows,
                static fn (ServiceRow $other): bool => $other !== $row && $sameId($other),
            )]));
        } catch (OutboundException $refusal) {
            return new Choice($row->id(), $refusal);
        }
    }

    /**
     * The one that says most about the path; of several, the one that places least besides.
     *
     * @param list<ServiceRow> $rows
     * @param list<CredentialReference> $references
     */
    private static function best(
        array $rows,
        Wanted $wanted,
        array $references,
        #[\SensitiveParameter] RequestInterface $request,
    ): ?ServiceRow {
        $found = [];
        foreach ($rows as $row) {
            $length = BaseUrl::holds(Cell::text($row->fields, 'base_url'), $request->getUri());
            $isPlaced = $wanted->oauth === null
                ? SetMatch::places($row, $references)
                : SetMatch::has($row, [$wanted->oauth->clientSecretSecret, $wanted->oauth->clientIdSecret])
                    && ($references === [] || SetMatch::places($row, $references));
            if ($length !== null && $isPlaced) {
                $found[] = [-$length, count($row->sets), $row->id(), $row];
            }
        }
        usort($found, static fn (array $one, array $other): int => array_slice($one, 0, 3) <=> array_slice($other, 0, 3));
        return $found[0][3] ?? null;
    }

    /**
     * @param list<CredentialReference> $references
     */
    private static function origin(#[\SensitiveParameter] RequestInterface $request, array $references): ServiceDefinition
    {
        return new ServiceDefinition(
            self::WITHOUT_SERVICE,
            BaseUrl::origin($request->getUri()),
            // Plain http:// goes to internal hosts alone, whatever a policy says.
            new Policy([$request->getMethod()], allowHttp: strtolower($request->getUri()->getScheme()) === 'http'),
            credentials: $references,
        );
    }

    /**
     * With a record that says what a service would have to be.
     *
     * @param list<CredentialReference> $references
     */
    private static function refusal(
        #[\SensitiveParameter] RequestInterface $request,
        array $references,
        Wanted $wanted,
    ): OutboundException {
        $code = 'policy.service_unknown';
        $uri = $request->getUri();
        $record = new AuditEntry('', AuditEntry::COMPLETE, AuditEntry::REFUSED, [
            'service_id' => self::WITHOUT_SERVICE,
            'method' => $request->getMethod(),
            'host' => $uri->getHost(),
            'port' => BaseUrl::port($uri),
            'credentials' => array_column($references, 'identifier'),
            'error_class' => 'policy',
            'error_code' => $code,
        ]);
        return OutboundException::create(
            $code,
            'no service has a base URL that holds this URL, and credential sets that place the secret "' . $wanted->recorded()
                . '" as this caller does: make one',
            auditRecord: $record->record,
        );
    }
}
