<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Audit\AuditText;
use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * One call that has begun, from its request to the last byte of its response. No method of it waits: ExchangesInterface::wait()
 * does. An object that is destroyed before its end ends as end() does.
 *
 * @phpstan-import-type AuditRecord from \Netresearch\NrVault\Outbound\Audit\AuditEntry
 *
 * @internal
 */
interface ExchangeInterface
{
    /**
     * The head of the final response. Attempts, redirects and the renewal of a token are settled by then.
     *
     * @return StreamHead|null null: not there yet
     * @throws OutboundException with the audit record, if the call has failed
     * @throws \Throwable what the source of the request's body threw
     */
    public function head(): ?StreamHead;

    /**
     * The next bytes of the body, with content codings undone.
     *
     * @param int $max at least 1
     * @return string|null null: nothing is there yet; '': the body has ended, and is whole
     * @throws OutboundException with the audit record, if the call has failed; bytes before the failure are returned first
     * @throws \Throwable what the source of the request's body threw
     */
    public function read(int $max): ?string;

    /**
     * Ends the call with cancelled.requested, within 0.1 s: HTTP/1.1 closes the connection, HTTP/2 resets the stream. It changes
     * nothing once the call has ended.
     */
    public function cancel(): void;

    /**
     * The record of the call, the same each time. A call that has not ended by then ends with cancelled.abandoned.
     *
     * @return AuditRecord|AuditText
     */
    public function end(): array|AuditText;
}
