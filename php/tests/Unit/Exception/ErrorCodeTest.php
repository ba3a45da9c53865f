<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Exception;

use Netresearch\NrVault\Outbound\Exception\ErrorCode;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\CodeTables;
use PHPUnit\Framework\TestCase;

/**
 * The tables of docs/wire.md are the one source of the codes and of what they mean.
 */
final class ErrorCodeTest extends TestCase
{
    /** `make codes` sets the variable, and the file is written. Without it a difference is a failure. */
    public function testTheEnumIsWhatTheTablesSay(): void
    {
        $file = (string) (new \ReflectionEnum(ErrorCode::class))->getFileName();
        $generated = CodeTables::enum();
        if (getenv('SECURE_OUTBOUND_BLESS') !== false) {
            file_put_contents($file, $generated);
        }

        self::assertGreaterThan(45, count(ErrorCode::cases()));
        self::assertStringEqualsFile($file, $generated, 'run `make codes` and commit the result');
    }

    public function testTheLibraryHasTheCodesOfTheFirstTableInItsOrder(): void
    {
        $source = (string) file_get_contents(dirname(__DIR__, 4) . '/src/error.rs');
        preg_match_all('/^    \w+ = "([a-z_]+\.[a-z_]+)";$/m', $source, $codes);

        self::assertSame(array_keys(CodeTables::library()), $codes[1]);
    }

    public function testNoCodeStandsInBothTables(): void
    {
        self::assertSame([], array_intersect_key(CodeTables::library(), CodeTables::php()));
        self::assertNotSame([], CodeTables::php());
    }

    public function testACodeTellsItsMeaningAndItsClass(): void
    {
        $code = ErrorCode::from('policy.host_not_allowed');

        self::assertSame(ErrorCode::PolicyHostNotAllowed, $code);
        self::assertSame('policy', $code->errorClass());
        self::assertStringStartsWith('the host is in no `allowed_hosts` entry', $code->meaning());
        foreach (ErrorCode::cases() as $case) {
            self::assertNotSame('', $case->meaning());
            self::assertDoesNotMatchRegularExpression('/\]\(|[\r\n|]/', $case->meaning(), $case->value);
        }
    }

    public function testAnExceptionHasTheCaseOfItsCode(): void
    {
        foreach (ErrorCode::cases() as $case) {
            $failure = OutboundException::create($case->value, 'A fixed text.');
            self::assertSame([$case, $case->errorClass()], [$failure->code(), $failure->errorClass()]);
        }
        self::assertNull(OutboundException::create('policy.added_later', 'A fixed text.')->code());
    }

    public function testEveryCodeThatPhpWritesExists(): void
    {
        $classes = implode('|', array_unique(array_map(
            static fn (ErrorCode $case): string => $case->errorClass(),
            ErrorCode::cases(),
        )));
        $found = [];
        foreach (Build::sources() as $path => $code) {
            if (!str_contains($path, '/Cli/')) {
                preg_match_all("/OutboundException::create\\(\\s*'((?:$classes)\\.[a-z_]+)'/", $code, $codes);
                $found = [...$found, ...$codes[1]];
            }
        }

        self::assertGreaterThan(30, count(array_unique($found)));
        foreach (array_unique($found) as $code) {
            self::assertNotNull(ErrorCode::tryFrom($code), $code);
        }
    }
}
