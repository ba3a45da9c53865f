<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

/**
 * A handle that is kept from one line to the next. take() removes it, so that only one caller has it; put() returns it after a success.
 *
 * It is its process's own: a forked child would share the lock on it with its parent, and each would write into the other's line.
 *
 * @internal for JsonLinesAuditSink
 */
final class JsonLinesHandle
{
    /** @var resource|null */
    private mixed $handle = null;

    private int $process = 0;

    /**
     * @return resource|null null where none is kept
     */
    public function take(): mixed
    {
        [$handle, $this->handle] = [$this->handle, null];
        return is_resource($handle) && $this->process === self::process() ? $handle : null;
    }

    /**
     * @param resource $handle
     * @return bool whether it is kept
     */
    public function put(mixed $handle): bool
    {
        $this->process = self::process();
        $this->handle = $this->process === 0 ? null : $handle;
        return $this->handle !== null;
    }

    /** 0 where the host has taken the function away: then nothing is kept. */
    private static function process(): int
    {
        return function_exists('getmypid') ? (int) getmypid() : 0;
    }
}
