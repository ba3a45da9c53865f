<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Support\Double\OtherLibrary;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Host;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use Netresearch\NrVault\Transport\NativeLibrary;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;
use PHPUnit\Framework\TestCase;

/**
 * PHP's CLI, which binds the library without a preload script. Each test runs a process of its own.
 *
 * @group root
 */
final class CliTest extends TestCase
{
    private Host $host;

    protected function setUp(): void
    {
        $this->host = new Host();
    }

    protected function tearDown(): void
    {
        $this->host->remove();
    }

    public function testItSendsThroughTheLibraryThatTheEnvironmentNames(): void
    {
        $upstream = new Upstream();
        $answer = $this->script('send.php', $this->host->installation->library, $this->host->input($upstream, 2));
        $upstream->stop();

        self::assertSame('cli', $answer['sapi']);
        self::assertSame(200, $answer['results'][0]['status'] ?? $answer['results'][0]);
        self::assertSame('Bearer tok-7f3a', $answer['results'][1]['seen']['headers']['authorization']);
        self::assertTrue($answer['results'][1]['audit']['connection_reused']);
    }

    public function testFfiPreloadIsNoHindrance(): void
    {
        $ini = $this->host->ini() + ['opcache.enable_cli' => '1'];
        $answer = $this->script('report.php', $this->host->installation->library, ini: $ini);

        self::assertSame(['code' => null, 'message' => ''], $answer);
    }

    public function testALibraryOfAnotherAbiVersionIsRefused(): void
    {
        $answer = $this->script('report.php', OtherLibrary::build($this->host->directory));

        self::assertSame(
            'the library speaks ABI version 2, this package 1: install matching versions '
                . '[configuration.transport_unavailable]',
            $answer['message'],
        );
    }

    public function testAMissingLibraryIsNamed(): void
    {
        $answer = $this->script('report.php', '/nonexistent/libsecure_outbound.so');

        self::assertSame('configuration.transport_unavailable', $answer['code']);
        self::assertStringContainsString('set SECURE_OUTBOUND_LIBRARY to its path', $answer['message']);
        self::assertStringContainsString('/nonexistent/libsecure_outbound.so', $answer['message']);
    }

    public function testFfiThatIsOffIsNamed(): void
    {
        $answer = $this->script('report.php', $this->host->installation->library, ini: ['ffi.enable' => '0']);

        self::assertStringContainsString('set ffi.enable=preload', $answer['message']);
    }

    public function testAPhpWithoutFfiIsNamed(): void
    {
        $result = Process::run(
            [PHP_BINARY, '-n', $this->host->app . '/report.php'],
            ['SECURE_OUTBOUND_LIBRARY' => $this->host->installation->library],
        );

        self::assertStringContainsString('install and load its ffi extension', $result['output']);
    }

    public function testANativeLibraryWithMoreMethodsIsUsed(): void
    {
        $this->numberNativeLibrary(NativeLibrary::API + 1);

        self::assertSame(['code' => null, 'message' => ''], $this->script('report.php', $this->host->installation->library));
    }

    public function testANativeLibraryThatLacksMethodsIsNoticed(): void
    {
        $this->numberNativeLibrary(RustFfiTransport::LEAST_NATIVE_API - 1);
        $answer = $this->script('report.php', $this->host->installation->library);

        self::assertSame('configuration.transport_unavailable', $answer['code']);
        self::assertStringContainsString('reload PHP after an update', $answer['message']);
    }

    private function numberNativeLibrary(int $number): void
    {
        $source = (string) file_get_contents($this->host->installation->php . '/src/Transport/NativeLibrary.php');
        $source = str_replace('public const API = ' . NativeLibrary::API . ';', "public const API = $number;", $source, $count);
        self::assertSame(1, $count);
        $this->host->directory->write('php/src/Transport/NativeLibrary.php', $source);
    }

    /**
     * @param array<string, string> $ini
     * @return array<string, mixed>
     */
    private function script(string $script, string $library, string $input = '', array $ini = []): array
    {
        $iniFile = Host::iniFile($this->host->directory, $ini);
        $result = Process::run(
            [PHP_BINARY, '-c', $iniFile, $this->host->app . '/' . $script],
            ['SECURE_OUTBOUND_LIBRARY' => $library] + Host::ONLY_THIS_INI,
            $input,
        );
        return json_decode($result['output'], true) ?? throw new \RuntimeException($result['output']);
    }
}
