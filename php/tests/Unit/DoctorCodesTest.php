<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use PHPUnit\Framework\TestCase;

/**
 * Every code that the doctor can give is documented in docs/doctor.md.
 */
final class DoctorCodesTest extends TestCase
{
    public function testEveryCodeIsDocumented(): void
    {
        $sources = '';
        foreach ((array) glob(Build::php() . '/src/Outbound/Cli/{Doctor/*,DoctorCommand}.php', GLOB_BRACE) as $file) {
            $sources .= file_get_contents((string) $file);
        }
        $areas = 'php|library|header|config|registry|fpm';
        preg_match_all("/(?:(?:Finding::\\w+|refused|file)\\(\\s*|CODE = )'((?:$areas)\\.[a-z_]+)'/", $sources, $literal);
        preg_match_all("/'((?:library)\\.(?:abi|file))'/", $sources, $chosen);
        preg_match_all("/\\\$area \\. '(\\.[a-z]+)'/", $sources, $suffixes);
        $codes = array_unique([...$literal[1], ...$chosen[1]]);
        $page = (string) file_get_contents(dirname(Build::php()) . '/docs/doctor.md');

        self::assertGreaterThan(25, count($codes));
        foreach ($codes as $code) {
            self::assertStringContainsString('`' . $code . '`', $page);
        }
        self::assertNotEmpty($suffixes[1]);
        foreach (array_unique($suffixes[1]) as $suffix) {
            self::assertMatchesRegularExpression('/`[a-z]+' . preg_quote($suffix, '/') . '`/', $page);
        }
    }
}
