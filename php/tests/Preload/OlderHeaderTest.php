<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Worker;
use Netresearch\NrVault\Outbound\Tests\Support\Server\HoldingServer;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\TestCase;

/**
 * A php-fpm whose ffi.preload names the header of a release that had no streams.
 *
 * @group root
 */
final class OlderHeaderTest extends TestCase
{
    private TempDir $directory;
    private HoldingServer $server;
    private Worker $worker;

    protected function setUp(): void
    {
        $this->directory = new TempDir('header');
        $this->server = new HoldingServer('1.1');
        $header = preg_replace(
            ['/^#define FFI_LIB .*$/m', '/^int32_t secure_outbound_(start\w*|write|wait|head|read|cancel|end|event)\([^;]*\);$/m'],
            ['#define FFI_LIB "' . Build::library() . '"', ''],
            (string) file_get_contents(Build::header()),
            count: $count,
        );
        self::assertSame(12, $count, 'the library and eleven functions');
        $this->worker = new Worker($this->server, ini: ['ffi.preload' => $this->directory->write('older.h', (string) $header)]);
    }

    protected function tearDown(): void
    {
        $this->worker->stop();
        $this->server->stop();
        $this->directory->remove();
    }

    public function testWholeCallsGoOnAndStreamsAreRefusedBeforeAnythingIsOpened(): void
    {
        $this->server->answerInPieces('identity', ['{}']);
        self::assertSame(200, $this->worker->send()['results'][0]['status']);
        $requests = $this->server->requests();

        mkdir($logs = $this->directory->path . '/logs');
        chmod($logs, 0777);
        $input = ['config' => $this->server->config(), 'options' => [], 'pause' => null, 'end' => '', 'log' => $logs . '/audit.jsonl'];
        $service = ['base_url' => $this->server->url(), 'policy' => ['allowed_methods' => ['GET']], 'transport' => 'rust'];
        $answer = $this->worker->run('stream.php', (string) json_encode($input + ['service' => $service]))->response();
        self::assertStringEndsWith("\nconfiguration.transport_unavailable", $answer);
        self::assertSame($requests, $this->server->requests());
    }
}
