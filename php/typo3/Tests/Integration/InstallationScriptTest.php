<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * .ci/typo3, which makes the installations that these tests run in: what leaves the tests out, and what makes them fail.
 */
final class InstallationScriptTest extends TestCase
{
    private const ROOT = __DIR__ . '/../../../..';

    private TempDir $directory;

    protected function setUp(): void
    {
        $this->directory = new TempDir('script');
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    #[Test]
    public function packagesThatConflictAreAFailure(): void
    {
        $result = $this->script(['typo3/cms-core' => '^12.4'], [['name' => 'typo3/cms-core', 'version' => '13.4.99']]);

        self::assertSame(1, $result['code'], $result['output']);
        self::assertStringContainsString('Your requirements could not be resolved', $result['output']);
        self::assertStringContainsString('requires typo3/cms-core ^12.4', $result['output']);
        self::assertStringNotContainsString('left out', $result['output']);
    }

    #[Test]
    public function wherePackagesCannotBeHadTheTestsAreLeftOutInOneLine(): void
    {
        $result = $this->script([], []);

        self::assertSame(
            [0, "left out: the tests of the TYPO3 extension: Composer finds no typo3/cms-core\n"],
            [$result['code'], $result['output']],
        );
    }

    /**
     * Runs the script in a copy of what it reads, with a registry of its own.
     *
     * @param array<string, string> $requirements of the extension, in place of its own
     * @param list<array{name: string, version: string}> $packages of the registry
     * @return array{code: int, output: string}
     */
    private function script(array $requirements, array $packages): array
    {
        $registry = $packages === [] ? [] : [['type' => 'package', 'package' => $packages]];
        $this->directory->write('home/config.json', (string) json_encode(['repositories' => [...$registry, ['packagist.org' => false]]]));
        foreach (['.ci/typo3', '.ci/registry', 'php/composer.json', 'php/typo3/composer.json'] as $file) {
            $this->directory->write($file, (string) file_get_contents(self::ROOT . '/' . $file));
        }
        $calling = 'php/typo3/Tests/Fixtures/Extensions/calling/composer.json';
        $this->directory->write($calling, (string) file_get_contents(self::ROOT . '/' . $calling));
        $package = json_decode((string) file_get_contents(self::ROOT . '/php/typo3/composer.json'), true, flags: JSON_THROW_ON_ERROR);
        self::assertIsArray($package);
        self::assertIsArray($package['require']);
        $package['require'] = $requirements + $package['require'];
        $this->directory->write('php/typo3/composer.json', (string) json_encode($package));
        return Process::run(['bash', $this->directory->path . '/.ci/typo3'], [
            'COMPOSER_HOME' => $this->directory->path . '/home',
            'HOME' => $this->directory->path,
        ]);
    }
}
