<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Outbound\Audit\AuditShape;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Net\Usage;
use Netresearch\NrVault\Transport\Php\Policy\Origin;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * Collects the audit record of one call. It has every key; an unknown value is null.
 *
 * @phpstan-import-type AuditRecord from \Netresearch\NrVault\Outbound\Audit\AuditEntry
 *
 * @internal
 */
final class Recorder
{
    /** When the call came in, in nanoseconds of hrtime(); its deadline counts from here. */
    public readonly int $begun;

    /** The sender notes here what the exchanges used. */
    public readonly Usage $usage;

    /** @var AuditRecord */
    private array $record;

    private int $attempts = 0;

    /** @var list<string> the results of the attempts that failed */
    private array $errors = [];

    /**
     * @param int|null $begun when the call came in; null is now
     */
    public function __construct(?int $begun = null)
    {
        $this->begun = $begun ?? (int) hrtime(true);
        $this->usage = new Usage();
        $this->record = AuditShape::of([
            'token_requests' => 0,
            'credentials' => [],
            'transport' => Product::TRANSPORT,
            'library_version' => Product::VERSION,
        ]);
    }

    /**
     * Notes the values of the request.
     *
     * @param list<CredentialReference> $references
     */
    public function request(#[\SensitiveParameter] RequestSpec $request, array $references): void
    {
        $this->record['service_id'] = $request->serviceId;
        $this->record['correlation_id'] = $request->correlationId;
        $this->record['method'] = $request->method;
        $this->record['credentials'] = array_column($references, 'identifier');
    }

    /** Notes the target of the request, as far as its URL can be read. */
    public function origin(?Origin $origin): void
    {
        $this->record['host'] = $origin?->host->text;
        $this->record['port'] = $origin?->port;
    }

    /**
     * Notes what was decided.
     *
     * @param string|null $proxyResolve who resolves the target's name, if a proxy is used
     */
    public function admitted(?string $pathTemplate, ?string $proxyResolve): void
    {
        $this->record['path_template'] = $pathTemplate;
        $this->record['proxy_resolve'] = $proxyResolve;
    }

    public function attempt(): void
    {
        $this->attempts++;
    }

    /**
     * Notes how the current attempt ended.
     *
     * @param string|null $error code of its failure, or "http_503" and the like of a response that is an error by its status
     */
    public function attemptEnded(?string $error): void
    {
        if ($error !== null) {
            $this->errors[] = $error;
        }
    }

    /**
     * Ends with the call.
     *
     * @return AuditRecord
     */
    public function responded(int $status): array
    {
        return $this->end(['status' => $status, 'sent' => 'yes']);
    }

    /**
     * @return AuditRecord
     */
    public function failed(#[\SensitiveParameter] OutboundException $failure): array
    {
        return $this->end([
            'status' => $failure->httpStatus(),
            'error_class' => $failure->errorClass(),
            'error_code' => $failure->errorCode(),
            'sent' => $failure->sent(),
        ]);
    }

    /**
     * @param array<string, mixed> $last
     * @return AuditRecord
     */
    private function end(array $last): array
    {
        return AuditShape::of($last + [
            'duration_us' => intdiv(hrtime(true) - $this->begun, 1000),
            'attempts' => $this->attempts,
            'attempt_errors' => $this->errors,
            'bytes_out' => $this->usage->bytesOut,
            'bytes_in' => $this->usage->bytesIn,
            'remote_address' => $this->usage->remoteAddress,
            'http_version' => $this->usage->httpVersion,
            'connection_reused' => $this->usage->hasConnection ? false : null,
        ] + $this->record);
    }
}
