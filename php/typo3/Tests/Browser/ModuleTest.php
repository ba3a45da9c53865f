<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Browser;

use Netresearch\NrSecureOutbound\Tests\Support\Backend;
use Netresearch\NrSecureOutbound\Tests\Support\Chromium;
use Netresearch\NrSecureOutbound\Tests\Support\Outdated;
use Netresearch\NrSecureOutbound\Tests\Support\Site;
use Netresearch\NrSecureOutbound\Tests\Support\SiteWorkers;
use Netresearch\NrSecureOutbound\Tests\Support\Stored;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Canaries;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Search;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Installation;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Depends;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * The backend module in Chromium, in a TYPO3 with nginx and php-fpm. Pictures of all pages are left in target/typo3/LINE/pictures.
 * SECURE_OUTBOUND_BLESS=1 puts those that the documentation shows into it.
 */
final class ModuleTest extends TestCase
{
    private const SHOWN = ['services-light', 'services-dark', 'service', 'wizard', 'wizard-google', 'audit'];
    private const IMAGES = __DIR__ . '/../../Documentation/Images/';

    private const DAY = 86400;

    private static Upstream $upstream;
    private static Canaries $canaries;
    private static Site $site;
    private static SiteWorkers $workers;
    private static Backend $backend;

    public static function setUpBeforeClass(): void
    {
        self::$upstream = new Upstream();
        self::$canaries = Canaries::make();
        $directory = new TempDir('browser');
        $installation = new Installation($directory);
        self::$site = new Site('browser', [
            'HTTP' => ['verify' => self::$upstream->tls->authority],
            'SYS' => ['nrVault' => ['outbound' => ['internal_hosts' => self::$upstream->config()['internal_hosts']]]],
            'LOG' => Outdated::LOGGED,
        ], $installation, '/');
        $service = static fn (string $id, string $paths, string $description): array => [
            'id' => $id,
            'base_url' => self::$upstream->url(),
            'secret' => $id . '-token',
            'options' => ['owner' => 1, 'frontendAccessible' => true],
            'fields' => ['allowed_paths' => $paths, 'description' => $description],
        ];
        $file = self::$site->write('prepare.json', (string) json_encode([
            'services' => [
                $service('crm', "/v1/bytes/{number}\n/v1/status/{number}", 'Customers and their notes'),
                $service('shipping', "/v1/**", 'Parcels'),
            ],
            'users' => [
                ['name' => 'viewer', 'password' => Site::PASSWORD, 'modules' => 'tools_outbound', 'rights' => 'nr_secure_outbound:view'],
                ['name' => 'stranger', 'password' => Site::PASSWORD, 'modules' => 'scheduler', 'rights' => ''],
            ],
        ]));
        self::$site->typo3('outbound-test:prepare', $file);
        unlink($file);
        self::$workers = new SiteWorkers(self::$site, $installation, $directory);
        self::callForAWeek();
        self::$backend = new Backend(self::$workers->url());
    }

    public static function tearDownAfterClass(): void
    {
        self::$backend->browser->stop();
        self::$workers->stop();
        self::$site->remove();
        self::$upstream->stop();
    }

    /** Calls of both services, as if they had been made in the course of seven days. */
    private static function callForAWeek(): void
    {
        $browser = self::$workers->browser();
        $paths = ['/bytes/3', '/bytes/9', '/status/404', '/bytes/1', '/bytes/2', '/status/200', '/bytes/7', '/status/503', '/bytes/5'];
        foreach ([...$paths, ...$paths] as $number => $path) {
            $browser->get('/outbound-test?service=' . ['crm', 'crm', 'shipping'][$number % 3] . '&path=' . $path);
        }
        $database = new \PDO('sqlite:' . (glob(self::$site->path . '/var/sqlite/*.sqlite') ?: [''])[0]);
        $database->exec('UPDATE tx_nrvault_outbound_audit SET crdate = crdate - (18 - uid) * 2 / 5 * ' . self::DAY);
    }

    #[Test]
    public function anAdministratorLogsInAndOpensTheModuleByKeyboard(): void
    {
        self::$backend->logIn(Site::ADMIN, Site::PASSWORD);
        $browser = self::$backend->browser;
        $item = '[data-modulemenu-identifier="tools_outbound"]';
        $browser->find($item);
        self::$backend->press(Chromium::TAB, '[data-modulemenu-identifier]');
        self::$backend->press(Chromium::DOWN, "[data-modulemenu-identifier]:has(~ * $item)");
        $browser->type(Chromium::RIGHT);
        self::$backend->press(Chromium::DOWN, $item);
        $browser->type(Chromium::ENTER);
        self::$backend->enter('.module-body a[href*="service=1"]');
        self::assertStringContainsString('crm', self::$backend->text());

        // On from the menu into the frame, to the first service.
        self::$backend->browser->enterFrame(null);
        self::$backend->press(Chromium::TAB, '#typo3-contentIframe');
        self::$backend->enter('.module-body h1');
        self::$backend->press(Chromium::TAB, '.module-body a[href*="service=1"]');
        $browser->type(Chromium::ENTER);
        $browser->find('#explain-path');
        self::assertStringContainsString('Customers and their notes', self::$backend->text());
    }

    #[Test]
    #[Depends('anAdministratorLogsInAndOpensTheModuleByKeyboard')]
    public function theWizardTakesATemplate(): void
    {
        $browser = self::$backend->browser;
        self::$backend->open('wizard');
        self::picture('wizard-templates');
        self::$backend->follow('a[href*="template=google"]', '#wizard-key');
        self::picture('wizard-google');
        self::$backend->open('wizard');
        self::$backend->follow('a[href*="template=matomo"]', '#wizard-key');
        self::picture('wizard');

        // Without a key, the browser itself does not send the form.
        $browser->click('.outbound-wizard button[type=submit]');
        self::assertTrue($browser->script('return document.querySelector("#wizard-key").matches(":invalid")'));

        $browser->fill('#wizard-id', 'No Id');
        $browser->fill('#wizard-url', 'http://matomo.example.com');
        $browser->fill('#wizard-key', self::$canaries->text('refused'));
        self::$backend->follow('.outbound-wizard button[type=submit]', '.outbound-problem');
        $text = self::$backend->text();
        self::assertStringContainsString('An id is a lower-case letter', $text);
        self::assertStringContainsString('A base URL begins with https://', $text);
        self::assertSame('', $browser->script('return document.querySelector("#wizard-key").value'), 'a secret is not sent back');

        $browser->fill('#wizard-id', 'statistics');
        $browser->fill('#wizard-url', 'https://localhost:' . parse_url(self::$upstream->url(), PHP_URL_PORT));
        $browser->fill('#wizard-key', self::$canaries->text('taken'));
        self::picture('wizard-refused');
        self::$backend->follow('.outbound-wizard button[type=submit]', '#explain-path');
        self::assertStringContainsString('statistics', self::$backend->text('h1'));
        self::assertStringContainsString('statistics_key', self::$backend->text());
    }

    #[Test]
    #[Depends('theWizardTakesATemplate')]
    public function theRecordIsEdited(): void
    {
        self::$backend->follow('.module-body a[href*="/record/edit"]', '[name="_savedok"]');
        $this->fillRecord(['allowed_paths' => 'no slash']);
        self::$backend->follow('[name="_savedok"]', '[name="_savedok"]');
        self::assertStringContainsString('must be a list of patterns that begin with "/"', self::$backend->text());

        $this->fillRecord([
            'allowed_paths' => '/v1/echo',
            'headers' => 'Content-Type: application/x-www-form-urlencoded',
            'test_method' => 'POST',
            'test_path' => '/v1/echo',
        ]);
        self::$backend->follow('[name="_savedok"]', '[name="_savedok"]');
        self::picture('record');
        self::$backend->follow('.t3js-editform-close', '#explain-path');
        self::assertStringContainsString('Active', self::$backend->text('h1'));
        self::assertStringContainsString('/v1/echo', self::$backend->text('.outbound-policy'));
    }

    #[Test]
    #[Depends('theRecordIsEdited')]
    public function aCallIsExplained(): void
    {
        // Anew, since TYPO3's notices of what was saved may lie over the page for a while.
        self::$backend->open('service?service=3');
        $browser = self::$backend->browser;
        $browser->fill('#explain-method', 'POST');
        $browser->fill('#explain-path', '/admin');
        self::$backend->follow('form[action$="#explain"] button[type=submit]', '[role=status]');
        self::assertStringContainsString('It would be refused', self::$backend->text('[role=status]'));
        self::assertStringContainsString('policy.path_not_allowed', self::$backend->text('[role=status]'));

        $browser->fill('#explain-path', '/v1/echo');
        self::$backend->follow('form[action$="#explain"] button[type=submit]', '[role=status]');
        self::assertStringContainsString('It would be sent', self::$backend->text('[role=status]'));
    }

    #[Test]
    #[Depends('aCallIsExplained')]
    public function theTestCallReachesTheApi(): void
    {
        self::$backend->follow('form[action$="#test"] button[type=submit]', '#trial');
        self::assertStringContainsString('200', self::$backend->text('#trial'));
        self::picture('service');

        $received = self::$upstream->nginx->received();
        self::assertSame('/v1/echo', end($received)['uri'] ?? '');
        parse_str(end($received)['body'] ?? '', $form);
        self::assertSame(self::$canaries->text('taken'), $form['token_auth'] ?? null);
    }

    #[Test]
    #[Depends('theTestCallReachesTheApi')]
    public function theAuditLogHasTheCall(): void
    {
        $browser = self::$backend->browser;
        self::$backend->open('audit');
        self::picture('audit');
        $browser->script('document.querySelector("#filter-id").value = "statistics"');
        self::$backend->follow('form[role=search] button[type=submit]', 'tbody tr');
        self::assertStringContainsString('POST', self::$backend->text('tbody'));
        self::assertSame(1, $browser->script('return document.querySelectorAll("tbody tr").length'));
        self::assertSame([], (new Search(self::$canaries))->inText(self::$backend->text('body')));

        // A status that there is not is refused by the browser, before it is sent.
        $browser->fill('#filter-status', '9');
        $browser->click('form[role=search] button[type=submit]');
        self::assertTrue($browser->script('return document.querySelector("#filter-status").matches(":invalid")'));
    }

    #[Test]
    #[Depends('theAuditLogHasTheCall')]
    public function theRecordsAreExported(): void
    {
        self::$backend->open('audit?service_id=statistics');

        $lines = explode("\r\n", trim(self::$backend->browser->download('a[href*="format=csv"]')));
        $csv = array_map(static fn (string $line): array => str_getcsv($line, escape: ''), $lines);
        $json = json_decode(self::$backend->browser->download('a[href*="format=json"]'), true);

        self::assertCount(2, $csv);
        self::assertSame('statistics', array_combine($csv[0], $csv[1])['service_id'] ?? null);
        self::assertIsArray($json);
        self::assertSame(['statistics'], array_column($json, 'service_id'));
    }

    /**
     * The form of the wizard was sent with a secret twice: once it was refused, and once its service was made, edited and called.
     */
    #[Test]
    #[Depends('theRecordsAreExported')]
    public function noCopyOfASecretIsLeft(): void
    {
        $search = new Search(self::$canaries);
        $rows = Stored::inTables(self::$site->database());
        self::assertStringContainsString('statistics_key', $rows);
        self::assertSame([], $search->inText($rows), 'in the database');
        self::assertSame([], $search->inText(self::$workers->log()), 'in the logs');
        [$found, $read] = Stored::inFiles(self::$site->written(), $search);
        self::assertSame([], $found);
        self::assertGreaterThan(50, $read);
    }

    /**
     * @return array<string, array{string, int}> the page, and the least number of its controls
     */
    public static function pages(): array
    {
        return [
            'services' => ['', 5],
            'a service' => ['service?service=3', 5],
            'credential sets' => ['credentials', 4],
            'the audit log' => ['audit', 25],
            'findings' => ['findings', 0],
            'templates' => ['wizard', 10],
            'the wizard' => ['wizard?template=matomo', 5],
            'the wizard of Google' => ['wizard?template=google', 8],
        ];
    }

    #[Test]
    #[Depends('theAuditLogHasTheCall')]
    #[DataProvider('pages')]
    public function everyControlIsReachedByKeyboardAndEveryTextIsReadable(string $page, int $controls): void
    {
        self::$backend->open($page);
        $walk = self::$backend->walk();
        self::assertSame([], $walk['faults']);
        self::assertGreaterThanOrEqual($controls, $walk['reached']);

        foreach (['light', 'dark'] as $scheme) {
            self::$backend->browser->prefer($scheme);
            $contrasts = self::$backend->contrasts();
            self::picture(strtr($page === '' ? 'services' : $page, '?=', '--') . '-' . $scheme);
            self::$backend->browser->prefer('light');
            self::assertSame([], $contrasts['faults'], $scheme);
            self::assertGreaterThan(2, $contrasts['read']);
        }
    }

    #[Test]
    #[Depends('theAuditLogHasTheCall')]
    public function aUserSeesWhatTheRightsOpen(): void
    {
        $backend = new Backend(self::$workers->url());
        $backend->logIn('viewer', Site::PASSWORD);
        self::assertStringContainsString('tools_outbound', $backend->modules());
        $backend->open();
        self::assertSame('Services, Credential sets', $backend->views());
        self::assertSame(0, $backend->browser->script('return document.querySelectorAll(".module-body .btn").length'));
        $backend->follow('.module-body a[href*="service=1"]', '.outbound-policy');
        self::assertSame(0, $backend->browser->script('return document.querySelectorAll("form").length'));
        foreach (['audit', 'findings', 'wizard'] as $page) {
            $backend->open($page);
            self::assertStringStartsWith('No access', $backend->text(), $page);
        }
        $backend->browser->stop();
    }

    #[Test]
    #[Depends('theAuditLogHasTheCall')]
    public function aUserWithoutTheModuleDoesNotSeeIt(): void
    {
        $backend = new Backend(self::$workers->url());
        $backend->logIn('stranger', Site::PASSWORD);
        self::assertStringNotContainsString('tools_outbound', $backend->modules());
        $backend->browser->open(self::$workers->url() . '/typo3/module/tools/outbound');
        $backend->browser->waitFor('document.readyState === "complete"');
        self::assertSame(0, $backend->browser->script('return document.querySelectorAll("iframe[src*=outbound]").length'));
        $backend->browser->stop();
    }

    #[Test]
    #[Depends('aUserSeesWhatTheRightsOpen')]
    #[Depends('theRecordsAreExported')]
    public function nothingOutdatedWasUsed(): void
    {
        Outdated::assertOnlyInOthers(self::$site);
    }

    /**
     * @param array<string, string> $fields
     */
    private function fillRecord(array $fields): void
    {
        $browser = self::$backend->browser;
        foreach ($fields as $field => $value) {
            $selector = "textarea[name\$=\"[$field]\"], select[name\$=\"[$field]\"], input[data-formengine-input-name\$=\"[$field]\"]";
            $browser->find($selector);
            // Each field is on a tab of its own.
            $browser->script(<<<'JS'
                const pane = document.querySelector(arguments[0]).closest(".tab-pane");
                document.querySelector(`[role=tab][aria-controls="${pane.id}"]`).click();
                JS, $selector);
            $browser->waitFor('document.querySelector(arguments[0]).checkVisibility()', $selector);
            if ($field === 'test_method') {
                $browser->click("select[name\$=\"[$field]\"] option[value=\"$value\"]");
            } else {
                $browser->fill($selector, $value);
            }
        }
        $browser->type(Chromium::TAB);
    }

    private static function picture(string $name): void
    {
        $place = Site::packages() . '/pictures';
        is_dir($place) || mkdir($place);
        $picture = self::$backend->picture(1240);
        file_put_contents("$place/$name.png", $picture);
        if (getenv('SECURE_OUTBOUND_BLESS') === '1' && in_array($name, self::SHOWN, true)) {
            file_put_contents(self::IMAGES . "$name.png", $picture);
        }
    }
}
