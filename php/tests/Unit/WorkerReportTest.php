<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Cli\Doctor\Configuration;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Netresearch\NrVault\Outbound\Cli\Doctor\LibraryFiles;
use Netresearch\NrVault\Outbound\Cli\Doctor\ProbeFindings;
use Netresearch\NrVault\Outbound\Cli\Doctor\Remedies;
use Netresearch\NrVault\Outbound\Cli\Doctor\Worker;
use Netresearch\NrVault\Outbound\Cli\Doctor\WorkerProbe;
use Netresearch\NrVault\Outbound\Cli\Doctor\WorkerProcess;
use Netresearch\NrVault\Outbound\Cli\Doctor\WorkerReport;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\PackageVersion;
use PHPUnit\Framework\TestCase;

/**
 * Any process may listen on the socket that the doctor asks, so nothing in its report may change the commands that root pastes
 * into a shell.
 */
final class WorkerReportTest extends TestCase
{
    private const FILES = [
        'config' => '/etc/secure-outbound/transport.json',
        'registry' => '/etc/secure-outbound/services.json',
        'credentials' => '/etc/secure-outbound/vault',
        'audit' => '/var/log/secure-outbound/audit.jsonl',
        'registry_cache' => '/var/cache/secure-outbound',
    ];

    private const CONFIG = ['master_keys' => [['id' => 'vault', 'provider' => 'file', 'path' => '/k']]];

    /**
     * @dataProvider lies
     * @param array<string, mixed> $lie
     */
    public function testAnAnswerThatDiagnosePhpNeverGives(array $lie): void
    {
        $findings = $this->findings(array_replace_recursive(self::report(), $lie));

        self::assertSame([['fpm.script', Finding::CRITICAL]], array_map(
            static fn (Finding $finding): array => [$finding->code, $finding->verdict],
            $findings,
        ));
        self::assertStringContainsString('The response is not that of diagnose.php', $findings[0]->message);
        self::assertStringNotContainsString('evil', $findings[0]->message . $findings[0]->remedy);
    }

    /**
     * @return iterable<string, array{array<string, mixed>}>
     */
    public static function lies(): iterable
    {
        yield 'another SAPI' => [['sapi' => 'evil']];
        yield 'a version with a command' => [['version' => '8.2; evil']];
        yield 'a package with a command' => [['package' => '1.0; evil']];
        yield 'a function of its own' => [['functions' => ['php' => ["evil)/e;s/("]]]];
        yield 'a function that no call needs' => [['functions' => ['client' => ['system']]]];
        yield 'open_basedir that ends its line' => [['ini' => ['open_basedir' => "/\"\nevil = 1"]]];
        yield 'a header with a command' => [['ini' => ['ffi.preload' => '/tmp/$(evil)']]];
        yield 'a script with an escape' => [['ini' => ['opcache.preload' => "/evil\e[2J.php"]]];
        yield 'no settings' => [['ini' => 'evil']];
        yield 'a file that it was not asked about' => [['denied' => ['config' => ['reason' => 'denied', 'at' => '/etc/shadow']]]];
        yield 'a name that only begins so' => [['denied' => ['config' => ['reason' => 'denied', 'at' => '/etc/sec']]]];
        yield 'a way out' => [['denied' => ['config' => ['reason' => 'denied', 'at' => '/etc/secure-outbound/../shadow']]]];
        yield 'another directory for the registry' => [['denied' => ['registry_cache' => ['reason' => 'owner', 'at' => '/evil']]]];
        yield 'a file without a name' => [['denied' => ['evil' => null]]];
        yield 'an id that is no key' => [['credentials' => ['key_ids' => ['evil/e;s/']]]];
        $problem = ['service' => 'crm', 'identifier' => 'a', 'code' => 'credential.not_found'];
        $shadow = ['denied' => ['reason' => 'denied', 'at' => '/etc/shadow']];
        yield 'an envelope elsewhere' => [['credentials' => ['problems' => [$problem + $shadow]]]];
        yield 'a code with an escape' => [['credentials' => ['problems' => [['code' => "\eevil"] + $problem]]]];
        yield 'a warning of no form' => [['open' => ['warnings' => [['code' => 'evil evil', 'message' => '']]]]];
        yield 'an audit record elsewhere' => [['audit' => ['message' => '', 'denied' => ['reason' => 'open_basedir', 'at' => '/evil']]]];
    }

    public function testAnAnswerThatIsTaken(): void
    {
        $codes = array_column($this->findings(self::report()), 'verdict', 'code');

        self::assertArrayNotHasKey('fpm.script', $codes);
        self::assertSame('ok', $codes['fpm.credentials']);
    }

    /** Any process may ask a worker, so the worker looks only at the kinds of files that it knows by name. */
    public function testAWorkerLooksForWhatItKnowsTheNameOf(): void
    {
        $asked = ['config' => 'evil', 'files' => ['config' => ['/etc/hostname'], 'evil' => '/etc/shadow', 'registry' => '/etc/hostname']];

        self::assertSame(
            ['open' => null, 'denied' => ['registry' => null], 'credentials' => null, 'audit' => null],
            WorkerProbe::look($asked, false),
        );
        self::assertSame([], WorkerProbe::look(['files' => 'evil'], false)['denied']);
    }

    public function testNoEnvelopeIsSealedOutsideOfItsDirectory(): void
    {
        $problem = ['service' => 'crm', 'identifier' => '../../cron.d/x', 'code' => 'credential.malformed'];
        $finding = $this->probe(['problems' => [$problem]]);

        self::assertSame('fpm.credential', $finding->code);
        self::assertStringNotContainsString('cron.d', $finding->remedy);
    }

    /**
     * @dataProvider ids
     */
    public function testKeysGetOtherIds(string $id, bool $isLine): void
    {
        $directory = new TempDir('ids');
        $other = 'aXb';
        $document = ['master_keys' => [['id' => $id], ['id' => $other]]];
        $file = $directory->write('config.json', (string) json_encode($document));
        $remedy = $this->probe(['key_ids' => [$id]], ['config' => $file])->remedy;
        if ($isLine) {
            exec($remedy, $output, $code);
            self::assertSame(0, $code);
            $changed = json_decode((string) file_get_contents($file), true)['master_keys'];
            self::assertMatchesRegularExpression('/\A' . preg_quote($id, '/') . '-[0-9a-f]{6}\z/', $changed[0]['id']);
            self::assertSame($other, $changed[1]['id']);
        } else {
            self::assertStringStartsWith('"${EDITOR:-vi}" ', $remedy);
        }
        $directory->remove();
    }

    /**
     * @return iterable<string, array{string, bool}>
     */
    public static function ids(): iterable
    {
        yield 'plain' => ['vault', true];
        yield 'plus' => ['a+b', true];
        yield 'dot' => ['a.b', true];
        yield 'blank, colon and minus' => ['a b:c-d', true];
        yield 'slash' => ['site/a', false];
        yield 'what sed knows' => ['a&b', false];
        yield 'a command' => ['a/;s/x/y/w evil', false];
    }

    public function testAFindingIsOneLineAndDrivesNoTerminal(): void
    {
        $finding = Finding::critical('fpm.start', "one\ntwo\e[2J", "line\e]0;x\x07 \u{202E}…");

        self::assertSame('One two?[2J.', $finding->message);
        self::assertSame('line?]0;x? ?…', $finding->remedy);
    }

    /**
     * @dataProvider proxies
     */
    public function testTheWorkerIsNotToldThePasswordOfTheProxy(string $url, string $told): void
    {
        $config = ['proxy' => ['url' => $url, 'resolve' => 'local']];

        self::assertSame(['url' => $told, 'resolve' => 'local'], Configuration::forWorker($config)['proxy']);
        self::assertSame($config['proxy'], Configuration::forWorker($config, true)['proxy'], 'it has read it itself');
    }

    /**
     * @return iterable<string, array{string, string}>
     */
    public static function proxies(): iterable
    {
        yield 'user and password' => ['http://user:secret@proxy.example:3128', 'http://proxy.example:3128'];
        yield 'a password with @ and /' => ['http://user:s@/e@proxy.example', 'http://proxy.example'];
        yield 'none' => ['http://proxy.example:3128/', 'http://proxy.example:3128/'];
    }

    /**
     * @group root
     */
    public function testAHeaderThatTheWorkerNamesIsReadOnlyWhereItIsRoots(): void
    {
        $directory = new TempDir('header');
        $text = "#define FFI_SCOPE \"SECURE_OUTBOUND\"\n#define FFI_LIB \"/etc/hostname\"\n";
        $header = $directory->write('include/evil.h', $text);
        chown($header, 'www-data');
        $all = (new LibraryFiles('/nonexistent/lib.so', null, $header))->findings;
        $directory->remove();
        $findings = array_column($all, null, 'code');

        self::assertSame(['library.file', 'header.owner'], array_keys($findings));
        self::assertStringContainsString('was not read', $findings['header.owner']->message);
        self::assertStringStartsWith('ls -ld ', $findings['header.owner']->remedy, 'root does not make it his own');
    }

    /** Remedies give files of root to a worker's user and group, so no other process may pass for a worker. */
    public function testATitleAloneMakesNoWorker(): void
    {
        [$own, $others] = (array) stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        $process = pcntl_fork();
        if ($process === 0) {
            cli_set_process_title('php-fpm: pool evil');
            fwrite($others, "ready\n");
            fgets($others);
            posix_kill((int) getmypid(), SIGKILL);
        }
        self::assertSame("ready\n", fgets($own));
        $title = (string) file_get_contents("/proc/$process/cmdline");
        $found = WorkerProcess::of($process);
        fwrite($own, "end\n");
        pcntl_waitpid($process, $status);

        self::assertStringStartsWith('php-fpm: pool evil', $title);
        self::assertSame([0, 'www', null, null], [$found->master, $found->pool, $found->user, $found->group]);
    }

    /**
     * @param array<string, mixed> $credentials
     * @param array<string, string> $files
     */
    private function probe(array $credentials, array $files = []): Finding
    {
        $told = ['denied' => [], 'credentials' => $credentials + self::report()['credentials']] + self::report();
        $report = WorkerReport::read($told, $files + self::FILES, []);
        $remedies = Remedies::ofThisHost(null, self::CONFIG, null);
        return array_values(array_filter(
            (new ProbeFindings($report, $files + self::FILES, $remedies))->all(),
            static fn (Finding $finding): bool => $finding->verdict !== Finding::OK,
        ))[0];
    }

    /**
     * @param array<string, mixed> $report what the process at the socket reports
     * @return list<Finding>
     */
    private function findings(array $report): array
    {
        $directory = new TempDir('socket');
        $socket = $directory->path . '/fpm.sock';
        $server = stream_socket_server('unix://' . $socket);
        $process = pcntl_fork();
        if ($process === 0) {
            $client = stream_socket_accept($server);
            $body = "Content-Type: application/json\r\n\r\n" . json_encode($report);
            fwrite($client, pack('CCnnCx', 1, 6, 1, strlen($body), 0) . $body . pack('CCnnCx', 1, 3, 1, 8, 0) . str_repeat("\0", 8));
            stream_get_contents($client);
            posix_kill((int) getmypid(), SIGKILL);
        }
        try {
            $remedies = Remedies::ofThisHost(null, self::CONFIG, null);
            return (new Worker($socket, Configuration::forWorker(self::CONFIG), $remedies, self::FILES))->findings;
        } finally {
            pcntl_waitpid($process, $status);
            $directory->remove();
        }
    }

    /**
     * @return array<string, mixed> as diagnose.php gives it
     */
    private static function report(): array
    {
        return [
            'sapi' => 'fpm-fcgi',
            'version' => PHP_VERSION,
            'zts' => false,
            'user' => 33,
            'pid' => 0,
            'ini' => [
                'ffi.enable' => 'preload',
                'ffi.preload' => '/usr/local/include/secure_outbound.h',
                'opcache.enable' => '1',
                'opcache.preload' => '/usr/local/share/secure-outbound/php/preload.php',
                'opcache.preload_user' => 'www-data',
                'open_basedir' => '/srv/:/tmp/',
            ],
            'extensions' => ['ffi' => true, 'opcache' => true, 'curl' => true, 'sockets' => true],
            'functions' => ['client' => [], 'php' => ['curl_multi_exec']],
            'preloaded' => true,
            'api' => 1,
            'abi' => 1,
            'package' => PackageVersion::NUMBER,
            'library' => '1.0.0',
            'failure' => null,
            'mismatch' => false,
            'mapped' => null,
            'checks' => true,
            'open' => ['version' => 1, 'warnings' => []],
            'denied' => ['config' => null, 'registry' => ['reason' => 'denied', 'at' => '/etc/secure-outbound']],
            'credentials' => ['checked' => 1, 'unchecked' => 0, 'problems' => [], 'key_ids' => []],
            'audit' => ['message' => null, 'denied' => null],
        ];
    }
}
