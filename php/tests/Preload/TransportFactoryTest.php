<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Support\Double\OtherLibrary;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Host;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use PHPUnit\Framework\TestCase;

/**
 * The choice between the library and PhpTransport. Each test runs PHP in a process of its own.
 *
 * @group root
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

        $expected = ['auto' => 'RustFfiTransport', 'rust' => 'RustFfiTransport', 'php' => 'PhpTransport'];
        self::assertSame($expected, $answer['results']);
        self::assertSame([], $answer['log']);
        self::assertSame('', $answer['said']);
    }

    public function testWithoutALibraryAutoTakesPhpAndSaysWhyOnce(): void
    {
        $answer = $this->select('/nonexistent.so');

        $expected = ['auto' => 'PhpTransport', 'rust' => self::UNAVAILABLE, 'php' => 'PhpTransport'];
        self::assertSame($expected, $answer['results']);
        self::assertCount(1, $answer['log']);
        self::assertStringStartsWith('warning ', $answer['log'][0]);
        self::assertStringContainsString('the library could not be opened', $answer['log'][0]);
        self::assertSame(1, substr_count($answer['said'], 'secure-outbound: PHP opens the credentials itself: '));
    }

    /**
     * @dataProvider neededByPhp
     * @param list<string> $left
     */
    public function testWithoutALibraryAndWithoutAnExtensionNothingIsSent(array $left): void
    {
        $answer = $this->select('/nonexistent.so', extensions: $left);

        $expected = array_fill_keys(['auto', 'rust', 'php'], self::UNAVAILABLE);
        self::assertSame($expected, $answer['results']);
    }

    /**
     * @return iterable<string, array{list<string>}>
     */
    public static function neededByPhp(): iterable
    {
        yield 'no curl, whatever PHP has for streams' => [['sockets']];
        yield 'no sockets' => [['curl']];
    }

    public function testWithFfiOffAutoTakesPhp(): void
    {
        $answer = $this->select($this->host->installation->library, ['ffi.enable' => '0']);

        self::assertSame('PhpTransport', $answer['results']['auto']);
        self::assertStringContainsString('ffi.enable', $answer['log'][0]);
    }

    public function testALibraryOfAnotherVersionNeverFallsBack(): void
    {
        $answer = $this->select(OtherLibrary::build($this->host->directory));

        $expected = ['auto' => self::UNAVAILABLE, 'rust' => self::UNAVAILABLE, 'php' => 'PhpTransport'];
        self::assertSame($expected, $answer['results']);
        self::assertSame([], $answer['log']);
    }

    public function testALibraryThatLacksAFunctionNeverFallsBack(): void
    {
        $answer = $this->select(OtherLibrary::build($this->host->directory, 'secure_outbound_explain', 1));

        self::assertSame(self::UNAVAILABLE, $answer['results']['auto']);
        self::assertSame([], $answer['log']);
    }

    public function testTheConfigurationCanForbidPhp(): void
    {
        $off = '{"php_transport": false}';
        $answer = $this->select($this->host->installation->library, [], $off);
        $expected = ['auto' => 'RustFfiTransport', 'rust' => 'RustFfiTransport', 'php' => self::UNAVAILABLE];
        self::assertSame($expected, $answer['results']);

        foreach ([['/nonexistent.so', []], [$this->host->installation->library, ['ffi.enable' => '0']]] as $without) {
            $answer = $this->select(...[...$without, $off]);
            self::assertSame(array_fill_keys(['auto', 'rust', 'php'], self::UNAVAILABLE), $answer['results']);
            self::assertSame([], $answer['log']);
            self::assertStringContainsString('php_transport', $answer['messages']['auto']);
            self::assertStringContainsString($without[1] === [] ? 'could not be opened' : 'ffi.enable', $answer['messages']['auto']);
        }
        $answer = $this->select('/nonexistent.so', [], '{"php_transport": true}');
        self::assertSame('PhpTransport', $answer['results']['auto']);
    }

    public function testAConfigurationThatIsRefusedIsRefusedByBoth(): void
    {
        $answer = $this->select($this->host->installation->library, [], '{"no_such_key": 1}');

        $expected = array_fill_keys(['auto', 'rust', 'php'], 'configuration.invalid');
        self::assertSame($expected, $answer['results']);
        self::assertSame([], $answer['log']);
    }

    /**
     * @param array<string, string> $ini
     * @param list<string> $extensions that PhpTransport needs
     * @return array<string, mixed>
     */
    private function select(
        string $library,
        array $ini = [],
        string $config = '{}',
        array $extensions = ['curl', 'sockets'],
    ): array {
        $iniFile = Host::iniFile($this->host->directory, $ini, $extensions);
        $result = Process::run(
            [PHP_BINARY, '-c', $iniFile, $this->host->app . '/select.php', $config],
            ['SECURE_OUTBOUND_LIBRARY' => $library] + Host::ONLY_THIS_INI,
        );
        // The output begins with what the script wrote to standard error.
        [$said, $json] = explode('{"results"', $result['output'], 2) + [1 => ''];
        $answer = json_decode('{"results"' . $json, true) ?? throw new \RuntimeException($result['output']);
        return $answer + ['said' => $said];
    }
}
