<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Fpm;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Host;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\TestCase;

/**
 * The compiled registry in a real php-fpm; opcache's hit counts show whether it is used. A registry is compiled only some time after its
 * last change, so these tests repeat a request until that has happened.
 *
 * @group root
 */
final class RegistryCacheTest extends TestCase
{
    private const EVIL = "<?php file_put_contents(%s, 'ran'); return ['of' => %s, 'entries' => %s];";

    private static Host $host;
    private static Fpm $fpm;

    /** The directory of the registry that no test changes. */
    private static TempDir $settled;

    private TempDir $directory;
    private string $registry;
    private string $cache;

    public static function setUpBeforeClass(): void
    {
        self::$host = new Host();
        self::$fpm = new Fpm([], workers: 2);
        self::$settled = new TempDir('settled');
        self::$settled->write('services.json', self::json('a.example'));
        mkdir(self::$settled->path . '/cache', 0700) && chown(self::$settled->path . '/cache', Fpm::USER);
    }

    public static function tearDownAfterClass(): void
    {
        self::$fpm->stop();
        self::$host->remove();
        self::$settled->remove();
    }

    protected function setUp(): void
    {
        $this->directory = new TempDir('compiled');
        $this->registry = self::$settled->path . '/services.json';
        $this->cache = self::$settled->path . '/cache';
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    public function testAllWorkersUseOneCompiledFormAndTheRegistryIsAsItWas(): void
    {
        $plain = $this->read(cache: '/nonexistent');
        self::assertSame([], $plain['code']);
        $first = $this->compiled();
        $answers = [];
        for ($request = 0; $request < 12; $request++) {
            $answers[] = $this->read();
        }

        $file = array_key_first($first['code']);
        self::assertSame([$file], $this->files());
        foreach ($answers as $answer) {
            self::assertSame([$file], array_keys($answer['code']));
            self::assertSame(array_diff_key($plain, ['pid' => 0, 'code' => 0]), array_diff_key($answer, ['pid' => 0, 'code' => 0]));
        }
        self::assertSame(12, $answers[11]['code'][$file] - $first['code'][$file], 'every request was a hit of opcache');
        self::assertCount(2, array_unique(array_column($answers, 'pid')), 'both workers were asked');
        $stat = stat($this->cache . '/' . $file);
        self::assertSame([posix_getpwnam(Fpm::USER)['uid'], 0100600], [$stat['uid'], $stat['mode']]);
    }

    /**
     * @return array<string, array{string}>
     */
    public static function edits(): array
    {
        return [
            'in place' => ['cat "$1" > "$0"'],
            'with its old times' => ['touch -r "$0" "$1.times" && cat "$1" > "$0" && touch -r "$1.times" "$0"'],
            'by rename' => ['touch -r "$0" "$1" && mv "$1" "$0"'],
            'behind a link' => ['touch -r "$0" "$1" && ln -s "$1" "$0.link" && mv -T "$0.link" "$0"'],
        ];
    }

    /**
     * @dataProvider edits
     */
    public function testAnEditIsSeenAtTheNextRequest(string $edit): void
    {
        $this->ownRegistry();
        $before = $this->compiled();
        self::assertSame('a.example', $before['host']);
        $new = $this->directory->write('new.json', self::json('b.example'));
        $this->sh($edit, $this->registry, $new);
        $after = $this->read();

        self::assertSame('b.example', $after['host']);
        self::assertSame([], $after['code'], 'what has just changed is not compiled');
        $compiled = $this->compiled();
        self::assertSame('b.example', $compiled['host']);
        self::assertSame(array_keys($compiled['code']), $this->files(), 'what was is gone');
        self::assertNotSame(array_keys($before['code']), $this->files());
    }

    /** During a request, PHP caches the last result of stat(). */
    public function testAnEditIsSeenWithinARequestToo(): void
    {
        $this->ownRegistry();
        $this->compiled();
        $new = $this->directory->write('new.json', self::json('b.example'));
        chown($this->registry, Fpm::USER);
        $this->compiled();
        $edit = 'cat ' . $new . ' > ' . $this->registry;

        self::assertSame('b.example', $this->read(edit: $edit)['host']);
    }

    public function testARegistryThatIsBrokenLaterIsSeenToo(): void
    {
        $this->ownRegistry();
        $this->compiled();
        file_put_contents($this->registry, '{');

        self::assertStringContainsString('no JSON', $this->read()['service']);
    }

    /**
     * @return array<string, array{string}> commands, each of which makes a directory unsafe whose "cache" was safe before
     */
    public static function unsafe(): array
    {
        return [
            'the group may write' => ['chmod 0770 cache'],
            'everybody may write' => ['chmod 1777 cache'],
            "another user's" => ['chown nobody cache'],
            'a link' => ['mv cache real && ln -s real cache'],
            'the group may write above' => ['chmod 0775 .'],
            "another user's above" => ['chown nobody .'],
            'a link above' => ['mkdir real && mv cache real && mv real/cache real/x && ln -s real/x cache'],
            'the group may write the file' => ['chmod 0660 cache/*'],
            "another user's file" => ['chown nobody cache/*'],
            'a link in place of the file' => ['cd cache && f=$(echo *) && mv $f ../evil && ln -s ../evil $f'],
        ];
    }

    /**
     * Code that somebody else may have put there is not run: the registry is read instead.
     *
     * @dataProvider unsafe
     */
    public function testWhatOthersCanWriteIsNotRun(string $command): void
    {
        $code = $this->compiled()['code'];
        $planted = $this->planted(array_key_first($code));
        $this->sh('cd "$0" && ' . $command, $planted);
        foreach (['/cache', '/cache/', '/../planted/cache'] as $path) {
            $answer = $this->read(cache: $planted . $path);
            self::assertSame(['a.example', 200], [$answer['host'], $answer['ids']]);
            self::assertFileDoesNotExist($planted . '/ran/marker');
        }
    }

    /** Shows that the tests above can fail: in a safe directory, the same code is run. */
    public function testWhatItsOwnUserPutThereIsRun(): void
    {
        $planted = $this->planted(array_key_first($this->compiled()['code']));
        $answer = $this->read(cache: $planted . '/cache');

        self::assertSame(1, $answer['ids']);
        self::assertFileExists($planted . '/ran/marker');
    }

    /**
     * @return array<string, array{string}>
     */
    public static function incomplete(): array
    {
        return [
            'another version' => ['sed -i "s/\'of\' => \'[0-9.]*/\'of\' => \'9.9.9/" cache/*'],
            'another registry' => ['sed -i "s/services.json/elsewhere.json/" cache/*'],
            'no array' => ['echo "<?php return 1;" | tee cache/*'],
            'half of it' => ['f=$(echo cache/*) && truncate -s 100 $f'],
            'nothing of it' => ['truncate -s 0 cache/*'],
        ];
    }

    /**
     * @dataProvider incomplete
     */
    public function testWhatIsNoWholeFormIsMadeAgain(string $command): void
    {
        $file = array_key_first($this->compiled()['code']);
        $whole = (string) file_get_contents($this->cache . '/' . $file);
        $other = $this->cache('other/cache');
        $this->sh('cp -p "$0" "$1" && cd "$1/.." && ' . $command, $this->cache . '/' . $file, $other);
        self::assertNotSame($whole, file_get_contents($other . '/' . $file));
        self::assertSame('a.example', $this->read(cache: $other)['host']);

        self::assertSame($whole, file_get_contents($other . '/' . $file));
        $this->read(cache: $other);
        $again = $this->read(cache: $other);
        self::assertSame(['a.example', [$file]], [$again['host'], array_keys($again['code'])]);
        self::assertGreaterThan(0, $again['code'][$file]);
    }

    /**
     * @testWith ["root", "0755"]
     *           ["www-data", "0500"]
     */
    public function testWithoutADirectoryToWriteToTheRegistryIsRead(string $owner, string $mode): void
    {
        $this->compiled();
        $other = $this->cache('other', $owner, (int) octdec($mode));
        $answers = [$this->read(cache: $other), $this->read(cache: $other)];

        self::assertSame([['a.example', []], ['a.example', []]], array_map(
            static fn (array $answer): array => [$answer['host'], $answer['code']],
            $answers,
        ));
        self::assertSame(['.', '..'], scandir($other));
    }

    public function testWhatSomebodyHasBegunToWriteIsLeftToHim(): void
    {
        $file = array_key_first($this->compiled()['code']);
        $other = $this->cache('other');
        touch($other . '/' . $file . '.new');
        chown($other . '/' . $file . '.new', Fpm::USER);
        self::assertSame('a.example', $this->read(cache: $other)['host']);
        self::assertSame(['.', '..', $file . '.new'], scandir($other));

        touch($other . '/' . $file . '.new', time() - 3600);
        $this->read(cache: $other);
        $this->read(cache: $other);
        self::assertSame(['.', '..', $file], scandir($other), 'whoever began has died over it');
    }

    public function testACommandLineNeitherWritesNorReads(): void
    {
        $file = array_key_first($this->compiled()['code']);
        $planted = $this->planted($file);
        foreach ([$planted . '/cache' => [$file], $this->cache('empty') => []] as $cache => $files) {
            $input = $this->directory->write('input.json', (string) json_encode($this->input($cache)));
            $command = ['runuser', '-u', Fpm::USER, '--', PHP_BINARY, '-d', 'opcache.enable_cli=1', self::$host->app . '/registry.php'];
            $result = Process::run(['/bin/sh', '-c', 'exec "$@" < ' . $input, 'sh', ...$command]);
            $answer = json_decode($result['output'], true);

            self::assertSame(['a.example', []], [$answer['host'] ?? $result['output'], $answer['code']]);
            self::assertSame(['.', '..', ...$files], scandir($cache));
        }
        self::assertFileDoesNotExist($planted . '/ran/marker');
    }

    /**
     * @testWith ["opcache.enable", "0"]
     *           ["disable_functions", "lstat"]
     *           ["disable_functions", "posix_mknod,umask"]
     */
    public function testWithoutWhatItTakesTheRegistryIsRead(string $setting, string $value): void
    {
        $this->compiled();
        $other = $this->cache('other');
        $fpm = new Fpm([$setting => $value]);
        try {
            $answers = [$this->read(cache: $other, fpm: $fpm), $this->read(cache: $other, fpm: $fpm)];
        } finally {
            $fpm->stop();
        }

        self::assertSame(['a.example', 'a.example'], array_column($answers, 'host'));
        self::assertSame([[], []], array_column($answers, 'code'));
        self::assertSame(['.', '..'], scandir($other));
    }

    /**
     * @testWith [3000, {"memory_limit": "24M"}]
     *           [3000, {"opcache.max_file_size": "100000"}]
     *           [5000, {"opcache.memory_consumption": "8", "opcache.interned_strings_buffer": "1"}]
     * @param array<string, string> $ini
     */
    public function testWhatDoesNotFitIsReadAndNotCompiled(int $services, array $ini): void
    {
        $this->ownRegistry($services);
        $this->compiled();
        $fpm = new Fpm($ini);
        try {
            $answers = [$this->read(fpm: $fpm), $this->read(fpm: $fpm)];
        } finally {
            $fpm->stop();
        }

        self::assertSame([['a.example', []], ['a.example', []]], array_map(
            static fn (array $answer): array => [$answer['host'], $answer['code']],
            $answers,
        ));
    }

    /**
     * @return array<string, mixed> the report of the first request for which opcache had the compiled registry
     */
    private function compiled(): array
    {
        $answer = [];
        Poll::until(function () use (&$answer): bool {
            $answer = $this->read();
            return is_int(reset($answer['code']));
        }, 'the compiled registry');
        return $answer;
    }

    /**
     * @return array<string, mixed>
     */
    private function read(?string $cache = null, ?Fpm $fpm = null, ?string $edit = null): array
    {
        $input = (string) json_encode($this->input($cache ?? $this->cache) + ['edit' => $edit]);
        return ($fpm ?? self::$fpm)->request(self::$host->app . '/registry.php', $input)->json();
    }

    /**
     * @return array<string, string>
     */
    private function input(string $cache): array
    {
        return ['file' => $this->registry, 'cache' => $cache, 'id' => 'service-7'];
    }

    /**
     * Makes a cache directory that is safe, with malicious code under the name of the compiled registry.
     *
     * @return string the directory above the cache directory
     */
    private function planted(string $file): string
    {
        $cache = $this->cache('planted/cache');
        mkdir(dirname($cache) . '/ran') && chmod(dirname($cache) . '/ran', 0777);
        preg_match("/'of' => ('[^\n]*')/", (string) file_get_contents($this->cache . '/' . $file), $of);
        $marker = var_export(dirname($cache) . '/ran/marker', true);
        $entries = "['service-7' => ['problems' => []]]";
        file_put_contents($cache . '/' . $file, sprintf(self::EVIL, $marker, $of[1], $entries));
        touch($cache . '/' . $file, time() - 60);
        chown($cache . '/' . $file, Fpm::USER);
        return dirname($cache);
    }

    /** Writes a registry that the test may change. */
    private function ownRegistry(int $count = 200): void
    {
        $this->registry = $this->directory->write('services.json', self::json('a.example', $count));
        $this->cache = $this->cache('cache');
    }

    private function cache(string $name, string $owner = Fpm::USER, int $mode = 0700): string
    {
        $path = $this->directory->path . '/' . $name;
        mkdir($path, 0755, true);
        chmod($path, $mode);
        chown($path, $owner);
        return $path;
    }

    /**
     * @return list<string>
     */
    private function files(): array
    {
        return array_values(array_diff((array) scandir($this->cache), ['.', '..']));
    }

    /** Runs the script in another process, because PHP clears its cache of stat() when it changes a file itself. */
    private function sh(string $script, string ...$arguments): void
    {
        $result = Process::run(['/bin/sh', '-ec', $script, ...$arguments]);
        self::assertSame(0, $result['code'], $result['output']);
    }

    /** Services of all kinds, one with a fault. */
    private static function json(string $host, int $count = 200): string
    {
        $services = ['faulty' => ['base_url' => 'nonsense', 'policy' => ['allowed_methods' => ['GET']]]];
        for ($service = 1; $service < $count; $service++) {
            $services['service-' . $service] = [
                'base_url' => "https://$host/v$service",
                'policy' => ['allowed_methods' => ['GET', 'POST'], 'allowed_paths' => ["/v$service/**"], 'timeout_ms' => 1000],
                'headers' => ['accept' => 'application/json', 'x-quoted' => "it's \"\\'\$x\" \u{1F600}"],
                'credentials' => [['identifier' => 'key_' . $service, 'type' => 'bearer']],
            ];
        }
        return (string) json_encode(['version' => 1, 'services' => $services]);
    }
}
