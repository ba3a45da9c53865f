<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Transport\Php\PhpTransport;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;
use Netresearch\NrVault\Transport\TransportInterface;

/**
 * The transports that have to keep the contract, by their names in audit records.
 */
final class Transports
{
    public const RUST_FFI = 'rust-ffi';
    public const PHP = 'php';
    public const SIDECAR = 'sidecar';

    /**
     * @param array<string, mixed> $config
     */
    public static function make(string $name, #[\SensitiveParameter] array $config): TransportInterface
    {
        return match ($name) {
            self::RUST_FFI => new RustFfiTransport($config, Build::library()),
            self::PHP => new PhpTransport($config),
            self::SIDECAR => new RegisteredTransport($config),
        };
    }

    /**
     * Checks the credentials of a request without sending it.
     *
     * @param array<string, mixed> $config
     * @return string|null the code of the refusal, null if the credentials can be used
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
