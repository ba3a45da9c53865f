<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Exception;

use Netresearch\NrVault\Outbound\Audit\AuditShape;
use Netresearch\NrVault\Transport\Text\Printable;

/**
 * A request was refused, or it failed. One of four final classes says where; errorCode() says why, from a list that grows.
 * Messages are fixed texts: no secret, URL query or body is in them, and no exception is attached as previous.
 *
 * getCode() is a fixed number for each of the four.
 *
 * @phpstan-import-type AuditRecord from \Netresearch\NrVault\Outbound\Audit\AuditEntry
 *
 * @api
 */
abstract class OutboundException extends \RuntimeException
{
    /** @var int the number that getCode() gives; each final has its own */
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
     * @param string $message a fixed text, never one that was built from a request
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
     * The refusal of a document, or of a value in it, that does not have its form.
     *
     * @param string $message a fixed text
     */
    final public static function malformed(string $message): self
    {
        return self::create('invalid_request.malformed', $message);
    }

    /**
     * From the head of a response document. A head without a readable error becomes internal.panic that may have been sent.
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
     * The same refusal, with what it is about in front.
     *
     * @internal
     * @param string $subject a fixed text, or one from a registry
     */
    final public function about(string $subject): self
    {
        return self::create($this->errorCode, $subject . ': ' . $this->reason());
    }

    /**
     * The same refusal, of the credential with this identifier: a request can have several.
     *
     * @internal
     */
    final public function ofCredential(string $identifier): self
    {
        return $this->about('the credential "' . $identifier . '"');
    }

    /**
     * The same failure of a request that had got this far. A new exception is made, because the trace of this one
     * holds more than the caller may see.
     *
     * @internal
     * @param string $sent "no", "maybe" or "yes"
     */
    final public function withSent(string $sent, ?int $httpStatus): self
    {
        return self::create($this->errorCode, $this->reason(), $this->retryable, $sent, $httpStatus, $this->auditRecord);
    }

    /**
     * The same failure as the end of a call, made anew as well.
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

    /** The case of errorCode(), which tells its meaning; null for one that only a later version has. */
    final public function code(): ?ErrorCode
    {
        return ErrorCode::tryFrom($this->errorCode);
    }

    /** Whether the same request may succeed later. Look at sent() before repeating one that is not idempotent. */
    final public function isRetryable(): bool
    {
        return $this->retryable;
    }

    /**
     * "no": the request was certainly not processed; "yes": a response's status line was seen; "maybe": anything else.
     */
    final public function sent(): string
    {
        return $this->sent;
    }

    /** Of a response that was seen before the failure, else null. */
    final public function httpStatus(): ?int
    {
        return $this->httpStatus;
    }

    /**
     * The library's record of the call, metadata only; null where it was refused before the library was asked to send.
     *
     * @return AuditRecord|null
     */
    final public function auditRecord(): ?array
    {
        return $this->auditRecord;
    }
}
