<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use GuzzleHttp\Psr7\HttpFactory;
use Netresearch\NrVault\Outbound\Audit\StaticCallContext;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Psr18\OutboundClientFactory;
use Netresearch\NrVault\Outbound\SecureOutbound;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Installation;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * SecureOutbound::fromDirectory() with the files of a host.
 */
final class SecureOutboundTest extends IntegrationTestCase
{
    private const FIRST = '{"version": 1, "services": {"my-api": {"base_url": "https://api.example.com/v1"'
        . ', "policy": {"allowed_methods": ["GET"]}}}}';

    private TempDir $directory;
    private string $etc;
    private string $log;

    protected function setUp(): void
    {
        $this->directory = new TempDir('start');
        $this->etc = $this->directory->path . '/etc';
        $this->log = $this->directory->path . '/log/audit.jsonl';
        putenv('SECURE_OUTBOUND_LIBRARY=' . Build::library());
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    /**
     * @testWith ["rust", "rust-ffi"]
     *           ["php", "php"]
     */
    public function testOneLineCallsAService(string $transport, string $name): void
    {
        $this->layDown($transport);
        $client = SecureOutbound::fromDirectory($this->etc . '/', $this->log, new StaticCallContext('cli', 'me'));
        $seen = $client->get('my-api', '/echo')->json();

        self::assertSame('Bearer ' . self::CANARY, $seen['headers']['authorization']);
        $record = json_decode((string) file_get_contents($this->log), true);
        self::assertSame(['my-api', 200, $name, 'cli', 'me'], [
            $record['service_id'], $record['status'], $record['transport'], $record['actor_type'], $record['actor_id'],
        ]);
        self::assertSame(self::class . '::' . __FUNCTION__, $record['caller']);
    }

    public function testAnSdkHasTheSame(): void
    {
        $this->layDown('rust');
        $factory = new HttpFactory();
        $calls = SecureOutbound::callsFromDirectory($this->etc, $this->log);
        $client = (new OutboundClientFactory($calls, $factory, $factory))->forService('my-api');
        $request = $factory->createRequest('GET', self::$upstream->url() . '/echo');

        self::assertSame(200, $client->sendRequest($request)->getStatusCode());
    }

    /**
     * Each refusal names the next file that is missing and its contents; the test writes them, until there is a client.
     */
    public function testItSaysWhatIsMissingAndWhatToWrite(): void
    {
        $says = fn (): string => self::refusal(fn () => SecureOutbound::fromDirectory($this->etc, $this->log));

        $message = $says();
        self::assertStringStartsWith($this->etc . '/transport.json is not there', $message);
        $this->directory->write('etc/transport.json', self::json($message));
        $message = $says();
        self::assertStringStartsWith($this->etc . '/services.json is not there', $message);
        self::assertSame(self::FIRST, self::json($message));
        $this->directory->write('etc/services.json', self::json($message));
        $message = $says();
        self::assertStringStartsWith($this->etc . '/vault is not there', $message);
        mkdir($this->etc . '/vault');
        $message = $says();
        self::assertStringStartsWith(dirname($this->log) . ' is not there', $message);
        mkdir(dirname($this->log));

        $this->directory->write('etc/vault.key', base64_encode(random_bytes(32)), 0400);
        $config = ['master_keys' => [['provider' => 'file', 'path' => $this->etc . '/vault.key']]];
        self::assertSame($config, array_diff_key(
            json_decode((string) file_get_contents($this->etc . '/transport.json'), true),
            ['version' => 1],
        ));
        $client = SecureOutbound::fromDirectory($this->etc, $this->log);
        $refusal = self::refusal(static fn () => $client->request('my-api', 'POST', '/x'), 'policy.method_not_allowed');
        self::assertNotSame('', $refusal);
        self::assertStringContainsString('"policy.method_not_allowed"', (string) file_get_contents($this->log));
    }

    public function testTheCommandThatItNamesLaysAllDown(): void
    {
        $message = self::refusal(fn () => SecureOutbound::fromDirectory($this->etc, $this->log));
        preg_match('/secure-outbound (init [^;]+);/', $message, $match);
        $command = [PHP_BINARY, Build::php() . '/bin/secure-outbound', ...explode(' ', $match[1] ?? '')];
        $result = Process::run($command);

        self::assertSame(0, $result['code'], $message . "\n" . $result['output']);
        // `init` gives the directory to the web server's user; here, PHP runs as the user of the test.
        chown(dirname($this->log), posix_geteuid());
        $client = SecureOutbound::fromDirectory($this->etc, $this->log);
        self::refusal(static fn () => $client->get('my-api', '/'), 'policy.service_unknown');
    }

    /**
     * @dataProvider faults
     * @param array<string, string> $files
     */
    public function testAFaultNamesItsFile(array $files, string $message): void
    {
        $this->layDown('rust');
        foreach ($files as $name => $contents) {
            unlink($this->directory->path . '/' . $name);
            $this->directory->write($name, $contents);
        }
        $said = self::refusal(fn () => SecureOutbound::fromDirectory($this->etc, $this->log));

        self::assertStringStartsWith($this->etc . '/' . $message, $said);
        self::assertStringNotContainsString('hunter2', $said);
    }

    /**
     * @return iterable<string, array{array<string, string>, string}>
     */
    public static function faults(): iterable
    {
        yield 'no JSON' => [['etc/transport.json' => '{"hunter2"'], 'transport.json is no JSON object: Syntax error'];
        yield 'a list' => [['etc/transport.json' => '["hunter2"]'], 'transport.json is no JSON object: '];
        yield 'empty' => [['etc/transport.json' => ''], 'transport.json is no JSON object: Syntax error'];
        yield 'a registry without JSON' => [['etc/services.json' => 'hunter2'], 'services.json: the registry file is no JSON'];
        yield 'a registry of another version' => [['etc/services.json' => '{"version": 2}'], 'services.json: '];
    }

    public function testAFaultyEntryDisablesItsServiceAlone(): void
    {
        $this->layDown('rust');
        $services = json_decode((string) file_get_contents($this->etc . '/services.json'), true);
        $services['services']['broken'] = ['base_url' => 'no URL'];
        $this->directory->write('etc/services.json', (string) json_encode($services));
        $client = SecureOutbound::fromDirectory($this->etc, $this->log);

        self::assertTrue($client->get('my-api', '/echo')->isOk());
        self::refusal(static fn () => $client->get('broken', '/'), 'policy.service_disabled');
    }

    /**
     * Which files cannot be read depends on the user that PHP runs as, so a process of another user makes the client.
     *
     * @group root
     */
    public function testWhatAUserMayNotIsNamedWithTheUser(): void
    {
        $this->layDown('rust');
        foreach (['/transport.json' => [0600, 0640], '/services.json' => [0600, 0640], '/vault' => [0744, 0750]] as $name => $modes) {
            $path = $this->etc . $name;
            chmod($path, $modes[0]);
            $remedy = preg_quote(sprintf('chgrp nogroup %s && chmod %04o %s', $path, $modes[1], $path));
            $pattern = '~^' . preg_quote($path) . " cannot be read by user nobody; .*: ($remedy) \\[configuration.invalid]$~D";
            self::assertMatchesRegularExpression($pattern, $message = $this->asNobody());
            preg_match($pattern, $message, $match);
            self::assertSame(0, Process::run(['sh', '-c', $match[1] ?? 'false'])['code']);
        }
        $log = dirname($this->log);
        $message = $this->asNobody();
        self::assertSame("$log cannot be written by user nobody; give it to it: chown -h nobody $log [configuration.invalid]", $message);
        chown($log, 'nobody');
        self::assertSame('', $this->asNobody());
        $this->directory->write('log/audit.jsonl', '');
        self::assertStringEndsWith("give it to it: chown -h nobody {$this->log} [configuration.invalid]", $this->asNobody());
    }

    /**
     * @group root
     */
    public function testRootMakesNoClientWhoseRecordsOthersCanLeadElsewhere(): void
    {
        $this->layDown('rust');
        $mine = $this->directory->write('of-root', "kept\n", 0600);
        $log = dirname($this->log);
        symlink($mine, $this->log);
        $says = fn (): string => self::refusal(fn () => SecureOutbound::fromDirectory($this->etc, $this->log));
        chown($log, 'www-data');
        self::assertStringContainsString("$log is not root's alone", $says());
        self::assertStringContainsString('runuser -u www-data -- ', $says());
        chown($log, 'root') && chmod($log, 01777);
        self::assertStringContainsString('runuser -u USER -- ', $says());
        self::assertSame("kept\n", file_get_contents($mine));
    }

    public function testWhatOpenBasedirHidesIsNoWarning(): void
    {
        $this->layDown('rust');
        $script = $this->directory->write('script.php', <<<'PHP'
            <?php
            require $argv[1] . '/tests/bootstrap.php';
            set_error_handler(static fn (int $level, string $message): never => throw new ErrorException($message));
            ini_set('open_basedir', $argv[1] . ':/usr/share/php');
            try {
                Netresearch\NrVault\Outbound\SecureOutbound::fromDirectory($argv[2], $argv[3]);
            } catch (RuntimeException $refusal) {
                echo $refusal->getMessage();
            }
            PHP);
        $result = Process::run([PHP_BINARY, $script, Build::php(), $this->etc, $this->log]);

        self::assertStringStartsWith($this->etc . '/transport.json is not there', $result['output']);
        self::assertStringContainsString('or open_basedir hides it', $result['output']);
    }

    public function testThePathsAreAbsolute(): void
    {
        foreach ([['etc', $this->log], ['php://input', $this->log], [$this->etc, 'audit.jsonl']] as [$directory, $log]) {
            $said = self::refusal(static fn () => SecureOutbound::fromDirectory($directory, $log));
            self::assertStringContainsString('absolute', $said);
        }
    }

    private function layDown(string $transport): void
    {
        $keys = ['master_keys' => [['provider' => 'raw', 'key_base64' => self::masterKey()]]];
        $this->directory->write('etc/transport.json', (string) json_encode(self::$upstream->config($keys)));
        $envelope = self::seal('bearer', ['token' => self::CANARY], identifier: 'token')->sealed;
        $this->directory->write('etc/vault/token', $envelope . "\n");
        mkdir(dirname($this->log));
        $this->directory->write('etc/services.json', (string) json_encode(['version' => 1, 'services' => ['my-api' => [
            'base_url' => self::$upstream->url(),
            'policy' => ['allowed_methods' => ['GET']],
            'credentials' => [['identifier' => 'vault:token', 'type' => 'bearer']],
            'transport' => $transport,
        ]]]));
    }

    /** The message with which the user nobody is refused a client, '' if it gets one. */
    private function asNobody(): string
    {
        $script = $this->directory->write('start.php', <<<'PHP'
            <?php
            require $argv[1] . '/autoload.php';
            $start = static function (string $directory) use ($argv): string {
                try {
                    Netresearch\NrVault\Outbound\SecureOutbound::fromDirectory($directory, $argv[3]);
                    return '';
                } catch (RuntimeException $refusal) {
                    return $refusal->getMessage();
                }
            };
            posix_setgid(posix_getpwnam('nobody')['gid']);
            posix_setuid(posix_getpwnam('nobody')['uid']);
            echo $start($argv[2]);
            PHP);
        // The user nobody may not be allowed to read the checkout.
        $php = (new Installation($this->directory))->php;
        return Process::run([PHP_BINARY, $script, $php, $this->etc, $this->log])['output'];
    }

    private static function refusal(\Closure $start, string $code = 'configuration.invalid'): string
    {
        try {
            $start();
        } catch (OutboundException $refusal) {
            self::assertSame($code, $refusal->errorCode(), $refusal->getMessage());
            self::assertShowsNoSecret($refusal);
            return $refusal->getMessage();
        }
        self::fail('It has begun.');
    }

    private static function json(string $message): string
    {
        preg_match('/write (\{.*\}) into it/', $message, $match);
        return $match[1] ?? '';
    }
}
