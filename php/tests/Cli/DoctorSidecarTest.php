<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Cli;

use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Netresearch\NrVault\Outbound\Cli\Doctor\PoolUsers;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Installation;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Sidecar;

/**
 * What `secure-outbound doctor` says of a sidecar, which it asks as the user of the workers.
 *
 * @group root
 */
final class DoctorSidecarTest extends CommandTestCase
{
    use DoctorFindings;

    private const USER = 'www-data';

    private Installation $installation;

    private Sidecar $sidecar;

    protected function setUp(): void
    {
        parent::setUp();
        $this->installation = new Installation($this->directory);
        $this->sidecar = $this->sidecar([['user' => self::USER, 'services' => ['crm']]]);
    }

    protected function tearDown(): void
    {
        $this->sidecar->stop();
        parent::tearDown();
    }

    public function testNothingIsWrong(): void
    {
        $report = $this->ask();

        self::assertSame([], self::wrong($report));
        self::assertStringContainsString('root:www-data\'s and has the mode 0660', self::finding($report, 'sidecar.socket')['message']);
        self::assertStringContainsString('greets www-data', self::finding($report, 'sidecar.hello')['message']);
        self::assertStringContainsString('gives www-data the service "crm"', self::finding($report, 'sidecar.service')['message']);
        self::assertStringContainsString('sidecar.json', self::finding($report, 'sidecar.files')['message']);
        self::assertStringContainsString('is the sidecar\'s', self::finding($report, 'registry.service')['message']);
        self::assertSame([], $this->sidecar->records(), 'no call is made');
    }

    public function testItTakesNoPlaceThatCallsOfTheWorkersNeed(): void
    {
        $this->sidecar->stop();
        $caller = ['user' => self::USER, 'services' => ['crm', 'more'], 'limits' => ['calls' => 1]];
        $this->sidecar = $this->sidecar([$caller], ['crm', 'more']);
        $report = $this->ask(['registry' => $this->json('two.json', self::registryOfSidecar(['crm', 'more']))]);

        self::assertSame([], self::wrong($report));
        self::assertSame([], $this->sidecar->records(), 'the second one is not refused because of the first');
    }

    public function testASocketThatTheWorkersMayNotOpen(): void
    {
        chgrp($this->sidecar->socket, 'daemon');
        $report = $this->ask();

        self::assertSame(['sidecar.access' => 'critical'], self::wrong($report));
        $finding = self::finding($report);
        self::assertSame('www-data may not connect to ' . $this->sidecar->socket . '.', $finding['message']);
        self::assertStringStartsWith("usermod -aG 'daemon' 'www-data' && php-fpm", $finding['remedy']);
    }

    public function testASocketThatEverybodyMayOpen(): void
    {
        chmod($this->sidecar->socket, 0666);
        $finding = self::finding($this->ask());

        self::assertSame(['sidecar.socket', 'warning'], [$finding['code'], $finding['verdict']]);
        self::assertSame(0, Process::run(['sh', '-c', $finding['remedy']])['code']);
        self::assertSame([], self::wrong($this->ask()));
    }

    public function testNobodyListens(): void
    {
        $this->sidecar->signal(SIGTERM);
        $this->sidecar->join();
        $finding = self::finding($this->ask());

        self::assertSame(['sidecar.socket', 'critical'], [$finding['code'], $finding['verdict']]);
        self::assertStringStartsWith('systemctl enable --now secure-outbound-sidecar.socket', $finding['remedy']);
    }

    public function testAUserWhoIsNoCaller(): void
    {
        $this->sidecar->stop();
        $this->sidecar = $this->sidecar([['user' => 'root', 'services' => ['crm']]]);
        $report = $this->ask();

        self::assertSame(['sidecar.caller' => 'critical'], self::wrong($report));
        self::assertStringContainsString($this->file() . "'   # \"callers\"", self::finding($report)['remedy']);
    }

    public function testAServiceThatTheUserDoesNotHave(): void
    {
        $registry = ['version' => 1, 'services' => ['crm' => ['transport' => 'sidecar'], 'shop' => ['transport' => 'sidecar']]];
        $report = $this->ask(['registry' => $this->json('two.json', $registry)]);

        self::assertSame(['sidecar.service' => 'critical'], self::wrong($report));
        self::assertSame('The sidecar gives www-data no service "shop".', self::finding($report)['message']);
        self::assertStringNotContainsString('shop', self::finding($report)['remedy']);
    }

    public function testAnotherVersion(): void
    {
        $socket = $this->directory->path . '/other.sock';
        chmod($this->directory->path, 0755);
        $code = 'umask(0); $server = stream_socket_server("unix://" . $argv[1]); $stream = stream_socket_accept($server, 60);'
            . 'fread($stream, 16); $said = \'{"version":2}\'; fwrite($stream, pack("CCnNJ", 1, 1, 1, strlen($said), 0) . $said); fread($stream, 9999);';
        $other = new Process([PHP_BINARY, '-r', $code, '--', $socket], $this->directory->path . '/other.log');
        Poll::until(static fn (): bool => file_exists($socket), 'the other daemon');
        $report = $this->ask([], $socket);
        $other->stop();

        self::assertSame('critical', self::wrong($report)['sidecar.version']);
        $finding = self::finding($report, 'sidecar.version');
        self::assertStringContainsString('speaks version 2, and PHP version 1', $finding['message']);
        self::assertStringStartsWith('apt-get install --only-upgrade', $finding['remedy']);
    }

    public function testFilesThatPhpCouldRead(): void
    {
        $vault = dirname($this->file()) . '/vault';
        chmod($this->file(), 0644);
        chgrp($vault, self::USER);
        chmod($vault, 0750);
        $report = $this->ask();
        $findings = array_filter($report['findings'], static fn (array $finding): bool => $finding['code'] === 'sidecar.files');
        $messages = array_column($findings, 'message');

        self::assertSame([
            $this->file() . ' is for others as well: its mode is 0644.',
            $vault . ' is readable by www-data, who is in its group.',
        ], $messages);
        self::assertSame(
            "chown root:secure-outbound '" . $this->file() . "' && chmod 0640 '" . $this->file() . "'",
            array_column($findings, 'remedy')[0],
        );
    }

    public function testAServiceOfASidecarThatTheConfigurationDoesNotName(): void
    {
        $report = $this->doctor(['registry' => $this->json('services.json', self::registryOfSidecar())]);

        self::assertSame('critical', self::wrong($report)['sidecar.unnamed']);
        self::assertStringContainsString('"sidecar": {"socket":', self::finding($report, 'sidecar.unnamed')['remedy']);
    }

    public function testPoolsThatShareAUser(): void
    {
        $pools = $this->directory->path . '/pool.d';
        mkdir($pools);
        file_put_contents($pools . '/a.conf', "[shop]\nuser = www-data\n[blog]\n user = \"blog\"\n;user = www-data\n");
        self::assertSame(['ok'], array_column(PoolUsers::examine($pools), 'verdict'));
        file_put_contents($pools . '/b.conf', "[wiki]\nuser = www-data\n");
        $findings = PoolUsers::examine($pools);

        self::assertSame([Finding::WARNING], array_column($findings, 'verdict'));
        self::assertStringContainsString('The pools shop, wiki share the user www-data', $findings[0]->message);
        self::assertStringContainsString($pools . '/b.conf', $findings[0]->remedy);
    }

    /**
     * @param list<array<string, mixed>> $callers
     * @param list<string> $services
     */
    private function sidecar(array $callers, array $services = ['crm']): Sidecar
    {
        $service = ['base_url' => 'https://api.example.com/v1', 'policy' => ['allowed_methods' => ['GET']]];
        $sidecar = new Sidecar([], array_fill_keys($services, $service), ['callers' => $callers]);
        chmod(dirname($sidecar->socket), 0755);
        chmod(dirname($sidecar->socket) . '/vault', 0700);
        chgrp($sidecar->socket, self::USER);
        chmod($sidecar->socket, 0660);
        return $sidecar;
    }

    private function file(): string
    {
        return dirname($this->sidecar->socket) . '/sidecar.json';
    }

    /**
     * @param list<string> $services
     * @return array<string, mixed>
     */
    private static function registryOfSidecar(array $services = ['crm']): array
    {
        return ['version' => 1, 'services' => array_fill_keys($services, ['transport' => 'sidecar'])];
    }

    /**
     * @param array<string, string|null> $options
     * @return array{verdict: string, findings: list<array<string, string>>, exit: int}
     */
    private function ask(array $options = [], ?string $socket = null): array
    {
        return $this->doctor($options + [
            'config' => $this->json('config.json', $this->config() + ['sidecar' => ['socket' => $socket ?? $this->sidecar->socket]]),
            'registry' => $this->json('services.json', self::registryOfSidecar()),
            'sidecar-config' => $this->file(),
        ]);
    }
}
