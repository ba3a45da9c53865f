<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Host;
use Netresearch\NrVault\Outbound\Tests\Support\Server\PhpServer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use PHPUnit\Framework\TestCase;

/**
 * php -S with ffi.enable=preload.
 *
 * @group root
 */
final class PhpServerTest extends TestCase
{
    private Host $host;
    private PhpServer $server;

    protected function setUp(): void
    {
        $this->host = new Host();
        $this->server = new PhpServer($this->host->app, $this->host->ini());
    }

    protected function tearDown(): void
    {
        $this->server->stop();
        $this->host->remove();
    }

    public function testItSendsAndKeepsTheConnection(): void
    {
        $upstream = new Upstream();
        $input = $this->host->input($upstream);
        $first = $this->server->json('send.php', $input);
        $second = $this->server->json('send.php', $input);
        $upstream->stop();

        self::assertSame('cli-server', $first['sapi']);
        self::assertSame(200, $first['results'][0]['status'] ?? $first['results'][0]);
        self::assertSame('Bearer tok-7f3a', $first['results'][0]['seen']['headers']['authorization']);
        self::assertSame('/v1/echo', $first['results'][0]['template']);
        self::assertFalse($first['results'][0]['audit']['connection_reused']);
        self::assertTrue($second['results'][0]['audit']['connection_reused']);
    }

    public function testAFileThatIsNotPreloadedReachesNothing(): void
    {
        AttackReport::assertNothingReached($this->server->json('attack.php'));
    }
}
