<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Credential\CredentialReference;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\SealedCredential;
use Netresearch\NrVault\Transport\Wire;

/**
 * What is wrong with a request before anything of it is judged: the faults that the library finds in the document.
 *
 * @internal
 */
final class RequestForm
{
    private const NAME = '/\A[A-Za-z0-9._:-]{1,128}\z/';

    /** What the document's 32-bit numbers hold. */
    private const UINT32 = 0xFFFFFFFF;

    /**
     * @param list<SealedCredential>|list<CredentialReference> $credentials
     * @throws OutboundException invalid_request.malformed
     */
    public static function check(#[\SensitiveParameter] RequestSpec $request, array $credentials): void
    {
        self::checkText($request, $credentials);
        if (max($request->policy?->maxRedirects, $request->policy?->maxAttempts) > self::UINT32) {
            throw Wire::malformed('a number of the policy is too large');
        }
        if (
            preg_match(self::NAME, $request->serviceId) !== 1
            || preg_match(self::NAME, $request->correlationId ?? 'none') !== 1
        ) {
            throw Wire::malformed('service_id and correlation_id are 1 to 128 of A-Z a-z 0-9 . _ : -');
        }
        if (preg_match('/\A[\x20-\x7E]{1,255}\z/', $request->idempotencyKey ?? 'none') !== 1) {
            throw Wire::malformed('idempotency_key is 1 to 255 printable ASCII characters');
        }
        self::checkPlacements($credentials);
    }

    /**
     * The header fields that these credentials will fill, in lower case, as far as that is known without opening them:
     * an api_key names its own under the seal.
     *
     * @param list<SealedCredential>|list<CredentialReference> $credentials
     * @return list<string>
     */
    public static function filledHeaders(array $credentials): array
    {
        $name = static fn (SealedCredential|CredentialReference $credential): ?string => match ($credential->type) {
            SealedCredential::API_KEY => null,
            SealedCredential::SECRET => match ($credential->placement->type) {
                'header' => HeaderRules::settable((string) $credential->placement->name),
                'api_key' => 'x-api-key',
                'query', 'body_field' => null,
                default => 'authorization',
            },
            default => 'authorization',
        };
        return array_values(array_filter(array_map($name, $credentials), is_string(...)));
    }

    /** The text of a refusal without the code behind it. */
    public static function reason(OutboundException $refusal): string
    {
        return substr($refusal->getMessage(), 0, -strlen(' [' . $refusal->errorCode() . ']'));
    }

    /**
     * The documents are JSON, so text that is not UTF-8 reaches no decision. Header fields are bytes.
     *
     * @param list<SealedCredential>|list<CredentialReference> $credentials
     */
    private static function checkText(#[\SensitiveParameter] RequestSpec $request, array $credentials): void
    {
        $policy = $request->policy;
        $places = array_map(static fn (object $credential): ?Placement => $credential->placement, $credentials);
        Wire::encode([
            [$request->serviceId, $request->correlationId, $request->method, $request->idempotencyKey],
            [$request->idempotencyHeader, $request->baseUrl, $request->url, $request->path, $request->query],
            [$policy?->allowedHosts, $policy?->allowedMethods, $policy?->allowedPaths],
            array_column($credentials, 'identifier'),
            array_map(static fn (?Placement $place): array => [$place?->name, $place?->prefix], $places),
        ]);
    }

    /**
     * Refuses declarations that make no sense, whatever the envelopes hold.
     *
     * @param list<SealedCredential>|list<CredentialReference> $credentials
     */
    private static function checkPlacements(array $credentials): void
    {
        $types = [];
        foreach ($credentials as $credential) {
            $placement = $credential->placement;
            $types[] = $placement?->type;
            if ($placement?->type !== 'header') {
                continue;
            }
            if (HeaderRules::settable((string) $placement->name) === null) {
                throw Wire::malformed("a placement's header is no header name, or is not a credential's to fill");
            }
            if (preg_match('/[^\t\x20-\x7E]/', $placement->prefix) !== 0) {
                throw Wire::malformed("a placement's prefix is printable ASCII");
            }
        }
        if (in_array('basic_username', $types, true) !== in_array('basic_password', $types, true)) {
            throw Wire::malformed('basic_username and basic_password need each other');
        }
    }
}
