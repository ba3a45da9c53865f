<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

use PHPUnit\Framework\TestCase;

/**
 * The list of deviations is complete and in use: a case asserts each deviation, and the page shows all of them.
 */
final class DeviationsTest extends TestCase
{
    public function testThePageShowsTheListAndNothingElse(): void
    {
        self::assertSame(Deviations::LIST, Pages::deviations());
    }

    public function testEachIsAssertedByACase(): void
    {
        $asserted = [];
        foreach (glob(__DIR__ . '/Cases/*Cases.php') ?: [] as $file) {
            preg_match_all("/deviates\('([a-z0-9-]+)'\)/", (string) file_get_contents($file), $matches);
            $asserted = [...$asserted, ...$matches[1]];
        }
        self::assertEqualsCanonicalizing(array_keys(Deviations::LIST), array_values(array_unique($asserted)));
    }

    public function testEachSaysWhoseItIsAndWhatHappens(): void
    {
        foreach (Deviations::LIST as $id => $deviation) {
            self::assertNotSame([], $deviation['transports'], $id);
            self::assertStringEndsWith('.', $deviation['instead'], $id);
        }
    }

    public function testTheLibraryDeviatesNowhere(): void
    {
        foreach (Deviations::LIST as $id => $deviation) {
            self::assertNotContains(Transports::RUST_FFI, $deviation['transports'], $id);
        }
    }
}
