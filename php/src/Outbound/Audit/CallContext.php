<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

/**
 * Who makes the calls, for their audit records. The host implements it. Its methods are called for each call; they must not
 * throw, and no value may be secret. Null means unknown.
 *
 * @api
 */
interface CallContext
{
    /** Such as "backend_user", "frontend_user", "cli" or "scheduler". */
    public function actorType(): ?string;

    /** The actor's number or name within its type. */
    public function actorId(): ?string;

    /** The id of the PHP request or task that the call belongs to. */
    public function requestId(): ?string;

    /** The W3C trace context of that request, sent unchanged unless the call sets the field itself. */
    public function traceparent(): ?string;
}
