<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Integration;

use Netresearch\NrSecureOutbound\DropIn\AdditionalSecretVaultClient;
use Netresearch\NrSecureOutbound\Tests\Support\OtherVault;
use Netresearch\NrSecureOutbound\Tests\Support\Site;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * The drop-in with the features that nr-vault's HTTP client has in later releases: time limits, cancellation, streaming, further
 * secrets.
 */
final class NextVaultTest extends TestCase
{
    private const CANCELLED = 'Netresearch\NrVault\Exception\RequestCancelledException';

    private static Upstream $upstream;
    private static Site $site;

    public static function setUpBeforeClass(): void
    {
        self::$upstream = new Upstream();
        self::$site = new Site('next', [
            'HTTP' => ['verify' => self::$upstream->tls->authority],
            'SYS' => ['nrVault' => ['outbound' => [
                'drop_in' => 'origin',
                'internal_hosts' => self::$upstream->config()['internal_hosts'],
            ]]],
        ]);
        $method = 'public function withReason(string $reason): static';
        OtherVault::in(self::$site, [
            'Http/VaultHttpClientInterface' => ["$method;" => "$method;\n\n    public function withTimeout(int \$seconds): static;"],
            'Http/VaultHttpClient' => [$method => "public function withTimeout(int \$seconds): static\n    {\n        return \$this;\n    }\n\n    $method"],
        ], [dirname(__DIR__) . '/Stubs/http-clients.stub']);
        self::$site->typo3('cache:flush');
    }

    public static function tearDownAfterClass(): void
    {
        self::$site->remove();
        self::$upstream->stop();
    }

    #[Test]
    public function itHasWhatTheInterfacesAskFor(): void
    {
        $file = self::$site->path . '/http.json';
        self::$site->typo3('outbound-test:http', self::$upstream->url() . '/echo', $file);
        $result = json_decode((string) file_get_contents($file), true);
        self::assertIsArray($result);

        self::assertSame(AdditionalSecretVaultClient::class, $result['client']);
        self::assertSame([false, false], $result['supports']);
        foreach (['cancellable', 'streaming', 'streaming without a signal', 'limited'] as $call) {
            self::assertStringContainsString('"authorization":"Bearer tok-1"', self::text($result[$call] ?? null), $call);
        }
        self::assertSame([[self::CANCELLED, 1786579201], [self::CANCELLED, 1790475701]], $result['cancelled']);
        $seen = json_decode(self::text($result['fields'] ?? null), true);
        self::assertIsArray($seen);
        self::assertSame(
            '{"a":1,"subject":"tok-1","client_secret":"tok-2"}',
            base64_decode(self::text($seen['body'] ?? null), true),
        );

        $files = glob(self::$site->path . '/var/sqlite/*.sqlite');
        self::assertIsArray($files);
        $database = new \PDO('sqlite:' . $files[0]);
        $count = static fn (string $sql): int => (int) ($database->query($sql) ?: throw new \LogicException($sql))->fetchColumn();
        self::assertSame(5, $count("SELECT COUNT(*) FROM tx_nrvault_audit_log WHERE action = 'http_call' AND success = 1"));
        self::assertSame(2, $count("SELECT COUNT(*) FROM tx_nrvault_audit_log WHERE action = 'http_call_cancelled_before_send'"));
        self::assertSame(5, $count('SELECT COUNT(*) FROM tx_nrvault_outbound_audit'));
        self::assertSame(6, $count("SELECT COUNT(*) FROM tx_nrvault_audit_log WHERE action = 'read'"));
    }

    private static function text(mixed $value): string
    {
        self::assertIsString($value);
        return $value;
    }
}
