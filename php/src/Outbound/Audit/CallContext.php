<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

/**
 * Who makes the calls, for their audit records. The host implements it; it is asked anew for each call. It must not
 * throw, and none of its values may be secret. Null is unknown.
 *
 * @api
 */
interface CallContext
{
    /** Such as "backend_user", "frontend_user", "cli" or "scheduler". */
    public function actorType(): ?string;

    /** The actor's number or name within its type. */
    public function actorId(): ?string;

    /** Of the PHP request or task that the call belongs to. */
    public function requestId(): ?string;

    /** The W3C trace context of that request, passed on unchanged unless the call sets its own header. */
    public function traceparent(): ?string;
}
