<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Integration;

use Netresearch\NrSecureOutbound\Tests\Support\Site;
use Netresearch\NrSecureOutbound\Tests\Support\SiteWorkers;
use Netresearch\NrSecureOutbound\Tests\Support\Stored;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Canaries;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Image;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Search;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Installation;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\Attributes\Depends;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * A TYPO3 as on a production host: nginx, php-fpm with the library preloaded, and secrets that other processes have stored.
 */
final class WorkerTest extends TestCase
{
    /** A path of the API whose response does not repeat the request. */
    private const PATH = '/bytes/3';

    private static TempDir $directory;
    private static Upstream $upstream;
    private static Canaries $canaries;
    private static Site $site;
    private static SiteWorkers $workers;

    /** What the responses told PHP. */
    private static string $told = '';

    public static function setUpBeforeClass(): void
    {
        self::$upstream = new Upstream();
        self::$canaries = Canaries::make();
        self::$directory = new TempDir('typo3');
        $installation = new Installation(self::$directory);
        self::$site = new Site('workers', [
            'HTTP' => ['verify' => self::$upstream->tls->authority],
            'SYS' => ['nrVault' => ['outbound' => ['internal_hosts' => self::$upstream->config()['internal_hosts']]]],
        ], $installation);
        $service = static fn (string $id, array $options): array => [
            'id' => $id,
            'base_url' => self::$upstream->url(),
            'secret' => self::$canaries->text($id),
            'options' => $options,
        ];
        $file = self::$site->write('prepare.json', (string) json_encode([
            'services' => [
                $service('visitors', ['owner' => 1, 'frontendAccessible' => true]),
                $service('admins', ['owner' => 1]),
            ],
            'task' => 'admins',
        ]));
        self::$site->typo3('outbound-test:prepare', $file);
        unlink($file);
        self::$workers = new SiteWorkers(self::$site, $installation, self::$directory);
    }

    public static function tearDownAfterClass(): void
    {
        self::$workers->stop();
        self::$site->remove();
        self::$upstream->stop();
    }

    #[Test]
    public function aVisitorsRequestCalls(): void
    {
        $result = $this->told(self::$workers->browser()->get('/outbound-test?service=visitors&path=' . self::PATH)['body']);

        self::assertSame([201, 'rust-ffi'], [$result['status'] ?? $result, $result['transport'] ?? '']);
        self::assertSame(['visitors'], $this->received());
    }

    /**
     * nr-vault gives a visitor only secrets that are marked for the frontend.
     */
    #[Test]
    #[Depends('aVisitorsRequestCalls')]
    public function aVisitorsRequestReadsNothingElse(): void
    {
        $result = $this->told(self::$workers->browser()->get('/outbound-test?service=admins&path=' . self::PATH)['body']);

        self::assertSame('credential.access_denied', $result['code'] ?? null);
        self::assertSame(['visitors'], $this->received());
    }

    #[Test]
    #[Depends('aVisitorsRequestReadsNothingElse')]
    public function aBackendUsersRequestCalls(): void
    {
        $browser = self::$workers->browser();
        $page = $browser->login(Site::ADMIN, Site::PASSWORD);
        self::assertSame(1, preg_match('~"outbound_test":"([^"]+)"~', html_entity_decode($page), $url), $page);
        $url = (string) json_decode('"' . $url[1] . '"');
        $result = $this->told($browser->get($url . '&service=admins&path=' . self::PATH)['body']);

        self::assertSame([201, 'rust-ffi'], [$result['status'] ?? $result, $result['transport'] ?? '']);
        self::assertSame(['visitors', 'admins'], $this->received());
        self::assertIsInt($result['pid']);
        $copies = (new Search(self::$canaries))->in(Image::ofProcess($result['pid']));
        self::assertNotSame([], $copies, 'the buffers of an open connection hold what was sent last, and the search finds it');
    }

    #[Test]
    #[Depends('aBackendUsersRequestCalls')]
    public function theSchedulerCalls(): void
    {
        self::$site->typo3('scheduler:run');

        // The API of this call repeats the request in its response.
        self::assertStringContainsString('"status":200', (string) file_get_contents(self::$site->path . '/scheduler.json'));
        unlink(self::$site->path . '/scheduler.json');
        self::assertSame(['visitors', 'admins', 'admins'], $this->received());
    }

    #[Test]
    #[Depends('theSchedulerCalls')]
    public function theReportsModuleSaysWhatTheWorkerKnows(): void
    {
        $browser = self::$workers->browser();
        $report = $browser->statusReport($browser->login(Site::ADMIN, Site::PASSWORD));
        self::$told .= $report['body'];

        self::assertSame(200, $report['status'], $report['body']);
        self::assertStringContainsString('Secure Outbound', $report['body']);
        self::assertMatchesRegularExpression('~>\d+ things are in order<~', $report['body']);
        self::assertStringContainsString('vault.frontend_accessible', $report['body']);
        // These findings belong to the command line, to a process without the library, or to faults that this worker does not
        // have.
        self::assertDoesNotMatchRegularExpression('~<strong>(php|library|fpm\.(unbound|transport|opcache_preload|ffi_enable|package|open))[.<]~', $report['body']);
    }

    #[Test]
    #[Depends('theSchedulerCalls')]
    public function theDoctorAsksAWorkerFromTheCommandLine(): void
    {
        $result = self::$site->tryTypo3('outbound:doctor', '--format=json', '--fpm-socket=' . self::$workers->fpm->socket);
        self::$told .= $result['output'];

        $told = json_decode($result['output'], true);
        self::assertIsArray($told, $result['output']);
        $verdicts = array_column((array) ($told['findings'] ?? []), 'verdict', 'code');
        self::assertSame(['ok', 'ok', 'ok'], [
            $verdicts['fpm.bound'] ?? $verdicts,
            $verdicts['fpm.opcache_preload'] ?? $verdicts,
            $verdicts['fpm.open'] ?? $verdicts,
        ]);
        self::assertSame('critical', $verdicts['vault.frontend_accessible'] ?? $verdicts);
    }

    #[Test]
    #[Depends('theSchedulerCalls')]
    public function aRequestThatEndsInAResponseIsRecorded(): void
    {
        self::$workers->browser()->get('/outbound-leave?service=visitors&path=/bytes/1000000');

        $row = self::$site->database()->fetchAssociative('SELECT * FROM tx_nrvault_outbound_audit ORDER BY uid DESC LIMIT 1');
        self::assertIsArray($row);
        self::assertSame(
            ['visitors', 'rust-ffi', 201, 'cancelled.abandoned'],
            [$row['service_id'], $row['transport'], $row['status'], $row['error_code']],
        );
    }

    #[Test]
    #[Depends('aRequestThatEndsInAResponseIsRecorded')]
    public function noCopyIsLeft(): void
    {
        self::$upstream->nginx->stop();
        $result = $this->told(self::$workers->browser()->get('/outbound-test?service=visitors&path=' . self::PATH)['body']);
        self::assertSame('connect.refused', $result['code'] ?? null, 'and so the library has closed its connections');
        self::assertIsInt($result['pid']);

        $search = new Search(self::$canaries);
        self::assertSame([], array_map(strval(...), $search->in(Image::ofProcess($result['pid']))), 'in the worker');
        self::assertSame([], $search->inText(self::$told), 'in what PHP was told');
        self::assertSame([], $search->inText(self::$workers->log()), 'in the logs');
        $rows = Stored::inTables(self::$site->database());
        self::assertStringContainsString('admins-token', $rows);
        self::assertSame([], $search->inText($rows), 'in the database');
        [$found, $read] = Stored::inFiles(self::$site->written(), $search);
        self::assertSame([], $found);
        self::assertGreaterThan(50, $read);
    }

    /**
     * @return array<mixed>
     */
    private function told(string $json): array
    {
        self::$told .= $json;
        $result = json_decode($json, true);
        self::assertIsArray($result, $json . self::$workers->log());
        return $result;
    }

    /**
     * @return list<string> the names of the secrets that the API was sent, in order
     */
    private function received(): array
    {
        $search = new Search(self::$canaries);
        $names = [];
        foreach (self::$upstream->nginx->received() as $request) {
            array_push($names, ...$search->inText($request['authorization']));
        }
        return $names;
    }
}
