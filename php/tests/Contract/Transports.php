<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Transport\Php\PhpTransport;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;

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
    public static function make(string $name, #[\SensitiveParameter] array $config): RustFfiTransport|PhpTransport
    {
        return match ($name) {
            self::RUST_FFI => new RustFfiTransport($config, Build::library()),
            self::PHP => new PhpTransport($config),
        };
    }

    /**
     * Has the credentials of a request looked at.
     *
     * @param array<string, mixed> $config
     * @return string|null the code, null where they can be used
     */
    public static function check(string $name, #[\SensitiveParameter] array $config, RequestSpec $request): ?string
    {
        try {
            self::make($name, $config)->check($request);
            return null;
        } catch (OutboundException $refusal) {
            return $refusal->errorCode();
        }
    }
}
