<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit;

use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * What a host's Composer reads of this package.
 */
final class PackageTest extends TestCase
{
    /**
     * A host needs nothing but its registry: composer.json names packages and versions, and no place from which they come.
     */
    #[Test]
    public function itNamesPackagesAndVersionsOnly(): void
    {
        $package = self::package();

        self::assertSame(
            [],
            array_intersect(['repositories', 'minimum-stability', 'prefer-stable', 'require-dev', 'scripts', 'version'], array_keys($package)),
        );
        $requirements = $package['require'] ?? null;
        self::assertIsArray($requirements);
        self::assertArrayHasKey('netresearch/secure-outbound', $requirements);
        foreach ($requirements as $name => $versions) {
            self::assertMatchesRegularExpression('~\A(php|ext-[a-z0-9-]+|[a-z0-9-]+/[a-z0-9-]+)\z~', (string) $name);
            self::assertIsString($versions);
            self::assertMatchesRegularExpression('/\A((\^|>=|<)?\d+(\.\d+)*( \|\| | )?)+\z/', $versions, (string) $name);
        }
    }

    #[Test]
    public function theSettingsOfTheDocumentationAreThoseOfThePackage(): void
    {
        $guides = new \DOMDocument();
        self::assertTrue($guides->load(__DIR__ . '/../../Documentation/guides.xml'));
        $package = self::package();
        $project = $guides->getElementsByTagName('project')->item(0);
        $theme = $guides->getElementsByTagName('extension')->item(0);

        self::assertSame('guides', $guides->documentElement?->localName);
        self::assertSame('https://www.phpdoc.org/guides', $guides->documentElement->namespaceURI);
        self::assertSame('Secure Outbound', $project?->getAttribute('title'));
        $version = $package['extra']['typo3/cms']['version'] ?? null;
        self::assertIsString($version);
        self::assertSame($version, $project->getAttribute('release'));
        self::assertStringStartsWith($project->getAttribute('version') . '.', $version);
        self::assertSame($package['name'], $theme?->getAttribute('interlink-shortcode'));
    }

    /**
     * @return array{name: string, require?: mixed, extra: array{'typo3/cms': array{version?: mixed}}, ...}
     */
    private static function package(): array
    {
        /** @var array{name: string, require?: mixed, extra: array{'typo3/cms': array{version?: mixed}}} */
        return json_decode((string) file_get_contents(__DIR__ . '/../../composer.json'), true, flags: JSON_THROW_ON_ERROR);
    }
}
