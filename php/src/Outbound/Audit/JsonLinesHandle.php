<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

/**
 * An open file that is reused for the next line. take() removes it, so that only one caller has it; put() stores it again after a
 * success.
 *
 * Only the process that opened it uses it: a forked child would share the lock with its parent, and their lines would be mixed.
 *
 * @internal for JsonLinesAuditSink
 */
final class JsonLinesHandle
{
    /** @var resource|null */
    private mixed $handle = null;

    private int $process = 0;

    /**
     * @return resource|null null if none is stored
     */
    public function take(): mixed
    {
        [$handle, $this->handle] = [$this->handle, null];
        return is_resource($handle) && $this->process === self::process() ? $handle : null;
    }

    /**
     * @param resource $handle
     * @return bool whether it was stored
     */
    public function put(mixed $handle): bool
    {
        $this->process = self::process();
        $this->handle = $this->process === 0 ? null : $handle;
        return $this->handle !== null;
    }

    /** 0 if the host has disabled the function: then no handle is stored. */
    private static function process(): int
    {
        return function_exists('getmypid') ? (int) getmypid() : 0;
    }
}
