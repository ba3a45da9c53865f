<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DependencyInjection;

use Netresearch\NrVault\Audit\AuditLogServiceInterface;
use Netresearch\NrVault\Exception\VaultException;
use Netresearch\NrVault\Http\AdditionalSecretHttpClientInterface;
use Netresearch\NrVault\Http\CancellableHttpClientInterface;
use Netresearch\NrVault\Http\StreamingHttpClientInterface;
use Netresearch\NrVault\Http\VaultHttpClientFactory;
use Netresearch\NrVault\Http\VaultHttpClientFactoryInterface;
use Netresearch\NrVault\Http\VaultHttpClientInterface;

/**
 * Compares the HTTP client of the installed nr-vault with what the drop-in for it was written for, as KnownVault does for
 * the rest. Where only this has moved, services go on, and nr-vault's client stays its own.
 *
 * @internal
 */
final class KnownHttpClient
{
    private const REQUEST = 'Psr\Http\Message\RequestInterface $request';
    private const RESPONSE = 'Psr\Http\Message\ResponseInterface';
    private const SIGNAL = 'Netresearch\NrVault\Http\CancellationSignalInterface $signal';

    private const CLIENT = [
        'withAuthentication' => [
            '(string $secretIdentifier, Netresearch\NrVault\Http\SecretPlacement $placement, array $options): static',
        ],
        'withOAuth' => ['(Netresearch\NrVault\Http\OAuth\OAuthConfig $config, string $reason): static'],
        'withReason' => ['(string $reason): static'],
        'withTimeout' => ['(int $seconds): static'],
        'sendRequest' => ['(' . self::REQUEST . '): ' . self::RESPONSE],
    ];

    /** Interface => its methods, the signatures that they have had, and which of them some releases lack. */
    private const INTERFACES = [
        VaultHttpClientFactoryInterface::class => [
            ['create' => [
                '(Netresearch\NrVault\Service\VaultServiceInterface $vaultService): ' . VaultHttpClientInterface::class,
            ]],
            [],
        ],
        VaultHttpClientInterface::class => [self::CLIENT, ['withTimeout']],
        CancellableHttpClientInterface::class => [
            [
                'sendCancellable' => ['(' . self::REQUEST . ', ' . self::SIGNAL . '): ' . self::RESPONSE],
                'supportsCancellation' => ['(): bool'],
            ],
            [],
        ],
        StreamingHttpClientInterface::class => [
            [
                'sendStreaming' => ['(' . self::REQUEST . ', ?' . self::SIGNAL . '): ' . self::RESPONSE],
                'supportsStreaming' => ['(): bool'],
            ],
            [],
        ],
        AdditionalSecretHttpClientInterface::class => [
            self::CLIENT + ['withAdditionalBodyField' => ['(string $secretIdentifier, string $bodyField): static']],
            ['withTimeout'],
        ],
    ];

    /** Those that each release has. */
    private const REQUIRED = [VaultHttpClientFactoryInterface::class, VaultHttpClientInterface::class];

    /** What is called without being implemented: class => method and its signature. */
    private const CALLED = [
        AuditLogServiceInterface::class => [
            'log',
            '(string $secretIdentifier, string $action, bool $success, ?string $errorMessage, ?string $reason, ?string $hashBefore, '
                . '?string $hashAfter, ?Netresearch\NrVault\Audit\AuditContextInterface $context): void',
        ],
        'Netresearch\NrVault\Audit\HttpCallContext' => ['fromRequest', '(string $method, string $url, int $statusCode): self'],
    ];

    /**
     * What has moved, by its name; null where nothing has.
     *
     * @param array<class-string, string> $renamed as the tests name others
     */
    public static function difference(array $renamed = []): ?string
    {
        foreach (self::INTERFACES as $interface => [$methods, $optional]) {
            $name = $renamed[$interface] ?? $interface;
            if (!interface_exists($name)) {
                if (in_array($interface, self::REQUIRED, true)) {
                    return "there is no $name";
                }
                continue;
            }
            $difference = Signatures::difference(new \ReflectionClass($name), $methods, $optional);
            if ($difference !== null) {
                return $difference;
            }
        }
        return self::differingCall($renamed) ?? self::differingClass();
    }

    /**
     * @param array<class-string, string> $renamed
     */
    private static function differingCall(array $renamed): ?string
    {
        foreach (self::CALLED as $class => [$method, $signature]) {
            $class = $renamed[$class] ?? $class;
            if (!method_exists($class, $method)) {
                return "there is no $class::$method()";
            }
            $found = new \ReflectionMethod($class, $method);
            if (Signatures::of($found) !== $signature) {
                return $found->getDeclaringClass()->getShortName() . "::$method() has other arguments";
            }
        }
        return null;
    }

    private static function differingClass(): ?string
    {
        return match (true) {
            !class_exists(VaultHttpClientFactory::class) => 'there is no ' . VaultHttpClientFactory::class,
            !class_exists(VaultException::class) || (new \ReflectionClass(VaultException::class))->isFinal()
                => VaultException::class . ' cannot be extended',
            default => null,
        };
    }
}
