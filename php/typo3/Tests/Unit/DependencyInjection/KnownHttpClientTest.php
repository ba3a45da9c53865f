<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit\DependencyInjection;

use Netresearch\NrSecureOutbound\DependencyInjection\KnownHttpClient;
use Netresearch\NrVault\Audit\AuditLogServiceInterface;
use Netresearch\NrVault\Http\CancellableHttpClientInterface;
use Netresearch\NrVault\Http\VaultHttpClientFactoryInterface;
use Netresearch\NrVault\Http\VaultHttpClientInterface;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * A change in nr-vault's HTTP client is found before PHP loads a class that would be a fatal error.
 */
final class KnownHttpClientTest extends TestCase
{
    use MovedClasses;

    public static function setUpBeforeClass(): void
    {
        if (!interface_exists(CancellableHttpClientInterface::class)) {
            require __DIR__ . '/../../Stubs/http-clients.stub';
        }
    }

    #[Test]
    public function theInstalledOneIsKnownAndSoIsWhatTheNextOneHasBesides(): void
    {
        self::assertNull(KnownHttpClient::difference());
    }

    #[Test]
    public function theNextOneIsKnownToo(): void
    {
        $next = self::moved(VaultHttpClientInterface::class, [
            '/public function withReason\(string \$reason\): static;/' => '$0 public function withTimeout(int $seconds): static;',
        ]);

        self::assertNull(KnownHttpClient::difference([VaultHttpClientInterface::class => $next]));
    }

    /**
     * @return array<string, array{class-string, array<string, string>, string}>
     */
    public static function moves(): array
    {
        $client = VaultHttpClientInterface::class;
        $timeout = '/public function withReason\(string \$reason\): static;/';
        return [
            'a method more' => [$client, [$timeout => '$0 public function withRetries(int $times): static;'], '::withRetries() is new'],
            'a method less' => [$client, [$timeout => ''], '::withReason() is gone'],
            'another type' => [$client, [$timeout => '$0 public function withTimeout(float $seconds): static;'],
                '::withTimeout() has other arguments'],
            'an argument of another name' => [$client, ['/\$secretIdentifier/' => '$identifier'], '::withAuthentication() has other arguments'],
            'an argument more' => [
                VaultHttpClientFactoryInterface::class,
                ['/VaultServiceInterface \$vaultService\)/' => 'VaultServiceInterface $vaultService, int $seconds = 0)'],
                '::create() has other arguments',
            ],
            'a record with another argument' => [
                AuditLogServiceInterface::class,
                ['/bool \$success,/' => 'bool $success, int $duration,'],
                '::log() has other arguments',
            ],
            'no record' => [AuditLogServiceInterface::class, ['/function log\(/' => 'function record('], '::log()'],
        ];
    }

    /**
     * @param class-string $class
     * @param array<string, string> $changes
     */
    #[Test]
    #[DataProvider('moves')]
    public function whatHasMovedIsNamed(string $class, array $changes, string $difference): void
    {
        self::assertStringEndsWith($difference, (string) KnownHttpClient::difference([$class => self::moved($class, $changes)]));
    }

    #[Test]
    public function whatIsGoneIsNamed(): void
    {
        self::assertStringContainsString('there is no', (string) KnownHttpClient::difference([VaultHttpClientInterface::class => 'No\Such']));
        self::assertNull(KnownHttpClient::difference([CancellableHttpClientInterface::class => 'No\Such']));
    }
}
