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
 * Compares the HTTP client of the installed nr-vault with the one that the drop-in was written for, as KnownVault does for the
 * rest. If only the client has changed, services still work, and nr-vault's own client makes its calls.
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

    /** Interface => its methods with their known signatures, and the methods that some releases lack. */
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

    /** Interfaces that each release has. */
    private const REQUIRED = [VaultHttpClientFactoryInterface::class, VaultHttpClientInterface::class];

    /** Methods that this extension calls without implementing them: class => method and its signature. */
    private const CALLED = [
        AuditLogServiceInterface::class => [
            'log',
            '(string $secretIdentifier, string $action, bool $success, ?string $errorMessage, ?string $reason, ?string $hashBefore, '
                . '?string $hashAfter, ?Netresearch\NrVault\Audit\AuditContextInterface $context): void',
        ],
        'Netresearch\NrVault\Audit\HttpCallContext' => ['fromRequest', '(string $method, string $url, int $statusCode): self'],
    ];

    /**
     * The name of what has changed; null if nothing has.
     *
     * @param array<class-string, string> $renamed other names of the interfaces, for tests
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
