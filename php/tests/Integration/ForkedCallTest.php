<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\TestCase;

/**
 * A host that forks during a call: the child finishes its own calls, and leaves the calls of its parent alone.
 */
final class ForkedCallTest extends TestCase
{
    private const HOST = <<<'PHP'
        <?php
        use Netresearch\NrVault\Outbound\Audit\JsonLinesAuditSink;
        use Netresearch\NrVault\Transport\CredentialReference;
        use Netresearch\NrVault\Outbound\Credential\CredentialProvider;
        use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
        use Netresearch\NrVault\Outbound\Call\ServiceCalls;
        use Netresearch\NrVault\Service\SecureHttpClient;
        use Netresearch\NrVault\Transport\SealedCredential;
        use Netresearch\NrVault\Outbound\TransportFactory;

        require $argv[1] . '/tests/bootstrap.php';
        $provider = new class () implements CredentialProvider {
            public SecureHttpClient $client;

            public function fetch(CredentialReference $reference): SealedCredential
            {
                if ($reference->identifier === 'child') {
                    exit(0);
                }
                if (($child = pcntl_fork()) === 0) {
                    $this->client->get('child', '/');
                }
                pcntl_waitpid($child, $status);
                throw new RuntimeException('of the provider');
            }
        };
        $service = static fn (string $name): array => [
            'base_url' => 'https://api.example.com',
            'policy' => ['allowed_methods' => ['GET']],
            'credentials' => [['identifier' => $name, 'type' => 'bearer']],
            'transport' => 'php',
        ];
        $registry = new ArrayServiceRegistry(['parent' => $service('parent'), 'child' => $service('child')]);
        $calls = new ServiceCalls($registry, $provider, new TransportFactory(['version' => 1]), new JsonLinesAuditSink($argv[2]));
        $provider->client = new SecureHttpClient($calls);
        foreach (['post', 'get'] as $method) {
            try {
                $provider->client->$method('parent', '/');
            } catch (RuntimeException) {
            }
        }
        PHP;

    public function testEachProcessEndsWithItsOwnCalls(): void
    {
        $directory = new TempDir('forked');
        $log = $directory->path . '/audit.jsonl';
        $result = Process::run([PHP_BINARY, $directory->write('host.php', self::HOST), Build::php(), $log]);
        $records = array_map(static fn (string $line): array => json_decode($line, true), (array) file($log));
        $directory->remove();

        self::assertSame(0, $result['code'], $result['output']);
        self::assertSame([
            ['parent', 'policy.method_not_allowed'],
            ['child', 'internal.interrupted'],
            ['parent', 'internal.part_failed'],
        ], array_map(static fn (array $record): array => [$record['service_id'], $record['error_code']], $records));
    }
}
