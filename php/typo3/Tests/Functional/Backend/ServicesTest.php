<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Backend;

use PHPUnit\Framework\Attributes\Test;
use TYPO3\CMS\Backend\Module\ModuleInterface;
use TYPO3\CMS\Backend\Module\ModuleProvider;
use TYPO3\CMS\Backend\Routing\Exception\MissingRequestTokenException;
use TYPO3\CMS\Backend\Routing\Exception\RouteNotFoundException;

/**
 * The list of services: their states, and the figures of their calls.
 */
final class ServicesTest extends ModuleTestCase
{
    #[Test]
    public function everyServiceIsListedWithItsState(): void
    {
        $this->saveService('sound');
        $this->saveService('paused', ['hidden' => 1]);
        $this->saveService('broken', ['allowed_paths' => 'v1']);
        $this->saveService('elsewhere');
        self::setting(['SYS', 'nrVault', 'outbound', 'services'], ['sound', 'paused', 'broken']);

        $page = self::text($this->open(self::ROUTE));

        self::assertStringContainsString('sound https://api.example.com/v1 Active', $page);
        self::assertStringContainsString('paused https://api.example.com/v1 Disabled', $page);
        self::assertStringContainsString(
            'broken https://api.example.com/v1 policy.allowed_paths must be a list of patterns that begin with "/" Faulty',
            $page,
        );
        self::assertStringContainsString('elsewhere https://api.example.com/v1 Not enabled in this installation', $page);
    }

    #[Test]
    public function twoRowsOfOneIdAreBothFaulty(): void
    {
        $first = $this->saveService('crm');
        $second = $this->saveService('other');
        self::connections()->getConnectionForTable(self::SERVICE)
            ->update(self::SERVICE, ['identifier' => 'crm'], ['uid' => $second]);

        $page = self::text($this->open(self::ROUTE));

        self::assertSame(2, substr_count($page, "several rows have this id (uid $first, $second) Faulty"));
    }

    #[Test]
    public function aRecordCountsForAllThatItStandsFor(): void
    {
        $this->saveService('crm');
        // 96 calls of 1 ms, 3 of 50 ms and one that was refused: the error rate counts 100 calls, the median 99.
        $this->record('crm', ['weight' => 96, 'duration_us' => 1049]);
        $this->record('crm', ['weight' => 1, 'duration_us' => 50_000, 'status' => 500]);
        $this->record('crm', ['weight' => 2, 'duration_us' => 50_000]);
        $this->record('crm', ['outcome' => 'refused', 'status' => null, 'duration_us' => 1]);

        self::assertStringContainsString(date('Y-m-d'), self::text($this->open(self::ROUTE)));
        self::assertMatchesRegularExpression('/crm .* Active \S+ \S+ 100 2 % 1 ms/', self::text($this->open(self::ROUTE)));
    }

    #[Test]
    public function olderCallsCountNotButTheLastIsNamed(): void
    {
        $this->saveService('crm');
        $this->record('crm', ['crdate' => strtotime('2024-02-03 12:00:00')]);

        self::assertMatchesRegularExpression('/Active 2024-02-03 12:00 0 – –/', self::text($this->open(self::ROUTE)));
    }

    #[Test]
    public function anIntentIsNoCallYet(): void
    {
        $this->saveService('crm');
        $this->record('crm', ['state' => 'intent', 'outcome' => null, 'status' => null]);

        self::assertStringContainsString('Active – 0 – –', self::text($this->open(self::ROUTE)));
    }

    #[Test]
    public function whoHasTheRightSeesAndChangesNothing(): void
    {
        $this->saveService('crm');
        self::assertStringContainsString('New service', self::text($this->open(self::ROUTE)));
        $this->logInWith('view');

        $response = $this->open(self::ROUTE);

        self::assertSame(200, $response->getStatusCode());
        self::assertStringContainsString('crm', self::text($response));
        self::assertStringNotContainsString('New service', self::text($response));
        self::assertSame('private, no-store', $response->getHeaderLine('Cache-Control'));
    }

    #[Test]
    public function whoLacksTheRightSeesNoService(): void
    {
        $this->saveService('crm');
        $this->logInWith('explain');

        $response = $this->open(self::ROUTE);

        self::assertSame(403, $response->getStatusCode());
        self::assertStringContainsString('None of your groups has the right "See services"', self::text($response));
        self::assertStringNotContainsString('crm', self::text($response));
    }

    /**
     * It lies among the tools, for users and not for administrators alone, and in the live workspace.
     */
    #[Test]
    public function itIsAModuleOfItsOwn(): void
    {
        $modules = $this->get(ModuleProvider::class);
        $module = $modules->getModule(self::ROUTE);

        self::assertInstanceOf(ModuleInterface::class, $module);
        self::assertSame(
            // From version 14 on, the module of the tools has another name beside this one.
            [$modules->getModule('tools')?->getIdentifier(), 'user', 'live', '/module/tools/outbound'],
            [$module->getParentIdentifier(), $module->getAccess(), $module->getWorkspaceAccess(), $module->getPath()],
        );
    }

    #[Test]
    public function whoMayNotOpenTheModuleIsSentElsewhere(): void
    {
        $this->saveService('crm');
        $this->logIn(self::EDITOR);

        try {
            $body = (string) $this->open(self::ROUTE)->getBody();
        } catch (\Throwable $refusal) {
            $body = $refusal->getMessage();
        }

        self::assertStringNotContainsString('crm', $body);
    }

    #[Test]
    public function anAddressWithoutItsTokenIsRefused(): void
    {
        $this->expectException(MissingRequestTokenException::class);

        $this->send('https://typo3.example/typo3/module/tools/outbound');
    }
}
