<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Exception;

use Netresearch\NrVault\Outbound\Audit\AuditShape;
use Netresearch\NrVault\Transport\Text\Printable;

/**
 * A request was refused, or it failed. One of four final subclasses tells at which step; errorCode() tells why, from a list that
 * grows. Messages are fixed texts: no secret, URL query or body is in them, and no exception is attached as previous.
 *
 * getCode() is a fixed number for each of the four.
 *
 * @phpstan-import-type AuditRecord from \Netresearch\NrVault\Outbound\Audit\AuditEntry
 *
 * @api
 */
abstract class OutboundException extends \RuntimeException
{
    /** @var int the number that getCode() returns; each final subclass has its own */
    protected const NUMBER = 0;

    /**
     * @param AuditRecord|null $auditRecord
     */
    final protected function __construct(
        private readonly string $errorCode,
        string $message,
        private readonly bool $retryable,
        private readonly string $sent,
        private readonly ?int $httpStatus,
        private readonly ?array $auditRecord,
    ) {
        parent::__construct(Printable::text($message) . ' [' . $errorCode . ']', static::NUMBER);
    }

    /**
     * The one place that maps an error class to an exception. ErrorCode has the codes of this version; a later library may
     * add some.
     *
     * @param string $code class and reason, such as "policy.host_not_allowed"
     * @param string $message a fixed text, without values of a request
     * @param string $sent "no", "maybe" or "yes"
     * @param AuditRecord|null $auditRecord
     */
    final public static function create(
        string $code,
        string $message,
        bool $retryable = false,
        string $sent = 'no',
        ?int $httpStatus = null,
        ?array $auditRecord = null,
    ): self {
        $final = match (strstr($code . '.', '.', true)) {
            'invalid_request', 'policy', 'configuration' => RequestRefused::class,
            'credential', 'oauth' => CredentialUnavailable::class,
            'response' => ResponseRejected::class,
            // dns, connect, tls, timeout, protocol, cancelled, internal, and classes that a later library adds
            default => TransferFailed::class,
        };
        return new $final($code, $message, $retryable, $sent, $httpStatus, $auditRecord);
    }

    /**
     * The refusal of a document, or of a value in it, that does not have the required form.
     *
     * @param string $message a fixed text
     */
    final public static function malformed(string $message): self
    {
        return self::create('invalid_request.malformed', $message);
    }

    /**
     * From the head of a response document. A head without a readable error becomes internal.panic, with "maybe" as sent().
     *
     * @param array<mixed>|null $head
     */
    final public static function fromWire(?array $head): self
    {
        $error = $head['error'] ?? null;
        $audit = $head['audit'] ?? null;
        if (!is_array($error) || !is_string($error['code'] ?? null) || !is_string($error['message'] ?? null)) {
            return self::create('internal.panic', 'the response of the transport cannot be read', sent: 'maybe');
        }
        return self::create(
            $error['code'],
            $error['message'],
            ($error['retryable'] ?? null) === true,
            in_array($error['sent'] ?? null, ['no', 'yes'], true) ? $error['sent'] : 'maybe',
            is_int($error['http_status'] ?? null) ? $error['http_status'] : null,
            is_array($audit) ? AuditShape::of($audit) : null,
        );
    }

    /**
     * The same refusal, with its subject at the beginning of the message.
     *
     * @internal
     * @param string $subject a fixed text, or one from a registry
     */
    final public function about(string $subject): self
    {
        return self::create($this->errorCode, $subject . ': ' . $this->reason());
    }

    /**
     * The same refusal, with the identifier of the credential in its message: a request can have several.
     *
     * @internal
     */
    final public function ofCredential(string $identifier): self
    {
        return $this->about('the credential "' . $identifier . '"');
    }

    /**
     * The same failure with another value of sent(). A new exception is made, because the trace of this one contains more than
     * the caller may see.
     *
     * @internal
     * @param string $sent "no", "maybe" or "yes"
     */
    final public function withSent(string $sent, ?int $httpStatus): self
    {
        return self::create($this->errorCode, $this->reason(), $this->retryable, $sent, $httpStatus, $this->auditRecord);
    }

    /**
     * The same failure as the end of a call; a new exception as well.
     *
     * @internal
     * @param AuditRecord $auditRecord
     */
    final public function asEndOfCall(bool $retryable, array $auditRecord): self
    {
        return self::create($this->errorCode, $this->reason(), $retryable, $this->sent, $this->httpStatus, $auditRecord);
    }

    /** What happened: the message without the code at its end. */
    final public function reason(): string
    {
        return substr($this->getMessage(), 0, -strlen(" [$this->errorCode]"));
    }

    /** The part of errorCode() before the dot, such as "policy". */
    final public function errorClass(): string
    {
        return (string) strstr($this->errorCode . '.', '.', true);
    }

    final public function errorCode(): string
    {
        return $this->errorCode;
    }

    /** The case of errorCode(), which tells its meaning; null for a code of a later version. */
    final public function code(): ?ErrorCode
    {
        return ErrorCode::tryFrom($this->errorCode);
    }

    /** Whether the same request may succeed later. Check sent() before you repeat a request that is not idempotent. */
    final public function isRetryable(): bool
    {
        return $this->retryable;
    }

    /**
     * "no": the request was certainly not processed; "yes": the status line of a response was received; "maybe": anything else.
     */
    final public function sent(): string
    {
        return $this->sent;
    }

    /** The status of a response that was received before the failure, otherwise null. */
    final public function httpStatus(): ?int
    {
        return $this->httpStatus;
    }

    /**
     * The library's record of the call, metadata only; null if the call was refused before it was given to the library.
     *
     * @return AuditRecord|null
     */
    final public function auditRecord(): ?array
    {
        return $this->auditRecord;
    }
}
