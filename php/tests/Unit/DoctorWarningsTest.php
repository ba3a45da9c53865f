<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Cli\Doctor\Configuration;
use Netresearch\NrVault\Outbound\Cli\Doctor\EngineState;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Netresearch\NrVault\Outbound\Cli\Doctor\Remedies;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\TestCase;

/**
 * Warnings of `open` and php-fpm pools that do not occur on the machines that run the tests.
 */
final class DoctorWarningsTest extends TestCase
{
    public function testMemoryThatCannotBeLocked(): void
    {
        $state = new EngineState(null, [['code' => 'memory.not_locked', 'message' => 'The limit.']]);
        $wrong = array_filter(
            Configuration::judge('fpm', $state, Remedies::ofThisHost(null, [], null)),
            static fn (Finding $finding): bool => $finding->verdict !== Finding::OK,
        );

        self::assertCount(1, $wrong);
        $finding = reset($wrong);
        self::assertSame(['fpm.memory.not_locked', Finding::WARNING], [$finding->code, $finding->verdict]);
        self::assertStringContainsString('LimitMEMLOCK', $finding->remedy);
    }

    public function testAnAnswerOfTheLibraryThatCannotBeRead(): void
    {
        foreach (['', 'null', '[1', '{"warnings": [{"code": 1}]}', '{"error": "no"}'] as $head) {
            $findings = Configuration::judge('config', EngineState::ofLibrary($head), Remedies::ofThisHost(null, [], null));

            self::assertSame(['config.open'], array_column($findings, 'code'), $head);
            self::assertStringContainsString('[internal.panic]', $findings[0]->message);
        }
    }

    public function testThePoolIsFoundByItsSection(): void
    {
        $directory = new TempDir('pools');
        $directory->write('a.conf', "; [shop]\n[first]\nuser = a\n[last]\nuser = b\n");
        $shop = $directory->write('b.conf', "  [shop]\nuser = c\n; [none]\n");

        self::assertSame($shop, Remedies::poolFile($directory->path, 'shop'));
        self::assertSame($directory->path . '/a.conf', Remedies::poolFile($directory->path, 'last'));
        self::assertNull(Remedies::poolFile($directory->path, 'first'), 'a line at the end would be of another pool');
        self::assertNull(Remedies::poolFile($directory->path, 'none'));
        $directory->remove();
        $remedy = Remedies::ofThisHost(null, [], null)->poolSetting('no-such-pool', 'a = b');
        self::assertStringStartsWith('"${EDITOR:-vi}" ', $remedy);
        self::assertStringEndsWith('# into [no-such-pool]: a = b', $remedy);
    }
}
