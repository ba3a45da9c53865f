<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Cli;

use Netresearch\NrVault\Outbound\Cli\Doctor\FastCgiClient;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Fpm;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Host;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Installation;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Certificates;

/**
 * `secure-outbound doctor --fpm-socket=…` lets a worker of a real php-fpm try what it will need: its files, its envelopes, its
 * audit record. Everything that is broken here is found, and the remedy of the doctor fixes it.
 *
 * @group root
 */
final class DoctorProbeTest extends CommandTestCase
{
    use DoctorFindings;

    private const ID = 'my_api_key';
    private const TOKEN = 'tok-4f9a-of-the-doctor';

    private Host $host;
    private Installation $installation;
    private ?Fpm $fpm = null;

    /** The directory with the operator's files. */
    private string $etc;

    protected function setUp(): void
    {
        parent::setUp();
        $this->host = new Host();
        $this->installation = $this->host->installation;
        $this->etc = $this->host->directory->path . '/etc';
        $this->write('config.json', ['master_keys' => [$this->key()]]);
        $this->write('services.json', $this->services());
        $this->lay($this->payload());
        mkdir($this->etc . '/audit', 0750);
        chown($this->etc . '/audit', Fpm::USER);
    }

    protected function tearDown(): void
    {
        $this->fpm?->stop();
        $this->host->remove();
        parent::tearDown();
    }

    public function testEverythingIsThere(): void
    {
        $report = $this->ask();

        self::assertSame([], self::wrong($report));
        foreach (['config', 'registry', 'credentials', 'audit', 'control_timeout'] as $name) {
            self::assertSame('ok', self::finding($report, 'fpm.' . $name)['verdict']);
        }
        self::assertStringEndsWith(': 1.', self::finding($report, 'fpm.credentials')['message']);
        self::assertStringContainsString('is 60', self::finding($report, 'fpm.control_timeout')['message']);
        self::assertSame([], glob($this->etc . '/audit/*'), 'no record and no file');
    }

    /**
     * @dataProvider envelopes
     * @param \Closure(self): void $break
     */
    public function testAnEnvelopeThatNoCallCouldUse(\Closure $break, string $finding, string $says): void
    {
        $break($this);
        $report = $this->ask();

        // Where the file is empty, the check of the registry has a finding about it as well.
        $wrong = array_diff(array_keys(self::wrong($report)), ['registry.credential']);
        self::assertSame([$finding], array_values($wrong));
        self::assertStringContainsString($says, self::finding($report, $finding)['message']);
        self::assertStringContainsString('"crm"', self::finding($report, $finding)['message']);
        $this->fix(self::finding($report, $finding)['remedy']);
        self::assertSame([], self::wrong($this->ask()));
    }

    /**
     * @return iterable<string, array{\Closure(self): void, string, string}>
     */
    public static function envelopes(): iterable
    {
        $bound = static fn (array $binding): \Closure
            => static fn (self $test) => $test->lay(['binding' => $binding] + $test->payload());
        $sealed = static fn (string $envelope): \Closure
            => static fn (self $test) => $test->host->directory->write('etc/vault/' . self::ID, $envelope);
        $another = (new Sealer(random_bytes(32)))->seal(self::ID, '{"token": "t"}');
        yield 'another key of the right length' => [$sealed($another), 'fpm.credential', '[credential.authentication_failed]'];
        yield 'garbage' => [$sealed('garbage'), 'fpm.credential', '[credential.malformed]'];
        yield 'nothing' => [$sealed(''), 'fpm.credential', '[credential.malformed]'];
        yield 'an expired binding' => [
            $bound(['expires_at' => '2020-01-01T00:00:00Z']),
            'fpm.credential',
            '[credential.expired]',
        ];
        yield 'a payload of another type' => [
            static fn (self $test) => $test->lay(['type' => 'basic', 'username' => 'u', 'password' => 'p']),
            'fpm.credential',
            '[credential.payload_invalid]',
        ];
        yield 'another host' => [$bound(['hosts' => ['other.example.com']]), 'fpm.binding', '[policy.binding_violated]'];
        yield 'fewer methods' => [$bound(['methods' => ['GET']]), 'fpm.binding', 'does not allow POST,'];
    }

    /**
     * @dataProvider files
     */
    public function testAFileThatTheWorkerCannotRead(string $path, int $mode, string $finding, string $says): void
    {
        chmod($this->etc . $path, $mode);
        $report = $this->ask();

        self::assertSame('critical', self::wrong($report)[$finding] ?? null);
        self::assertStringContainsString($says . $this->etc . $path, self::finding($report, $finding)['message']);
        $this->fix(self::finding($report, $finding)['remedy']);
        self::assertSame([], self::wrong($this->ask()));
    }

    /**
     * @return iterable<string, array{string, int, string, string}>
     */
    public static function files(): iterable
    {
        yield 'configuration' => ['/config.json', 0600, 'fpm.config', 'may not read '];
        yield 'registry' => ['/services.json', 0600, 'fpm.registry', 'may not read '];
        yield 'envelope' => ['/vault/' . self::ID, 0600, 'fpm.credential', 'may not read '];
        yield 'directory of envelopes' => ['/vault', 0700, 'fpm.credential', 'may not enter '];
        yield 'directory of all' => ['', 0700, 'fpm.config', 'may not enter '];
    }

    public function testAuthoritiesThatTheWorkerCannotRead(): void
    {
        $authorities = (new Certificates($this->host->directory))->authority;
        $tls = ['roots' => 'file', 'ca_file' => $authorities];
        $this->write('config.json', ['tls' => $tls, 'master_keys' => [$this->key()]]);
        chmod($authorities, 0600);
        $report = $this->ask();

        self::assertSame(['fpm.open', 'fpm.tls', 'fpm.unchecked'], array_keys(self::wrong($report)));
        $this->fix(self::finding($report, 'fpm.tls')['remedy']);
        self::assertSame([], self::wrong($this->ask()));
    }

    public function testOpenBasedirWithoutTheDirectory(): void
    {
        $allowed = $this->installation->php . '/:' . $this->host->app . '/';
        $report = $this->ask(['open_basedir' => $allowed]);

        $wrong = self::wrong($report);
        self::assertSame(['fpm.config', 'fpm.registry', 'fpm.audit'], array_keys($wrong));
        $remedy = self::finding($report, 'fpm.config')['remedy'];
        $this->fix(explode(' && ', strtr($remedy, ['/etc/php/' . Fpm::VERSION . '/fpm/pool.d' => $this->directory->path]))[0]);
        [$name, $value] = explode(' = ', trim((string) file_get_contents($this->directory->path . '/www.conf')));
        self::assertSame(['php_admin_value[open_basedir]', '"' . $allowed . ':' . $this->etc . '/"'], [$name, $value]);
        $this->fpm->stop();
        $this->fpm = null;
        self::assertSame([], self::wrong($this->ask(pool: [$name => $value])));
    }

    /**
     * @dataProvider masters
     */
    public function testAReloadThatEndsCalls(string $global): void
    {
        $report = $this->ask(global: $global);

        self::assertSame(['fpm.control_timeout' => 'warning'], self::wrong($report));
        [$remedy, $reload] = explode(' && ', self::finding($report)['remedy'], 2);
        self::assertSame('php-fpm' . Fpm::VERSION . ' -t && systemctl reload php' . Fpm::VERSION . '-fpm', $reload);
        $this->fix($remedy);
        self::assertSame([], self::wrong($this->ask()));
        $test = Process::run(['php-fpm' . Fpm::VERSION, '-n', '-t', '-y', $this->fpm->file]);
        self::assertStringContainsString('test is successful', $test['output']);
    }

    /**
     * @return iterable<string, array{string}>
     */
    public static function masters(): iterable
    {
        yield 'the default' => [''];
        yield "as Debian's file has it" => [';process_control_timeout = 0'];
        yield 'zero' => ['process_control_timeout = 0s'];
    }

    public function testTwoSitesThatShareAKeyId(): void
    {
        $other = $this->host->directory->write('other.key', base64_encode(random_bytes(32)), 0400);
        chown($other, Fpm::USER);
        $this->fpm = new Fpm($this->host->ini());
        self::assertSame([], self::wrong($this->ask()));
        $this->call(['master_keys' => [['path' => $other] + $this->key()]]);
        $report = $this->ask();

        self::assertSame(['fpm.key_id' => 'critical'], self::wrong($report));
        self::assertStringContainsString('"vault"', self::finding($report)['message']);
        $this->fix(self::finding($report)['remedy']);
        self::assertSame([], self::wrong($this->ask()));
    }

    public function testASiteThatHasUsedItsKeyItself(): void
    {
        $this->fpm = new Fpm($this->host->ini());
        $this->call(['master_keys' => [$this->key()]]);

        self::assertSame([], self::wrong($this->ask()));
    }

    public function testAnAuditRecordThatTheWorkerCannotWrite(): void
    {
        $file = $this->etc . '/audit/audit.jsonl';
        $this->host->directory->write('etc/audit/audit.jsonl', "{}\n", 0640);
        $report = $this->ask();

        self::assertSame(['fpm.audit' => 'critical'], self::wrong($report), 'as a call of root leaves it');
        $this->fix(self::finding($report)['remedy']);
        self::assertSame([], self::wrong($this->ask()));
        self::assertSame("{}\n", file_get_contents($file));

        chown($this->etc . '/audit', 'root');
        $report = $this->ask();
        self::assertSame(['fpm.audit' => 'critical'], self::wrong($report), 'it could not be put aside');
        $this->fix(self::finding($report)['remedy']);
        self::assertSame([], self::wrong($this->ask()));
        self::assertSame([$file], glob($this->etc . '/audit/*'));
        $stat = (array) stat($this->etc . '/audit');
        self::assertSame([02750, 'adm'], [$stat['mode'] & 07777, posix_getgrgid($stat['gid'])['name'] ?? ''], 'as init makes it');
    }

    public function testAHeaderOfAnOlderRelease(): void
    {
        $header = (string) file_get_contents($this->installation->header);
        $older = preg_replace('/^int32_t secure_outbound_check\([^;]*;/m', '', $header, -1, $count);
        self::assertSame(1, $count);
        $this->host->directory->write('include/secure_outbound.h', (string) $older);
        $report = $this->ask();

        self::assertSame(['fpm.unchecked' => 'warning'], self::wrong($report), 'everything else goes on');
        self::assertStringContainsString('secure_outbound_check', self::finding($report)['message']);
    }

    public function testACredentialIsTriedWhereItsEndLeads(): void
    {
        $free = [['secret_suffix' => ':fx', 'base_url' => 'https://free.example.com/v1']];
        $this->write('services.json', $this->services(['alternatives' => $free]));
        foreach ([':fx' => 'free.example.com', '' => 'api.example.com'] as $end => $host) {
            $this->lay(['type' => 'bearer', 'token' => self::TOKEN . $end, 'binding' => ['hosts' => [$host]]]);
            self::assertSame([], self::wrong($this->ask()), $host);
        }
        $this->lay(['type' => 'bearer', 'token' => self::TOKEN . ':fx', 'binding' => ['hosts' => ['api.example.com']]]);
        $report = $this->ask();
        self::assertSame(['fpm.binding' => 'critical'], self::wrong($report));
        self::assertStringContainsString('[policy.binding_violated]', self::finding($report)['message']);
    }

    public function testAnAlternativeThatNoCallMayTake(): void
    {
        $services = $this->services(['alternatives' => [['secret_suffix' => ':fx', 'base_url' => 'https://free.example.com/v1']]]);
        $services['services']['crm']['policy'] = ['allowed_methods' => ['GET'], 'allowed_hosts' => ['api.example.com']];
        $this->write('services.json', $services);
        $report = $this->ask();
        self::assertStringContainsString('an alternative is refused', self::finding($report)['message']);
    }

    public function testInPhpOnlyWhatPhpServes(): void
    {
        $this->write('services.json', $this->services(['transport' => 'php']));
        $this->lay(['binding' => ['expires_at' => 1]] + $this->payload());
        $extensions = ['curl', 'sockets', 'sodium'];
        $this->fpm = new Fpm($this->host->ini(), extensions: $extensions);
        $report = $this->ask();
        self::assertSame(['fpm.credential' => 'critical'], self::wrong($report));
        self::assertStringContainsString('[credential.expired]', self::finding($report)['message']);
        $this->lay($this->payload());
        self::assertSame([], self::wrong($this->ask()));

        // Only the library may open this service's credential, so a worker without the library cannot check it.
        $this->write('services.json', $this->services(['transport' => 'rust']));
        $this->fpm->stop();
        $this->fpm = new Fpm(['ffi.preload' => null] + $this->host->ini(), extensions: $extensions);
        self::assertSame('warning', self::wrong($this->ask())['fpm.unchecked']);
    }

    public function testTheScriptAnswersTheDoctorAlone(): void
    {
        $this->fpm = new Fpm($this->host->ini());
        $body = (string) json_encode(['files' => $this->named()]);
        $run = fn (array $more): array => (new FastCgiClient($this->fpm->socket))
            ->run($this->installation->php . '/diagnose.php', $more, $body);
        $doctor = ['SECURE_OUTBOUND_DOCTOR' => '1'];

        $answer = $run($doctor)['body'];
        self::assertSame(1, json_decode($answer, true)['credentials']['checked']);
        foreach ([self::TOKEN, trim((string) file_get_contents($this->host->keyFile)), 'nrv1:'] as $secret) {
            self::assertStringNotContainsString($secret, $answer);
        }
        self::assertSame('', $run([])['body']);
        foreach (['REMOTE_ADDR', 'REMOTE_PORT', 'SERVER_ADDR', 'SERVER_NAME', 'SERVER_SOFTWARE', 'HTTP_HOST'] as $name) {
            self::assertSame('', $run($doctor + [$name => 'x'])['body'], $name);
        }
        self::assertSame('', $run(['HTTP_SECURE_OUTBOUND_DOCTOR' => '1'])['body']);
    }

    /**
     * @param array<string, string|null> $ini
     * @param array<string, string> $pool
     * @return array{verdict: string, findings: list<array<string, string>>, exit: int}
     */
    private function ask(array $ini = [], array $pool = [], string $global = 'process_control_timeout = 60s'): array
    {
        $this->fpm ??= new Fpm($ini + $this->host->ini(), pool: $pool, global: $global);
        $files = $this->named();
        return $this->doctor([
            'fpm-socket' => $this->fpm->socket,
            'audit-log' => $files['audit'],
        ] + array_diff_key($files, ['audit' => 0]));
    }

    /**
     * @return array<string, string>
     */
    private function named(): array
    {
        return [
            'config' => $this->etc . '/config.json',
            'registry' => $this->etc . '/services.json',
            'credentials' => $this->etc . '/vault',
            'audit' => $this->etc . '/audit/audit.jsonl',
        ];
    }

    /** Runs a remedy as an operator who pastes it does. */
    private function fix(string $line): void
    {
        $payload = $this->directory->write('payload.json', (string) json_encode($this->payload()));
        $program = escapeshellarg(PHP_BINARY) . ' ' . escapeshellarg(Build::php() . '/bin/secure-outbound');
        $line = strtr($line, ['secure-outbound seal' => $program . ' seal', 'PAYLOAD' => escapeshellarg($payload)]);
        $result = Process::run(['sh', '-c', $line]);
        self::assertSame(0, $result['code'], $line . "\n" . $result['output']);
    }

    /** Another script of the pool makes a request, for which the worker opens an engine with this configuration. */
    private function call(array $config): void
    {
        $request = ['version' => 1, 'service_id' => 'crm', 'method' => 'GET', 'base_url' => 'https://api.example.com'];
        $wire = ['head' => json_encode($request), 'body' => '', 'sealed' => ''];
        $input = json_encode(['config' => $config, 'requests' => [$wire], 'hold' => null]);
        $answer = $this->fpm->request($this->host->app . '/send.php', (string) $input)->json();
        self::assertSame('policy.missing', $answer['results'][0]['code'] ?? null, (string) json_encode($answer));
    }

    /**
     * @return array<string, string>
     */
    private function key(): array
    {
        return ['id' => 'vault', 'provider' => 'file', 'path' => $this->host->keyFile];
    }

    /**
     * @return array<string, mixed>
     */
    private function payload(): array
    {
        return ['type' => 'bearer', 'token' => self::TOKEN, 'binding' => ['hosts' => ['api.example.com']]];
    }

    /**
     * @param array<string, mixed> $more
     * @return array<string, mixed>
     */
    private function services(array $more = []): array
    {
        return ['version' => 1, 'services' => ['crm' => $more + [
            'base_url' => 'https://api.example.com/v1',
            'policy' => ['allowed_methods' => ['GET', 'POST'], 'allowed_paths' => ['/v1/contacts/{id}']],
            'credentials' => [['identifier' => self::ID, 'type' => 'bearer']],
        ]]];
    }

    /** @param array<string, mixed> $payload */
    private function lay(#[\SensitiveParameter] array $payload): void
    {
        $this->host->directory->write('etc/vault/' . self::ID, $this->host->sealed(self::ID, $payload)->sealed);
    }

    private function write(string $name, mixed $document): void
    {
        $this->host->directory->write('etc/' . $name, (string) json_encode($document, JSON_UNESCAPED_SLASHES));
    }
}
