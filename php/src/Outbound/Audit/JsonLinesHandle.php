<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

/**
 * An open file that is reused for the next line. take() removes it, so that only one caller has it; put() stores it again after a
 * success.
 *
 * Only the process that opened it uses it: a forked child would share the lock with its parent, and their lines would be mixed.
 *
 * Of a handle, the end is the size of the file behind the last line that was written with it, and -1 where none was.
 *
 * @phpstan-type Opened array{handle: resource, dev: int, ino: int, end: int}
 *
 * @internal for JsonLinesAuditSink
 */
final class JsonLinesHandle
{
    /** @var Opened|null */
    private ?array $opened = null;

    private int $process = 0;

    /**
     * @return Opened|null null if none is stored
     */
    public function take(): ?array
    {
        [$opened, $this->opened] = [$this->opened, null];
        return $opened !== null && is_resource($opened['handle']) && $this->process === self::process() ? $opened : null;
    }

    /**
     * @param Opened $opened
     * @return bool whether it was stored
     */
    public function put(array $opened): bool
    {
        $this->process = self::process();
        $this->opened = $this->process === 0 ? null : $opened;
        return $this->opened !== null;
    }

    /** 0 if the host has disabled the function: then no handle is stored. */
    private static function process(): int
    {
        return function_exists('getmypid') ? (int) getmypid() : 0;
    }
}
