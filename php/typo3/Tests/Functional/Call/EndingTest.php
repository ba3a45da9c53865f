<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Call;

use Netresearch\NrSecureOutbound\Tests\Functional\CallTestCase;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Service\SecureHttpClient;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;

/**
 * Calls that end after their beginning, by the library and by PHP: an API that goes silent, a caller that wants no more or goes
 * away. Each is recorded once.
 */
final class EndingTest extends CallTestCase
{
    private FaultServer $api;

    protected function setUp(): void
    {
        parent::setUp();
        $this->api = new FaultServer(new TempDir('ending'));
        $tls = self::$upstream->tls;
        $port = $this->api->listen('api', ['certificate' => $tls->certificate, 'key' => $tls->key, 'alpn' => ['http/1.1']]);
        self::setting(['SYS', 'nrVault', 'outbound', 'internal_hosts'], [
            ['host' => 'localhost', 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => [$port]],
        ]);
        $this->serviceWithSecret('rust', 's3cr3t', ['base_url' => "https://localhost:$port", 'transport' => 'rust']);
        $this->serviceWithSecret('php', 's3cr3t', ['base_url' => "https://localhost:$port", 'transport' => 'php']);
    }

    protected function tearDown(): void
    {
        $this->api->stop();
        parent::tearDown();
    }

    /**
     * @return array<string, array{string}>
     */
    public static function transports(): array
    {
        return ['by the library' => ['rust'], 'by PHP' => ['php']];
    }

    #[Test]
    #[DataProvider('transports')]
    public function anApiThatGoesSilentInItsBody(string $transport): void
    {
        $this->api->script('api', $this->part());

        $body = $this->streams()->stream($transport, 'GET', '/', ['idleTimeout' => .2])->body();

        self::assertSame('first', $body->read(100));
        self::assertSame('timeout.idle', self::failure(static fn () => $body->read(100))->errorCode());
        $this->isRecorded($transport, 'failed', 'timeout.idle', 200);
    }

    #[Test]
    #[DataProvider('transports')]
    public function anApiThatIsSilentFromTheBeginning(string $transport): void
    {
        $this->api->script('api', [['read-head'], ['silence']]);

        $failure = self::failure(fn () => $this->client()->request($transport, 'GET', '/', ['idleTimeout' => .2]));

        self::assertSame('timeout.idle', $failure->errorCode());
        $this->isRecorded($transport, 'failed', 'timeout.idle', null);
    }

    #[Test]
    #[DataProvider('transports')]
    public function aCallerThatWantsNoMore(string $transport): void
    {
        $this->api->script('api', $this->part());
        $isEnough = false;
        $body = $this->streams()->stream($transport, 'GET', '/', ['cancel' => static function () use (&$isEnough): bool {
            return $isEnough;
        }])->body();
        self::assertSame('first', $body->read(100));
        $isEnough = true;

        self::assertSame('cancelled.requested', self::failure(static fn () => $body->read(100))->errorCode());
        $this->isRecorded($transport, 'failed', 'cancelled.requested', 200);
    }

    #[Test]
    #[DataProvider('transports')]
    public function aCallerThatGoesAway(string $transport): void
    {
        $this->api->script('api', $this->part());
        $response = $this->streams()->stream($transport, 'GET', '/');
        self::assertSame('first', $response->body()->read(100));
        unset($response);

        $this->isRecorded($transport, 'failed', 'cancelled.abandoned', 200);
    }

    /**
     * The steps of an API that sends a part of its body, and then nothing.
     *
     * @return list<array<mixed>>
     */
    private function part(): array
    {
        return [['read-head'], FaultServer::write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst"), ['silence']];
    }

    private function streams(): SecureHttpClient
    {
        return $this->get(SecureHttpClient::class);
    }

    private function isRecorded(string $transport, string $outcome, string $code, ?int $status): void
    {
        $rows = $this->rows('tx_nrvault_outbound_audit');
        self::assertCount(1, $rows);
        self::assertSame(
            [$transport === 'rust' ? 'rust-ffi' : 'php', $outcome, $code, $status],
            [$rows[0]['transport'], $rows[0]['outcome'], $rows[0]['error_code'], $rows[0]['status']],
        );
    }
}
