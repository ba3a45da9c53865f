<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Net\Deadline;
use Netresearch\NrVault\Transport\Php\Net\ResponseHead;
use Netresearch\NrVault\Transport\Php\Net\Verdict;

/**
 * What follows one attempt, decided by the head of its response or by its failure. The rules are made before the attempt, and
 * only decide: a callback of libcurl calls them between head and body, because curl_exec() returns only after the body. The loops
 * act on the result.
 *
 * @internal
 */
final readonly class AttemptRules
{
    private const REDIRECTS = [301, 302, 303, 307, 308];

    /**
     * @param int|null $backoff milliseconds before the next attempt, at least; null if this is the last attempt
     */
    public function __construct(private Prepared $prepared, private ?int $backoff)
    {
    }

    public function judge(ResponseHead $head): Verdict
    {
        if ($this->redirects($head)) {
            return Verdict::redirects();
        }
        $next = Retry::afterResponse($head->status, $this->prepared->isRepeatable)
            ? $this->next((int) Pause::retryAfter($head, (int) (microtime(true) * 1000)))
            : null;
        return $next === null ? Verdict::returns() : Verdict::repeats($next);
    }

    public function redirects(ResponseHead $head): bool
    {
        return $this->prepared->maxRedirects > 0
            && in_array($head->status, self::REDIRECTS, true)
            && $head->values('location') !== [];
    }

    /** When the next attempt begins; null if the call ends with this failure. */
    public function afterFailure(#[\SensitiveParameter] OutboundException $failure): ?Deadline
    {
        return Retry::afterFailure($failure, $this->prepared->isRepeatable) ? $this->next(0) : null;
    }

    /** A pause that would end after the deadline of the call is not made: the caller gets the current result at once. */
    private function next(int $asked): ?Deadline
    {
        if ($this->backoff === null) {
            return null;
        }
        $pause = max($this->backoff, $asked);
        return $pause < $this->prepared->deadline->left() ? Deadline::in($pause) : null;
    }
}
