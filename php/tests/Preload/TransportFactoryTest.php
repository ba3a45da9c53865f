<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Support\Host;
use Netresearch\NrVault\Outbound\Tests\Support\OtherLibrary;
use Netresearch\NrVault\Outbound\Tests\Support\Process;
use PHPUnit\Framework\TestCase;

/**
 * The choice between the library and PHP, each in a process of its own.
 */
final class TransportFactoryTest extends TestCase
{
    private const UNAVAILABLE = 'configuration.transport_unavailable';

    private Host $host;

    protected function setUp(): void
    {
        $this->host = new Host();
    }

    protected function tearDown(): void
    {
        $this->host->remove();
    }

    public function testABoundLibraryIsTaken(): void
    {
        $answer = $this->select($this->host->installation->library);

        $with = ['auto' => 'RustFfiTransport', 'rust' => 'RustFfiTransport', 'php' => 'FakeTransport'];
        self::assertSame($with, $answer['results']['with']);
        self::assertSame(array_replace($with, ['php' => self::UNAVAILABLE]), $answer['results']['without']);
        self::assertSame([], $answer['log']);
    }

    public function testWithoutALibraryAutoTakesPhpAndSaysWhyOnce(): void
    {
        $answer = $this->select('/nonexistent.so');

        $with = ['auto' => 'FakeTransport', 'rust' => self::UNAVAILABLE, 'php' => 'FakeTransport'];
        self::assertSame($with, $answer['results']['with']);
        self::assertCount(1, $answer['log']);
        self::assertStringStartsWith('warning ', $answer['log'][0]);
        self::assertStringContainsString('The library could not be opened', $answer['log'][0]);
    }

    public function testWithoutALibraryAndWithoutPhpNothingIsSent(): void
    {
        $answer = $this->select('/nonexistent.so');

        self::assertSame([self::UNAVAILABLE], array_values(array_unique($answer['results']['without'])));
    }

    public function testWithFfiOffAutoTakesPhp(): void
    {
        $answer = $this->select($this->host->installation->library, ['ffi.enable' => '0']);

        self::assertSame('FakeTransport', $answer['results']['with']['auto']);
        self::assertStringContainsString('ffi.enable', $answer['log'][0]);
    }

    public function testALibraryOfAnotherVersionNeverFallsBack(): void
    {
        $answer = $this->select(OtherLibrary::build($this->host->directory));

        $with = ['auto' => self::UNAVAILABLE, 'rust' => self::UNAVAILABLE, 'php' => 'FakeTransport'];
        self::assertSame($with, $answer['results']['with']);
        self::assertSame([], $answer['log']);
    }

    public function testALibraryThatLacksAFunctionNeverFallsBack(): void
    {
        $answer = $this->select(OtherLibrary::build($this->host->directory, without: 'secure_outbound_explain'));

        self::assertSame(self::UNAVAILABLE, $answer['results']['with']['auto']);
        self::assertSame([], $answer['log']);
    }

    public function testAConfigurationThatTheLibraryRefusesNeverFallsBack(): void
    {
        $answer = $this->select($this->host->installation->library, [], '{"no_such_key": 1}');

        self::assertSame('configuration.invalid', $answer['results']['with']['auto']);
        self::assertSame([], $answer['log']);
    }

    /**
     * @param array<string, string> $ini
     * @return array<string, mixed>
     */
    private function select(string $library, array $ini = [], string $config = '{}'): array
    {
        $iniFile = Host::iniFile($this->host->directory, $ini);
        $result = Process::run(
            [PHP_BINARY, '-c', $iniFile, $this->host->app . '/select.php', $config],
            ['SECURE_OUTBOUND_LIBRARY' => $library] + Host::ONLY_THIS_INI,
        );
        return json_decode($result['output'], true) ?? throw new \RuntimeException($result['output']);
    }
}
