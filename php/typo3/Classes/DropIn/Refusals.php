<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrVault\Exception\AccessDeniedException;
use Netresearch\NrVault\Exception\SecretExpiredException;
use Netresearch\NrVault\Exception\SecretNotFoundException;
use Netresearch\NrVault\Outbound\Exception\CredentialUnavailable;
use Netresearch\NrVault\Outbound\Exception\RequestRefused;
use Netresearch\NrVault\Outbound\Psr18\ServiceRequestException;
use Netresearch\NrVault\Transport\CredentialReference;

/**
 * Turns what the library refuses into the exceptions and codes of nr-vault's client. A later failure is an exception of PSR-18
 * with either client.
 *
 * @internal
 */
final class Refusals
{
    private const NOT_FOUND = 1735858521;
    private const EXPIRED = 1703800002;
    private const OTHER = 1795910420;

    /** The codes for which nr-vault has its own; it checks addresses together with hosts. */
    private const CODES = [
        'policy.scheme_not_allowed' => 1735858523,
        'policy.host_not_allowed' => 1735858522,
        'policy.port_not_allowed' => 1735858522,
        'policy.address_not_allowed' => 1735858522,
        BodyFields::NO_OBJECT => 1735858524,
        BodyFields::NO_JSON => 1781076764,
    ];

    /**
     * @param list<CredentialReference> $references that were to be placed
     */
    public static function of(ServiceRequestException $exception, array $references): \Throwable
    {
        $failure = $exception->failure();
        if (!$failure instanceof RequestRefused && !$failure instanceof CredentialUnavailable) {
            return $exception;
        }
        $reason = $failure->reason();
        return match ($failure->errorCode()) {
            'credential.not_found' => new SecretNotFoundException(self::named($reason, $references), self::NOT_FOUND),
            'credential.access_denied' => AccessDeniedException::forIdentifier(self::named($reason, $references)),
            'credential.expired' => new SecretExpiredException($reason, self::EXPIRED),
            default => new CallRefused(
                $exception->getRequest(),
                $failure,
                self::CODES[$reason] ?? self::CODES[$failure->errorCode()] ?? self::OTHER,
            ),
        };
    }

    /**
     * The identifier that a refusal is about.
     *
     * @param list<CredentialReference> $references
     */
    private static function named(string $reason, array $references): string
    {
        foreach ($references as $reference) {
            if (str_contains($reason, '"' . $reference->identifier . '"')) {
                return $reference->identifier;
            }
        }
        return $references[0]->identifier ?? '';
    }
}
