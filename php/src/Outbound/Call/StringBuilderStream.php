<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Transport\System\Quiet;

// phpcs:disable PSR1.Methods.CamelCapsMethodName -- PHP names the methods of a stream.

/**
 * A StringBuilder as a PHP stream that knows its length.
 *
 * @internal
 */
final class StringBuilderStream
{
    private static ?StringBuilder $next = null;

    /** Set by PHP. */
    public mixed $context = null;

    private ?StringBuilder $pieces = null;
    private int $at = 0;

    /**
     * No other code can open the stream: it reads only these pieces, and its name is unregistered when this returns.
     */
    public static function read(StringBuilder $pieces): string|false
    {
        $name = 'p' . bin2hex(random_bytes(8));
        return Quiet::call(static function () use ($pieces, $name): string|false {
            stream_wrapper_register($name, self::class);
            try {
                self::$next = $pieces;
                $stream = fopen($name . '://', 'r');
                return $stream === false ? false : stream_get_contents($stream);
            } finally {
                self::$next = null;
                stream_wrapper_unregister($name);
            }
        });
    }

    public function stream_open(): bool
    {
        $this->pieces = self::$next;
        return $this->pieces !== null;
    }

    public function stream_read(int $count): string
    {
        $bytes = (string) $this->pieces?->next($count);
        $this->at += strlen($bytes);
        return $bytes;
    }

    public function stream_eof(): bool
    {
        return $this->at >= (int) $this->pieces?->length();
    }

    /**
     * @return array{size: int}
     */
    public function stream_stat(): array
    {
        return ['size' => (int) $this->pieces?->length()];
    }
}
