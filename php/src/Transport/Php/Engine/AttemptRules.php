<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Net\Deadline;
use Netresearch\NrVault\Transport\Php\Net\ResponseHead;
use Netresearch\NrVault\Transport\Php\Net\Verdict;

/**
 * What follows one attempt, decided by its response's head or by its failure. The rules are made before the attempt and
 * change nothing: a callback of libcurl asks them between head and body, because curl_exec() returns only after the body,
 * and the loops act on the result.
 *
 * @internal
 */
final readonly class AttemptRules
{
    private const REDIRECTS = [301, 302, 303, 307, 308];

    /**
     * @param int|null $backoff milliseconds before the next attempt, at least; null where this one is the last
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

    /** When the next attempt begins; null where the call ends with this failure. */
    public function afterFailure(#[\SensitiveParameter] OutboundException $failure): ?Deadline
    {
        return Retry::afterFailure($failure, $this->prepared->isRepeatable) ? $this->next(0) : null;
    }

    /** A pause that would outlast the call is not begun: the caller gets the present result at once. */
    private function next(int $asked): ?Deadline
    {
        if ($this->backoff === null) {
            return null;
        }
        $pause = max($this->backoff, $asked);
        return $pause < $this->prepared->deadline->left() ? Deadline::in($pause) : null;
    }
}
