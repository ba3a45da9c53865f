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
 * One TYPO3 on two hosts with one database: two masters of php-fpm, and files and caches that each host has alone. On the first one
 * nginx serves a link to the current release.
 */
final class HostsTest extends TestCase
{
    private const WORKERS = 2;

    private static TempDir $directory;
    private static Upstream $upstream;
    private static MariaDb $server;
    private static Installation $installation;

    /** @var array<string, Site> releases of the first host, and the second host */
    private static array $sites = [];

    /** @var array<string, SiteWorkers> */
    private static array $hosts = [];

    private static string $link = '';

    public static function setUpBeforeClass(): void
    {
        self::$upstream = new Upstream();
        self::$directory = new TempDir('hosts');
        self::$server = new MariaDb(isLogged: true);
        self::$installation = new Installation(self::$directory);
        $first = new Site('releases/1', [
            'HTTP' => ['verify' => self::$upstream->tls->authority],
            'SYS' => ['nrVault' => ['outbound' => [
                'internal_hosts' => self::$upstream->config()['internal_hosts'],
                'php_transport' => false,
            ]]],
        ], self::$installation, dsn: self::$server->dsn);
        self::$sites['1'] = $first;
        self::$link = dirname($first->path, 2) . '/current';
        self::release('1');
        self::prepare($first, 'crm', 'first');
        self::$sites['second host'] = new Site('second', installation: self::$installation, first: $first);
        self::$hosts = [
            'first' => new SiteWorkers($first, self::$installation, self::$directory, self::WORKERS, root: self::$link),
            'second' => new SiteWorkers(self::$sites['second host'], self::$installation, self::$directory, self::WORKERS),
        ];
    }

    public static function tearDownAfterClass(): void
    {
        foreach (self::$hosts as $host) {
            $host->stop();
        }
        foreach (self::$sites as $site) {
            $site->remove();
        }
        self::$server->stop();
        self::$upstream->stop();
    }

    #[Test]
    public function eachHostCalls(): void
    {
        self::assertSame(['first' => 201, 'second' => 201], self::outcomes('crm'));
        self::assertSame(['first', 'first'], self::received());
    }

    /**
     * The row is changed in the database alone, as no host is told of what another one does.
     */
    #[Test]
    #[Depends('eachHostCalls')]
    public function aServiceThatIsHiddenIsOffAtTheNextCallOfEachHost(): void
    {
        $database = self::$server->connection();
        $database->exec("UPDATE tx_nrvault_service SET hidden = 1 WHERE identifier = 'crm'");
        $hidden = self::outcomes('crm');
        $database->exec("UPDATE tx_nrvault_service SET hidden = 0 WHERE identifier = 'crm'");

        self::assertSame(['first' => 'policy.service_disabled', 'second' => 'policy.service_disabled'], $hidden);
        self::assertSame(['first' => 201, 'second' => 201], self::outcomes('crm'));
    }

    #[Test]
    #[Depends('aServiceThatIsHiddenIsOffAtTheNextCallOfEachHost')]
    public function aSecretThatOneHostStoresIsUsedAtTheNextCallOfEachHost(): void
    {
        $result = self::$sites['second host']->feedTypo3('rotated', 'vault:rotate', 'crm_token', '--stdin');
        self::assertSame(0, $result['code'], $result['output']);
        self::assertSame(['first' => 201, 'second' => 201], self::outcomes('crm'));
        self::assertSame(['rotated', 'rotated'], array_slice(self::received(), -2));

        self::prepare(self::$sites['second host'], 'shop', 'new');
        self::assertSame(['first' => 201, 'second' => 201], self::outcomes('shop'));
        self::assertSame(['new', 'new'], array_slice(self::received(), -2));
    }

    #[Test]
    #[Depends('aSecretThatOneHostStoresIsUsedAtTheNextCallOfEachHost')]
    public function theRowsOfEachHostAreInOneLog(): void
    {
        $rows = self::$server->connection()
            ->query('SELECT request_id, outcome FROM tx_nrvault_outbound_audit ORDER BY uid')->fetchAll(\PDO::FETCH_ASSOC);

        self::assertSame(
            [...array_fill(0, 2, 'response'), ...array_fill(0, 2, 'refused'), ...array_fill(0, 6, 'response')],
            array_column($rows, 'outcome'),
        );
        self::assertCount(10, array_unique(array_column($rows, 'request_id')), 'a row for each request of each host');
    }

    #[Test]
    #[Depends('theRowsOfEachHostAreInOneLog')]
    public function aRequestAsksTheDatabaseForItsCallsAndForNothingElse(): void
    {
        $browser = self::$hosts['first']->browser();
        $page = self::statements(static fn () => self::assertSame(200, $browser->get('/')['status']));
        self::assertNotSame([], $page);
        self::assertSame([], preg_grep('/tx_nrvault_/', $page), 'a page that calls nobody');

        foreach (['standard' => ['SELECT', 'INSERT'], 'required' => ['SELECT', 'INSERT', 'UPDATE']] as $audit => $own) {
            self::$server->connection()->exec("UPDATE tx_nrvault_service SET audit = '$audit' WHERE identifier = 'crm'");
            $call = self::statements(static fn () => $browser->get('/outbound-test?service=crm&path=/bytes/3'));

            $ours = preg_grep('/tx_nrvault_(service|credential_set|outbound_audit)/', $call);
            self::assertSame($own, array_map(static fn (string $statement): string => substr($statement, 0, 6), array_values((array) $ours)));
            $tables = array_values(array_diff(self::tables(array_diff($call, (array) $ours)), self::tables($page)));
            self::assertSame(['tx_nrvault_audit_log', 'tx_nrvault_secret', 'tx_nrvault_secret_begroups_mm'], $tables, "nr-vault's own");
        }
        self::$server->connection()->exec("UPDATE tx_nrvault_service SET audit = 'standard'");
    }

    #[Test]
    #[Depends('aRequestAsksTheDatabaseForItsCallsAndForNothingElse')]
    public function theLinkGoesToTheNextReleaseWhileCallsGoOn(): void
    {
        self::$sites['2'] = new Site('releases/2', installation: self::$installation, first: self::$sites['1']);
        $load = new Load(self::$directory, self::$hosts['first']->url() . '/outbound-test?service=crm&path=/bytes/3');
        $load->goOn(20, self::WORKERS);
        $begun = hrtime(true);
        self::release('2');
        $switched = hrtime(true);
        $load->goOn(20, self::WORKERS);
        $results = $load->stop();

        $pids = ['1' => [], '2' => []];
        foreach ($results as $result) {
            $told = $result['result'];
            self::assertSame([201, 'rust-ffi'], [$told['status'] ?? $told, $told['transport'] ?? ''], self::$hosts['first']->log());
            $release = basename($told['project']);
            if ($result['ended'] < $begun || $result['begun'] > $switched) {
                self::assertSame($result['ended'] < $begun ? '1' : '2', $release);
            }
            $pids[$release][$told['pid']] = true;
        }
        self::assertCount(self::WORKERS, $pids['2']);
        self::assertEqualsCanonicalizing(array_keys($pids['1']), array_keys($pids['2']), 'no worker was reloaded');
        self::assertSame(
            ['first' => 4, 'rotated' => 4 + count($results), 'new' => 2],
            array_count_values(self::received()),
        );
    }

    /**
     * It says so at each call until php-fpm is reloaded, and PHP does not do the work instead. The way back needs no reload.
     */
    #[Test]
    #[Depends('theLinkGoesToTheNextReleaseWhileCallsGoOn')]
    public function aReleaseWithAnotherPreloadedClassWaitsForTheReload(): void
    {
        self::$sites['3'] = new Site('releases/3', installation: self::$installation, first: self::$sites['1']);
        $file = 'vendor/netresearch/secure-outbound/src/Transport/Rust/RustFfiTransport.php';
        $source = (string) file_get_contents(self::$sites['3']->path . '/' . $file);
        $next = (string) preg_replace_callback('/LEAST_NATIVE_API = (\d+);/', static fn (array $match): string => 'LEAST_NATIVE_API = ' . ($match[1] + 1) . ';', $source);
        self::assertNotSame($source, $next);
        self::$sites['3']->write($file, $next);

        self::release('3');
        self::assertSame(['first' => 'configuration.transport_unavailable', 'second' => 201], self::outcomes('crm'));
        self::release('2');
        self::assertSame(['first' => 201, 'second' => 201], self::outcomes('crm'));
    }

    /**
     * @return list<string> what the server executes in the meantime
     */
    private static function statements(\Closure $request): array
    {
        $before = count(self::$server->statements());
        $request();
        return array_slice(self::$server->statements(), $before);
    }

    /**
     * @param array<string> $statements
     * @return list<string> the tables that they name, in order
     */
    private static function tables(array $statements): array
    {
        preg_match_all('/\b(?:FROM|INTO|JOIN|UPDATE)\s+[`"]?(\w+)/', implode("\n", $statements), $names);
        $tables = array_unique($names[1]);
        sort($tables);
        return $tables;
    }

    private static function release(string $number): void
    {
        symlink(self::$sites[$number]->path, self::$link . '.next');
        rename(self::$link . '.next', self::$link);
    }

    private static function prepare(Site $site, string $service, string $secret): void
    {
        $site->typo3('outbound-test:prepare', $site->write('prepare.json', (string) json_encode(['services' => [[
            'id' => $service,
            'base_url' => self::$upstream->url(),
            'secret' => $secret,
            // nr-vault's commands may change what belongs to nobody.
            'options' => ['owner' => 0, 'frontendAccessible' => true],
        ]]])));
    }

    /**
     * @return array<string, mixed> status or code of one call on each host
     */
    private static function outcomes(string $service): array
    {
        return array_map(static function (SiteWorkers $host) use ($service): mixed {
            $body = $host->browser()->get("/outbound-test?service=$service&path=/bytes/3")['body'];
            $result = json_decode($body, true);
            self::assertIsArray($result, $body . $host->log());
            return $result['status'] ?? $result['code'] ?? $result;
        }, self::$hosts);
    }

    /**
     * @return list<string> the secrets of the requests that the API has been sent
     */
    private static function received(): array
    {
        return array_map(
            static fn (array $request): string => substr($request['authorization'], strlen('Bearer ')),
            self::$upstream->nginx->received(),
        );
    }
}
