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
 * Which policy applies to a call of nr-vault's client: that of the stored service whose base URL contains the URL of the call,
 * and whose credential sets place the secrets as the caller wants. If there is no such service, the setting decides whether the
 * call is refused.
 *
 * @internal
 */
final readonly class ServiceChoice
{
    /** The id for calls without a service; no row may have it. */
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
     * The service with the longest path in its base URL; of several, the one that places the fewest other secrets.
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
            // Whatever a policy says, plain http:// is allowed to internal hosts only.
            new Policy([$request->getMethod()], allowHttp: strtolower($request->getUri()->getScheme()) === 'http'),
            credentials: $references,
        );
    }

    /**
     * The refusal, whose message says which service is missing.
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
            'sent' => 'no',
        ]);
        return OutboundException::create(
            $code,
            'no service has a base URL that holds this URL, and credential sets that place the secret "' . $wanted->recorded()
                . '" as this caller does: make one',
            auditRecord: $record->record,
        );
    }
}
