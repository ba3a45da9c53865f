<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;

/**
 * Checks of a request's credentials that need no open envelope.
 *
 * @internal
 */
final class DeclaredCredentials
{
    /** What every signature of AWS fills beside Authorization. */
    private const OF_AWS = ['x-amz-date', 'x-amz-security-token'];

    /** Messages do not contain a longer name of a placement. */
    private const LONGEST_NAME = 256;

    /**
     * Refuses declarations that are wrong whatever the envelopes contain.
     *
     * @param list<CredentialReference> $references
     * @throws OutboundException invalid_request.malformed
     */
    public static function check(array $references): void
    {
        foreach ($references as $reference) {
            if ($reference->placement?->type === 'header') {
                self::checkHeader($reference->identifier, $reference->placement);
            }
        }
        $types = array_map(
            static fn (CredentialReference $reference): ?string => $reference->placement?->type,
            $references,
        );
        if (in_array('basic_username', $types, true) !== in_array('basic_password', $types, true)) {
            throw self::halved();
        }
    }

    private static function checkHeader(string $identifier, Placement $placement): void
    {
        try {
            self::settable($placement);
            if (preg_match('/\A[\t\x20-\x7E]*\z/', $placement->prefix) !== 1) {
                throw OutboundException::malformed("the placement's prefix must be printable ASCII");
            }
        } catch (OutboundException $refusal) {
            throw $refusal->ofCredential($identifier);
        }
    }

    /**
     * The header fields that these credentials will fill, as far as that is known without opening them. The fields of an api_key
     * and of an hmac are sealed with it; the caller's field of that name is refused afterwards.
     *
     * @param list<CredentialReference> $references
     * @return list<string> in lower case
     */
    public static function filledHeaders(array $references): array
    {
        $names = [];
        foreach ($references as $reference) {
            $filled = match ($reference->type) {
                CredentialReference::AWS_SIGV4 => [
                    HeaderRules::AUTHORIZATION,
                    ...self::OF_AWS,
                    ...($reference->service === CredentialReference::S3 ? ['x-amz-content-sha256'] : []),
                ],
                CredentialReference::API_KEY, CredentialReference::HMAC => null,
                CredentialReference::SECRET => match ($reference->placement?->type) {
                    'bearer', 'basic', 'basic_username', 'basic_password' => HeaderRules::AUTHORIZATION,
                    'api_key' => HeaderRules::X_API_KEY,
                    'header' => HeaderRules::settable((string) $reference->placement->name),
                    default => null,
                },
                default => HeaderRules::AUTHORIZATION,
            };
            array_push($names, ...(array) $filled);
        }
        return $names;
    }

    /**
     * Whether one of them signs for AWS, whose parameters in the query are its own then.
     *
     * @param list<CredentialReference> $references
     */
    public static function signForAws(array $references): bool
    {
        return in_array(CredentialReference::AWS_SIGV4, array_column($references, 'type'), true);
    }

    /**
     * @throws OutboundException invalid_request.malformed
     */
    public static function settable(Placement $placement): string
    {
        return HeaderRules::settable((string) $placement->name) ?? throw OutboundException::malformed(
            "the placement's name is not a header name, or no credential may fill that header",
        );
    }

    /** The name in a placement, if it is short enough for a message. */
    public static function named(Placement $placement): string
    {
        $name = (string) $placement->name;
        return strlen($name) <= self::LONGEST_NAME ? ' "' . $name . '"' : '';
    }

    public static function halved(): OutboundException
    {
        return OutboundException::malformed('basic_username and basic_password need each other');
    }
}
