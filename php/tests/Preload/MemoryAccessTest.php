<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Support\MixedCalls;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Host;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use PHPUnit\Framework\TestCase;

/**
 * A tool checks every access to memory while PHP makes calls, some of which fail: Valgrind, or AddressSanitizer if
 * SECURE_OUTBOUND_SANITIZED=1 says that the library is built with it. PHP's own allocator is switched off, so that the tool knows each
 * block of memory. SECURE_OUTBOUND_CALLS is the number of calls, for more than "make test" makes.
 *
 * @group root
 */
final class MemoryAccessTest extends TestCase
{
    private const FOUND = 99;
    private const CALLS = 34;

    private Host $host;

    protected function setUp(): void
    {
        $this->host = new Host();
    }

    protected function tearDown(): void
    {
        $this->host->remove();
    }

    public function testNoCallTouchesMemoryThatIsNotItsOwn(): void
    {
        $upstream = new Upstream();
        $count = (int) getenv('SECURE_OUTBOUND_CALLS') ?: self::CALLS;
        $ini = $this->host->ini() + ['opcache.enable_cli' => '1'];
        $result = $this->watch(['calls.php'], $ini, MixedCalls::input($upstream, $count));
        $upstream->stop();

        self::assertSame(0, $result['code'], $result['output']);
        $answer = json_decode($result['output'], true);
        self::assertSame([$count, []], [$answer['calls'] ?? null, $answer['other'] ?? null], $result['output']);
    }

    /**
     * @testWith ["after"]
     *           ["beyond"]
     */
    public function testTheToolSeesWhatIsDoneWrong(string $wrong): void
    {
        $result = $this->watch(['misuse.php', $wrong], [], '');

        self::assertSame(self::FOUND, $result['code'], $result['output']);
        $found = '/Invalid read of size|heap-use-after-free|heap-buffer-overflow/';
        self::assertMatchesRegularExpression($found, $result['output']);
    }

    /**
     * @param non-empty-list<string> $script the script and its arguments
     * @param array<string, string> $ini
     * @return array{code: int, output: string}
     */
    private function watch(array $script, array $ini, #[\SensitiveParameter] string $input): array
    {
        $environment = ['USE_ZEND_ALLOC' => '0', 'SECURE_OUTBOUND_LIBRARY' => $this->host->installation->library];
        $tool = ['valgrind', '--quiet', '--error-exitcode=' . self::FOUND];
        if (getenv('SECURE_OUTBOUND_SANITIZED') === '1') {
            $environment['LD_PRELOAD'] = $this->runtime();
            // The runtime is only the second library that is preloaded, and PHP does not free everything before it ends.
            $environment['ASAN_OPTIONS'] = 'verify_asan_link_order=0:detect_leaks=0:exitcode=' . self::FOUND;
            $tool = ['env'];
        }
        $iniFile = Host::iniFile($this->host->directory, $ini + ['pcre.jit' => '0']);
        $script[0] = $this->host->app . '/' . $script[0];
        return Process::run(
            [...$tool, PHP_BINARY, '-c', $iniFile, ...$script],
            $environment + Host::ONLY_THIS_INI,
            $input,
        );
    }

    /** The libraries to preload into a program that is not built with AddressSanitizer; tests/c/dlopen.c has the reason. */
    private function runtime(): string
    {
        $first = $this->host->directory->path . '/dlopen.so';
        $source = dirname(__DIR__, 3) . '/tests/c/dlopen.c';
        $built = Process::run(['cc', '-std=c99', '-shared', '-fPIC', '-o', $first, $source]);
        self::assertSame(0, $built['code'], $built['output']);
        $second = Process::run(['cc', '-print-file-name=libasan.so']);
        return $first . ' ' . trim($second['output']);
    }
}
