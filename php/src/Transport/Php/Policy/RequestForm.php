<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Alternative;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Wire;

/**
 * Checks the form of a request before any policy applies; the library finds the same faults in the document.
 *
 * @internal
 */
final class RequestForm
{
    private const NAME = '/\A[A-Za-z0-9._:-]{1,128}\z/';

    /**
     * @param list<CredentialReference> $references
     * @throws OutboundException invalid_request.malformed
     */
    public static function check(
        #[\SensitiveParameter] RequestSpec $request,
        array $references,
    ): void {
        self::checkText($request, $references);
        $names = ['service_id' => $request->serviceId, 'correlation_id' => $request->correlationId ?? 'none'];
        foreach ($names as $key => $name) {
            if (preg_match(self::NAME, $name) !== 1) {
                throw OutboundException::malformed("$key must be 1 to 128 of A-Z a-z 0-9 . _ : -");
            }
        }
        if (preg_match('/\A[\x20-\x7E]{1,255}\z/', $request->idempotencyKey ?? 'none') !== 1) {
            throw OutboundException::malformed('idempotency_key must be 1 to 255 printable ASCII characters');
        }
        if ($request->alternatives !== []) {
            self::checkAlternatives($request, $references);
        }
    }

    /**
     * The secret of the only credential chooses an alternative, and the alternative replaces the base URL, so both are required.
     *
     * @param list<CredentialReference> $references
     */
    private static function checkAlternatives(#[\SensitiveParameter] RequestSpec $request, array $references): void
    {
        $isOne = count($references) === 1 && $references[0]->isSent();
        if (!$isOne || $request->baseUrl === null) {
            throw OutboundException::malformed(
                'alternatives need a base_url and one credential, of a type that is sent itself',
            );
        }
        if (count($request->alternatives) > Alternative::MOST) {
            throw OutboundException::malformed('alternatives are at most ' . Alternative::MOST);
        }
    }

    /**
     * The documents are JSON, so text that is not UTF-8 is refused first. Values of header fields are bytes.
     *
     * @param list<CredentialReference> $references
     */
    private static function checkText(
        #[\SensitiveParameter] RequestSpec $request,
        array $references,
    ): void {
        $policy = $request->policy;
        $places = array_column($references, 'placement');
        Wire::encode([
            [$request->serviceId, $request->correlationId, $request->method, $request->idempotencyKey],
            [$request->idempotencyHeader, $request->baseUrl, $request->url, $request->path, $request->query],
            [$policy?->allowedHosts, $policy?->allowedMethods, $policy?->allowedPaths],
            array_column($references, 'identifier'),
            array_column($request->alternatives, 'baseUrl'),
            array_map(static fn (?Placement $place): array => [$place?->name, $place?->prefix], $places),
        ]);
    }
}
