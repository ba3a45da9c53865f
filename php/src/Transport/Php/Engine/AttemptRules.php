<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Net\Deadline;
use Netresearch\NrVault\Transport\Php\Net\ResponseHead;
use Netresearch\NrVault\Transport\Php\Net\Upload;

/**
 * Whether a request is made once more after an attempt, and when.
 *
 * @internal
 */
final readonly class AttemptRules
{
    /**
     * @param int|null $backoff milliseconds before the next attempt, at least; null if this is the last attempt
     */
    public function __construct(private Prepared $prepared, private ?int $backoff)
    {
    }

    /** When the request is made again in place of this response; null if the response is returned to the caller. */
    public function afterResponse(ResponseHead $head): ?Deadline
    {
        return Retry::afterResponse($head->status, $this->prepared->isRepeatable) && !$this->prepared->outgoing->body instanceof Upload
            ? $this->next((int) Pause::retryAfter($head, (int) (microtime(true) * 1000)))
            : null;
    }

    /** When the next attempt begins; null if the call ends with this failure. */
    public function afterFailure(#[\SensitiveParameter] OutboundException $failure): ?Deadline
    {
        $body = $this->prepared->outgoing->body;
        $canSend = !$body instanceof Upload || !$body->hasBegun();
        return $canSend && Retry::afterFailure($failure, $this->prepared->isRepeatable) ? $this->next(0) : null;
    }

    /** A pause that would end after the deadline of the call is not made: the caller gets the current result at once. */
    private function next(int $asked): ?Deadline
    {
        if ($this->backoff === null) {
            return null;
        }
        $pause = max($this->backoff, $asked);
        return $pause < $this->prepared->limits->first->left() ? Deadline::in($pause) : null;
    }
}
