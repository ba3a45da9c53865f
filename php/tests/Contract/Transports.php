<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Transport\DecidingTransport;
use Netresearch\NrVault\Transport\PhpTransport;
use Netresearch\NrVault\Transport\RustFfiTransport;

/**
 * The transports that the contract is for, by the name in their audit records.
 */
final class Transports
{
    public const RUST_FFI = 'rust-ffi';
    public const PHP = 'php';

    /**
     * @param array<string, mixed> $config
     */
    public static function make(string $name, #[\SensitiveParameter] array $config): DecidingTransport
    {
        return match ($name) {
            self::RUST_FFI => new RustFfiTransport($config, Build::library()),
            self::PHP => new PhpTransport($config),
        };
    }
}
