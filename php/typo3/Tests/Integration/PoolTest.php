<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Integration;

use Netresearch\NrSecureOutbound\Tests\Support\Load;
use Netresearch\NrSecureOutbound\Tests\Support\Site;
use Netresearch\NrSecureOutbound\Tests\Support\SiteWorkers;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Installation;
use Netresearch\NrVault\Outbound\Tests\Support\Server\MariaDb;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\Attributes\Depends;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * Two installations of TYPO3 in one pool of php-fpm workers. They have services and secrets of the same names, and master keys of
 * their own, which are replaced while both go on calling. With SECURE_OUTBOUND_CALLS, they make at least so many calls.
 */
final class PoolTest extends TestCase
{
    private const WORKERS = 3;

    /** Calls of each site between two steps of a rotation, in the short form. */
    private const CALLS = 20;

    private const FAILED = 'credential.authentication_failed';

    private static TempDir $directory;
    private static Upstream $upstream;
    private static MariaDb $server;

    /** @var array<string, Site> */
    private static array $sites = [];

    /** @var array<string, SiteWorkers> */
    private static array $workers = [];

    /** @var array<string, int> how many calls of each site have got a response of the API */
    private static array $answered = ['first' => 0, 'second' => 0];

    public static function setUpBeforeClass(): void
    {
        self::$upstream = new Upstream();
        self::$directory = new TempDir('pool');
        self::$server = new MariaDb();
        $installation = new Installation(self::$directory);
        foreach (array_keys(self::$answered) as $name) {
            $site = new Site($name, [], $installation, dsn: self::$server->database($name));
            $site->write('master.key', self::key());
            self::configure($site, 'server');
            $site->typo3('outbound-test:prepare', $site->write('prepare.json', (string) json_encode(['services' => [[
                'id' => 'crm',
                'base_url' => self::$upstream->url() . '/' . $name,
                'secret' => 'token-of-' . $name,
                'options' => ['owner' => 1, 'frontendAccessible' => true],
            ]]])));
            self::$sites[$name] = $site;
            self::$workers[$name] = new SiteWorkers($site, $installation, self::$directory, self::WORKERS, self::$workers['first'] ?? null);
        }
    }

    /**
     * @param string $provider of the master key: "server", which only PHP can ask, or "file"
     */
    private static function configure(Site $site, string $provider): void
    {
        $site->configure([
            'HTTP' => ['verify' => self::$upstream->tls->authority],
            'SYS' => ['nrVault' => ['outbound' => [
                'internal_hosts' => self::$upstream->config()['internal_hosts'],
                'php_transport' => false,
            ]]],
            'EXTENSIONS' => ['nr_vault' => [
                'masterKeyProvider' => $provider,
                'masterKeySource' => $site->path . '/master.key',
            ]],
        ]);
    }

    public static function tearDownAfterClass(): void
    {
        foreach (array_reverse(self::$workers) as $workers) {
            $workers->stop();
        }
        array_map(static fn (Site $site) => $site->remove(), self::$sites);
        self::$server->stop();
        self::$upstream->stop();
    }

    #[Test]
    public function eachSiteIsKnownByItsOwnKey(): void
    {
        $loads = $this->loads();
        $this->goOn($loads);

        foreach ($this->results($loads) as $name => $results) {
            self::assertSame([], self::failures($results), $name . self::$workers[$name]->log());
        }
        $this->theApiGotWhatItWasSent();
        foreach (self::$sites as $name => $site) {
            self::assertSame([1], array_values(array_unique($this->handed($site))), "the key of the $name crosses once in the life of a worker");
        }
    }

    #[Test]
    #[Depends('eachSiteIsKnownByItsOwnKey')]
    public function aMasterKeyIsReplacedWhileCallsGoOn(): void
    {
        $before = array_map($this->handed(...), self::$sites);
        $failed = $this->rotate(self::$sites);

        foreach (self::$sites as $name => $site) {
            $handed = $this->handed($site);
            $key = hash('sha256', (string) base64_decode((string) file_get_contents($site->path . '/master.key'), true));
            $last = array_filter($handed, static fn (string $line): bool => str_ends_with($line, $key), ARRAY_FILTER_USE_KEY);
            self::assertSame(array_fill(0, self::WORKERS, 1), array_values($last), 'the new key crosses once in the life of a worker');
            self::assertSame(
                count($failed[$name]) + self::rotations() * self::WORKERS,
                array_sum($handed) - array_sum($before[$name]),
                'each call that failed has asked once for a newer key, and got the old one',
            );
        }
    }

    #[Test]
    #[Depends('aMasterKeyIsReplacedWhileCallsGoOn')]
    public function aKeyFileIsReplacedWhileCallsGoOn(): void
    {
        self::configure(self::$sites['second'], 'file');
        $before = $this->handed(self::$sites['second']);
        $this->rotate(['second' => self::$sites['second']]);

        self::assertSame($before, $this->handed(self::$sites['second']), 'the library reads the file');
    }

    /**
     * The workers have both keys, and each site has services, secrets and identifiers of the same names.
     */
    #[Test]
    #[Depends('aKeyFileIsReplacedWhileCallsGoOn')]
    public function aSecretOfTheOtherSiteIsNotOpened(): void
    {
        self::$server->connection()->exec(
            'UPDATE second.tx_nrvault_secret one JOIN first.tx_nrvault_secret other USING (identifier) '
            . 'SET one.encrypted_value = other.encrypted_value, one.encrypted_dek = other.encrypted_dek, '
            . 'one.dek_nonce = other.dek_nonce, one.value_nonce = other.value_nonce',
        );

        for ($call = 0; $call < 2 * self::WORKERS; ++$call) {
            $result = json_decode(self::$workers['second']->browser()->get('/outbound-test?service=crm&path=/bytes/3')['body'], true);
            self::assertIsArray($result);
            self::assertSame(self::FAILED, $result['code'] ?? $result);
        }
        $this->theApiGotWhatItWasSent();
    }

    /**
     * Replaces master keys as nr-vault's manual says. Calls go on until they have been made with the last key.
     *
     * @param array<string, Site> $sites
     * @return array<string, list<array{begun: int, ended: int, result: array<mixed>}>> the calls that failed
     */
    private function rotate(array $sites): array
    {
        $spans = [];
        $loads = $this->loads();
        $this->goOn($loads);
        for ($rotation = 0; $rotation < self::rotations(); ++$rotation) {
            foreach ($sites as $name => $site) {
                $site->write('next.key', self::key());
                $begun = hrtime(true);
                $site->typo3('vault:rotate-master-key', "--old-key=$site->path/master.key", "--new-key=$site->path/next.key", '--confirm');
                // Now the secrets are sealed under a key that the site does not have yet.
                $this->goOn([$name => $loads[$name]]);
                rename($site->path . '/next.key', $site->path . '/master.key');
                $spans[$name][] = [$begun, hrtime(true)];
                $this->goOn($loads);
            }
        }
        $failed = array_map(self::failures(...), $this->results($loads));
        foreach ($failed as $name => $failures) {
            foreach ($failures as $failure) {
                self::assertSame(self::FAILED, $failure['result']['code'] ?? $failure, self::$workers[$name]->log());
                $span = array_filter(
                    $spans[$name] ?? [],
                    static fn (array $span): bool => $failure['ended'] > $span[0] && $failure['begun'] < $span[1],
                );
                self::assertNotSame([], $span, "a call of the $name fails only if it is made between the two steps");
            }
            self::assertSame(isset($sites[$name]), $failures !== [], "calls of the $name were made between the two steps");
        }
        $this->theApiGotWhatItWasSent();
        return $failed;
    }

    /** Of characters, since nr-vault's command trims the bytes of a key. */
    private static function key(): string
    {
        return base64_encode(bin2hex(random_bytes(16)));
    }

    private static function rotations(): int
    {
        return max(1, intdiv((int) getenv('SECURE_OUTBOUND_CALLS'), 12 * self::CALLS));
    }

    /**
     * @return array<string, Load>
     */
    private function loads(): array
    {
        return array_map(
            static fn (SiteWorkers $workers): Load => new Load(self::$directory, $workers->url() . '/outbound-test?service=crm&path=/bytes/3'),
            self::$workers,
        );
    }

    /**
     * @param array<string, Load> $loads
     */
    private function goOn(array $loads): void
    {
        foreach ($loads as $load) {
            $load->goOn(self::CALLS, self::WORKERS);
        }
    }

    /**
     * @param array<string, Load> $loads
     * @return array<string, list<array{begun: int, ended: int, result: array<mixed>}>>
     */
    private function results(array $loads): array
    {
        $results = array_map(static fn (Load $load): array => $load->stop(), $loads);
        foreach ($results as $name => $of) {
            self::$answered[$name] += count($of) - count(self::failures($of));
        }
        return $results;
    }

    /**
     * @param list<array{begun: int, ended: int, result: array<mixed>}> $results
     * @return list<array{begun: int, ended: int, result: array<mixed>}>
     */
    private static function failures(array $results): array
    {
        return array_values(array_filter(
            $results,
            static fn (array $result): bool => ($result['result']['status'] ?? null) !== 201 || $result['result']['transport'] !== 'rust-ffi',
        ));
    }

    /** Every request that it received is one of those whose response a site has, with the secret of that site. */
    private function theApiGotWhatItWasSent(): void
    {
        $expected = [];
        foreach (self::$answered as $name => $count) {
            $expected["/v1/$name/bytes/3 Bearer token-of-$name"] = $count;
        }
        $received = array_count_values(array_map(
            static fn (array $request): string => $request['uri'] . ' ' . $request['authorization'],
            self::$upstream->nginx->received(),
        ));
        ksort($expected);
        ksort($received);
        self::assertSame($expected, $received);
    }

    /**
     * @return array<string, int> how often the library got which key of a site, by process and digest of the key
     */
    private function handed(Site $site): array
    {
        return array_count_values(file($site->path . '/master.key.log', FILE_IGNORE_NEW_LINES) ?: []);
    }
}
