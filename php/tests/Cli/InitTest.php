<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Cli;

use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Installation;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;

/**
 * `secure-outbound init` makes the files that a host needs, with their owners and modes.
 *
 * @group root
 */
final class InitTest extends CommandTestCase
{
    use DoctorFindings;

    private string $etc;

    private string $log;

    protected function setUp(): void
    {
        parent::setUp();
        $this->etc = $this->directory->path . '/etc';
        $this->log = $this->directory->path . '/log';
    }

    public function testOwnersModesAndWhatComesNext(): void
    {
        $output = $this->init();

        $expected = [
            $this->etc => '40755 root root',
            $this->etc . '/transport.json' => '100640 root www-data',
            $this->etc . '/services.json' => '100640 root www-data',
            $this->etc . '/vault' => '40750 root www-data',
            $this->etc . '/vault.key' => '100400 www-data www-data',
            $this->log => '42750 www-data adm',
        ];
        $found = array_merge([$this->etc, $this->log], glob($this->etc . '/*') ?: []);
        self::assertEqualsCanonicalizing(array_keys($expected), $found);
        foreach ($expected as $path => $is) {
            self::assertSame($is, self::stat($path), $path);
            self::assertMatchesRegularExpression('~^made  ' . preg_quote($path) . '  [0-7]{4} [a-z-]+$~m', $output);
        }
        self::assertStringContainsString('made  ' . $this->log . '  2750 www-data', $output);
        self::assertStringContainsString("secure-outbound seal NAME --config={$this->etc}/transport.json < PAYLOAD", $output);
        self::assertSame(32, strlen((string) base64_decode((string) file_get_contents($this->etc . '/vault.key'), true)));
        $registry = new JsonFileServiceRegistry($this->etc . '/services.json');
        self::assertSame([[], []], [$registry->ids(), $registry->problems()]);
    }

    public function testADirectoryForTheCompiledRegistryIsPhpsOwn(): void
    {
        $cache = $this->directory->path . '/cache';
        $this->init(['--cache=' . $cache]);
        self::assertSame('40700 www-data www-data', self::stat($cache));

        $command = ['init', $this->etc, '--audit=' . $this->log, '--cache=cache'];
        self::assertStringContainsString('--cache is an absolute path', self::command($command)['output']);
    }

    public function testTheDoctorFindsNothingWrongAndACredentialIsSealed(): void
    {
        $this->init();
        $files = ['--config=' . $this->etc . '/transport.json', '--registry=' . $this->etc . '/services.json',
            '--credentials=' . $this->etc . '/vault'];
        $result = self::command(['doctor', '--no-fpm', '--format=json', ...$files]);
        $report = json_decode($result['output'], true);
        $wrong = array_filter(
            array_column($report['findings'], 'verdict', 'code'),
            static fn (string $verdict, string $code): bool => $verdict !== 'ok' && preg_match('/^(config|registry)\./', $code) === 1,
            ARRAY_FILTER_USE_BOTH,
        );
        self::assertSame([], $wrong, $result['output']);

        self::envelope(['my_api_key', $files[0]], '{"type": "bearer", "token": "t", "binding": {"hosts": ["api.example.com"]}}');
    }

    public function testPhpsUserMakesAClientOfIt(): void
    {
        $this->init();
        $code = 'require $argv[1]; $client = \Netresearch\NrVault\Outbound\SecureOutbound::fromDirectory($argv[2], $argv[3]);'
            . 'try { $client->get("my-api", "/"); } catch (\Netresearch\NrVault\Outbound\Exception\OutboundException $e) {'
            . ' echo $e->errorCode(); } echo count(file($argv[3]));';
        $result = Process::run(['setpriv', '--reuid', 'www-data', '--regid', 'www-data', '--clear-groups', PHP_BINARY, '-r', $code,
            (new Installation($this->directory))->php . '/autoload.php', $this->etc, $this->log . '/audit.jsonl']);

        self::assertSame(['code' => 0, 'output' => 'policy.service_unknown1'], $result);
    }

    public function testWhatIsThereStays(): void
    {
        $this->init();
        $before = self::contents($this->etc);
        $key = $this->etc . '/vault.key';
        unlink($this->etc . '/services.json');
        symlink($this->directory->path . '/nowhere', $this->etc . '/services.json');
        rmdir($this->etc . '/vault');
        $output = $this->init();

        self::assertSame($before[$key], file_get_contents($key));
        self::assertSame($before[$this->etc . '/transport.json'], file_get_contents($this->etc . '/transport.json'));
        self::assertFileDoesNotExist($this->directory->path . '/nowhere');
        self::assertSame(5, substr_count($output, 'kept  '), $output);
        self::assertStringContainsString('made  ' . $this->etc . '/vault  0750 root', $output);
    }

    public function testAnotherUser(): void
    {
        $this->init(['--user=nobody']);

        self::assertSame('100400 nobody nogroup', self::stat($this->etc . '/vault.key'));
        self::assertSame('42750 nobody adm', self::stat($this->log));
    }

    public function testWithoutRootAllIsTheCallers(): void
    {
        chmod($this->directory->path, 0777);
        $program = (new Installation($this->directory))->php . '/bin/secure-outbound';
        $as = ['setpriv', '--reuid', 'nobody', '--regid', 'nogroup', '--clear-groups', PHP_BINARY, $program];
        $options = ['init', $this->etc, '--audit=' . $this->log];
        $result = Process::run([...$as, ...$options]);
        self::assertSame(0, $result['code'], $result['output']);
        self::assertSame('100400 nobody nogroup', self::stat($this->etc . '/vault.key'));
        self::assertSame('42750 nobody nogroup', self::stat($this->log));

        $result = Process::run([...$as, ...$options, '--user=www-data']);
        self::assertSame(64, $result['code']);
        self::assertStringContainsString('Only root can give files to another user.', $result['output']);
    }

    public function testRootMakesNothingWhereOthersCanPutALink(): void
    {
        $open = $this->directory->path . '/open';
        mkdir($open);
        chmod($open, 0775);
        foreach ([[$open . '/etc', $this->log, $open], [$this->etc, $open . '/log', $open], [$open, $this->log, $open]] as [$etc, $log, $named]) {
            $result = self::command(['init', $etc, '--audit=' . $log]);
            self::assertSame(64, $result['code'], $result['output']);
            self::assertStringContainsString("Others than root can write to $named.", $result['output']);
        }
        // Despite the sticky bit, others can make the directory first, and its new owner can replace it.
        $sticky = $this->directory->path . '/sticky';
        mkdir($sticky) && chmod($sticky, 01777);
        foreach ([[$sticky . '/etc', $this->log], [$this->etc, $sticky . '/log'], [$sticky, $this->log]] as [$etc, $log]) {
            $result = self::command(['init', $etc, '--audit=' . $log]);
            self::assertSame(64, $result['code'], $result['output']);
            self::assertStringContainsString("Others than root can write to $sticky.", $result['output']);
        }
        self::assertSame(['.', '..'], scandir($sticky));
        // Links are followed: others can change a link in such a directory, and a link may lead into one.
        mkdir($this->directory->path . '/mine') && symlink($this->directory->path . '/mine', $sticky . '/out');
        self::assertSame(64, self::command(['init', $sticky . '/out/etc', '--audit=' . $this->log])['code']);
        self::assertSame(['.', '..'], scandir($this->directory->path . '/mine'));
        mkdir($open . '/below');
        symlink($open . '/below', $this->directory->path . '/link');
        self::assertSame(64, self::command(['init', $this->directory->path . '/link/etc', '--audit=' . $this->log])['code']);
        self::assertSame([], array_diff(scandir($open) ?: [], ['.', '..', 'below']));
        self::assertFileDoesNotExist($this->etc);
    }

    /**
     * @dataProvider mistakes
     * @param list<string> $arguments
     */
    public function testMistakes(array $arguments, string $message): void
    {
        $local = fn (string $text): string => str_replace('@', $this->directory->path, $text);
        $this->directory->write('file', '');
        $result = self::command(['init', ...array_map($local, $arguments)]);

        self::assertSame(['code' => 64, 'output' => 'secure-outbound init: ' . $local($message) . "\n"], $result);
        self::assertFileDoesNotExist($this->etc);
    }

    /**
     * @return iterable<array{list<string>, string}>
     */
    public static function mistakes(): iterable
    {
        yield [['etc'], 'DIR is an absolute path of ASCII characters.'];
        yield [['/'], 'DIR is an absolute path of ASCII characters.'];
        yield [["@/e\e[2J"], 'DIR is an absolute path of ASCII characters.'];
        yield [['@/etc', '--audit=log'], '--audit is an absolute path of ASCII characters.'];
        yield [['@/etc', '--audit=@/no/log'], 'There is no directory @/no yet: mkdir -p @/no'];
        yield [['@/file', '--audit=@/log'], '@/file is no directory.'];
        yield [
            ['@/etc', '--audit=@/log', '--user=no-such-user'],
            'There is no such user: name the one that PHP runs as, --user=USER.',
        ];
    }

    /**
     * @param list<string> $options
     */
    private function init(array $options = []): string
    {
        return self::printed(['init', $this->etc, '--audit=' . $this->log, ...$options]);
    }

    private static function stat(string $path): string
    {
        clearstatcache();
        $stat = lstat($path);
        self::assertIsArray($stat);
        return sprintf('%o %s %s', $stat['mode'], posix_getpwuid($stat['uid'])['name'], posix_getgrgid($stat['gid'])['name']);
    }

    /**
     * @return array<string, string>
     */
    private static function contents(string $directory): array
    {
        $files = array_filter(glob($directory . '/*') ?: [], is_file(...));
        return array_combine($files, array_map(file_get_contents(...), $files));
    }
}
