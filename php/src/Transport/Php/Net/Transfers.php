<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

/**
 * The transfers that are under way at once, on one multi handle of libcurl. They share nothing but the waiting: each has its own
 * connection and its own names and addresses.
 *
 * @internal
 */
final class Transfers
{
    /** Milliseconds; so long a call of libcurl waits at most. */
    private const LONGEST_WAIT = 100;

    /** Milliseconds between two looks, where libcurl has no socket to wait for. */
    private const SHORTEST_WAIT = 1;

    /**
     * A forked process leaves alone what its parent still uses; to drop it would close the connections of the parent.
     *
     * @var array<int, \CurlMultiHandle> by the process that has made it
     */
    private array $multis = [];

    /** @var array<int, array<int, Transfer>> by process, and by the id of the curl handle */
    private array $active = [];

    /** Nanoseconds that were spent waiting. */
    private int $waited = 0;

    public function add(\CurlHandle $handle, Transfer $transfer): void
    {
        $process = self::process();
        if (!isset($this->multis[$process])) {
            $this->multis[$process] = curl_multi_init();
            curl_multi_setopt($this->multis[$process], CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
        }
        curl_multi_add_handle($this->multis[$process], $handle);
        $this->active[$process][spl_object_id($handle)] = $transfer;
    }

    /** Takes a transfer out. The connection of one that has not ended is closed. */
    public function remove(\CurlHandle $handle): void
    {
        $process = self::process();
        if (isset($this->multis[$process], $this->active[$process][spl_object_id($handle)])) {
            unset($this->active[$process][spl_object_id($handle)]);
            curl_multi_remove_handle($this->multis[$process], $handle);
        }
    }

    /** Nanoseconds that were spent waiting so far. */
    public function waited(): int
    {
        return $this->waited;
    }

    /**
     * Waits until a transfer has something new, and lets all go on.
     *
     * @param int $milliseconds at most; 100 are not exceeded
     */
    public function wait(int $milliseconds): void
    {
        $milliseconds = min(max($milliseconds, 0), self::LONGEST_WAIT);
        if ($this->perform() || $milliseconds === 0) {
            return;
        }
        $from = (int) hrtime(true);
        $multi = $this->multis[self::process()] ?? null;
        if ($multi === null || ($this->active[self::process()] ?? []) === []) {
            usleep($milliseconds * 1000);
        } elseif (curl_multi_select($multi, $milliseconds / 1000) === 0 && self::millisecondsSince($from) < 1) {
            // A transfer that is paused has no socket to wait for.
            usleep(min($milliseconds, self::SHORTEST_WAIT) * 1000);
        }
        $this->waited += (int) hrtime(true) - $from;
        $this->perform();
    }

    /**
     * Runs what waits in this way to its end.
     *
     * @template T
     * @param \Generator<int, int, mixed, T> $run yields how many milliseconds it would wait at most
     * @return T
     */
    public function finish(#[\SensitiveParameter] \Generator $run): mixed
    {
        while ($run->valid()) {
            try {
                $this->wait($run->current());
            } catch (\Throwable $thrown) {
                // Of a signal handler. What waits ends with it, and wipes its secrets.
                $run->throw($thrown);
            }
            $run->next();
        }
        return $run->getReturn();
    }

    /** @return bool whether a transfer has something new */
    private function perform(): bool
    {
        $multi = $this->multis[self::process()] ?? null;
        $active = $this->active[self::process()] ?? [];
        if ($multi === null || $active === []) {
            return false;
        }
        do {
            $code = curl_multi_exec($multi, $running);
        } while ($code === CURLM_CALL_MULTI_PERFORM);
        while (($message = curl_multi_info_read($multi)) !== false) {
            $handle = $message['handle'];
            ($handle instanceof \CurlHandle ? $active[spl_object_id($handle)] ?? null : null)?->ended();
        }
        $hasMoved = false;
        foreach ($active as $transfer) {
            $hasMoved = $transfer->hasMoved() || $hasMoved;
        }
        return $hasMoved;
    }

    /** 0 if the host has disabled the function; such a host does not fork. */
    private static function process(): int
    {
        return function_exists('getmypid') ? (int) getmypid() : 0;
    }

    private static function millisecondsSince(int $from): float
    {
        return ((int) hrtime(true) - $from) / 1_000_000;
    }
}
