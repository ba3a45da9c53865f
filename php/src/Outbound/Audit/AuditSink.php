<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

/**
 * Where the records of calls go. A sink gets a time limit when it is made, and each of its methods observes it.
 *
 * A call of a service in audit mode "standard", and one that is refused before any credential is asked for, is one write(). A
 * call in mode "required" is one begin(), before its credentials are asked for, and one complete() with the same entry id. An
 * intent without a completion is a call whose end could not be written: PHP was terminated, or the sink failed.
 *
 * Whatever a method throws counts as a failure of the sink. Its message reaches the PSR-3 log, so it must not hold
 * the password of a database or anything else that is secret.
 *
 * @api
 */
interface AuditSink
{
    /**
     * A call that has ended, in one step.
     *
     * @throws \Throwable
     */
    public function write(AuditEntry $entry): void;

    /**
     * A call that is about to be made; it is not made if this method fails. When the method returns, the intent is stored and not
     * only buffered.
     *
     * @param AuditEntry $intent its state is AuditEntry::INTENT
     * @throws \Throwable
     */
    public function begin(AuditEntry $intent): void;

    /**
     * The end of the call whose intent had the same id. A database replaces that row; a log or a file appends a second
     * line, and readers take the last one of an id.
     *
     * @throws \Throwable
     */
    public function complete(AuditEntry $entry): void;
}
