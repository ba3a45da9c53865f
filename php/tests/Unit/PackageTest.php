<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Transport\PackageVersion;
use PHPUnit\Framework\TestCase;

/**
 * Rules of the package as a whole.
 */
final class PackageTest extends TestCase
{
    private const ROOT = __DIR__ . '/../..';

    public function testOneClassTouchesFfi(): void
    {
        $files = array_filter(
            self::sources(),
            static fn (string $file): bool => preg_match('/\bFFI\b/', self::code($file)) === 1,
        );

        self::assertSame(['NativeLibrary.php'], array_values(array_map(basename(...), $files)));
    }

    public function testThatClassNeedsNoOtherOfThisPackage(): void
    {
        $code = self::code(self::ROOT . '/src/Transport/NativeLibrary.php');

        self::assertDoesNotMatchRegularExpression('/^use |\bextends\b|\bimplements\b/m', $code);
        preg_match_all('/(?<![\\\\\w])([A-Z]\w*)::|new ([A-Z]\w*)/', $code, $classes);
        self::assertSame([], array_values(array_filter($classes[0])), 'every class is a global one or self');
    }

    public function testPreloadLoadsThatClassAlone(): void
    {
        preg_match_all('/require_once __DIR__ \. (\S+);/', self::code(self::ROOT . '/preload.php'), $files);

        self::assertSame(["'/src/Transport/NativeLibrary.php'"], $files[1]);
    }

    public function testThePackageHasTheVersionOfTheLibrary(): void
    {
        preg_match('/^version = "([^"]+)"$/m', (string) file_get_contents(self::ROOT . '/../Cargo.toml'), $library);
        preg_match_all("/'([0-9][^']*)'/", (string) file_get_contents(self::ROOT . '/version.php'), $literals);

        self::assertSame($library[1] ?? null, PackageVersion::NUMBER);
        // version.php tells the version on the disk, and a constant may come from a preloaded class of another version.
        self::assertSame([PackageVersion::NUMBER], $literals[1]);
    }

    public function testEveryFileIsStrict(): void
    {
        $scripts = ['preload.php', 'preload-all.php', 'autoload.php', 'version.php'];
        $files = array_map(static fn (string $name): string => self::ROOT . '/' . $name, $scripts);
        foreach ([...self::sources(), ...$files] as $file) {
            self::assertStringContainsString("\ndeclare(strict_types=1);\n", (string) file_get_contents($file), $file);
        }
    }

    public function testEveryClassIsFinalOrMadeToBeFilled(): void
    {
        foreach (self::sources() as $file) {
            self::assertMatchesRegularExpression(
                '/^(final (readonly )?class|abstract class|interface|trait|enum) ' . basename($file, '.php') . '\b/m',
                (string) file_get_contents($file),
                $file,
            );
        }
    }

    public function testTheAutoloaderKnowsThePrefixesOfComposer(): void
    {
        $composer = json_decode((string) file_get_contents(self::ROOT . '/composer.json'), true);
        preg_match_all(
            "~'([^']+)' => '/([^']+)'~",
            (string) file_get_contents(self::ROOT . '/autoload.php'),
            $matches,
        );
        $known = array_combine(array_map(stripslashes(...), $matches[1]), $matches[2]);
        $classes = array_filter($known, static fn (string $path): bool => str_ends_with($path, '.php'));

        self::assertSame($composer['autoload']['psr-4'], array_diff_key($known, $classes));
        self::assertSame(['src/Service/'], $composer['autoload']['classmap']);
        foreach (glob(self::ROOT . '/src/Service/*.php') ?: [] as $file) {
            $class = basename($file, '.php');
            self::assertSame('src/Service/' . $class . '.php', $classes[$class] ?? null);
        }
        self::assertCount(5, $classes);
    }

    public function testEveryClassSaysWhetherItIsSurface(): void
    {
        foreach (self::sources() as $file) {
            $found = preg_match('/^ \* @(api|internal)\b/m', (string) file_get_contents($file));
            self::assertSame(1, $found, $file . ' has neither @api nor @internal');
        }
    }

    /**
     * @return list<string> the paths of all files of the library
     */
    private static function sources(): array
    {
        return array_map(static fn (string $path): string => self::ROOT . '/src/' . $path, array_keys(Build::sources()));
    }

    /** A file without comments and strings. */
    private static function code(string $file): string
    {
        $code = '';
        foreach (\PhpToken::tokenize((string) file_get_contents($file)) as $token) {
            $text = $token->is([T_COMMENT, T_DOC_COMMENT, T_ENCAPSED_AND_WHITESPACE]) ? '' : $token->text;
            $code .= $token->is(T_CONSTANT_ENCAPSED_STRING) && !str_ends_with($file, 'preload.php') ? "''" : $text;
        }
        return $code;
    }
}
