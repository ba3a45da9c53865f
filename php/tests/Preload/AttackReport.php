<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use PHPUnit\Framework\Assert;

/**
 * The report of app/attack.php, which is the same under every SAPI.
 */
final class AttackReport
{
    /**
     * @param array<string, mixed> $report
     */
    public static function assertNothingReached(array $report): void
    {
        Assert::assertSame(
            [
                'FFI::cdef' => 'FFI\Exception',
                'FFI::load' => 'FFI\Exception',
                'FFI::scope' => 'FFI\Exception',
                'FFI::new' => 'FFI\Exception',
                'FFI::type' => 'FFI\Exception',
                'a function, by a class of ours' => 'FFI\Exception',
                'memory, by a class of ours' => 'FFI\Exception',
                'NativeLibrary::$ffi' => 'Error',
                'NativeLibrary::bound()' => 'Error',
                'NativeLibrary::DECLARATIONS' => 'Error',
                'new NativeLibrary' => 'Error',
                'serialize' => 'Exception',
            ],
            $report['outcomes'],
        );
        Assert::assertSame([], $report['native'], 'no FFI or CData object comes out');
        Assert::assertStringNotContainsString('FFI', str_replace('RustFfiTransport', '', $report['dump']));
        Assert::assertTrue($report['final']);
        Assert::assertSame([], $report['traits']);
    }
}
