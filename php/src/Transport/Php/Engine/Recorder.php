<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\PhpTransport;
use Netresearch\NrVault\Transport\AuditShape;
use Netresearch\NrVault\Transport\Php\Policy\Origin;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * Gathers the audit record of one call. It has every key; what is not known is null.
 *
 * @phpstan-import-type AuditRecord from \Netresearch\NrVault\Outbound\Audit\AuditEntry
 *
 * @internal
 */
final class Recorder
{
    /** When the call came in, in nanoseconds of hrtime(); its deadline counts from here. */
    public readonly int $begun;

    /** @var AuditRecord */
    private array $record;

    private int $attempts = 0;

    /** @var list<string> what became of the attempts that failed */
    private array $errors = [];

    private int $bytesOut = 0;

    private int $bytesIn = 0;

    public function __construct()
    {
        $this->begun = hrtime(true);
        $this->record = AuditShape::of([
            'token_requests' => 0,
            'credentials' => [],
            'transport' => PhpTransport::NAME,
            'library_version' => PhpTransport::VERSION,
        ]);
    }

    /**
     * Notes what the request says of itself.
     *
     * @param list<SealedCredential>|list<CredentialReference> $credentials
     */
    public function request(#[\SensitiveParameter] RequestSpec $request, #[\SensitiveParameter] array $credentials): void
    {
        $this->record['service_id'] = $request->serviceId;
        $this->record['correlation_id'] = $request->correlationId;
        $this->record['method'] = $request->method;
        $this->record['credentials'] = array_column($credentials, 'identifier');
    }

    /** Notes where the request wants to go, as far as its URL can be read. */
    public function origin(?Origin $origin): void
    {
        $this->record['host'] = $origin?->host->text;
        $this->record['port'] = $origin?->port;
    }

    /**
     * Notes what was decided.
     *
     * @param string|null $proxyResolve who resolves the target's name, where a proxy serves it
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
     * Notes how the attempt of the moment ended.
     *
     * @param string|null $error code of its failure, or "http_503" and the like of an answer that is an error by its status
     */
    public function attemptEnded(?string $error): void
    {
        if ($error !== null) {
            $this->errors[] = $error;
        }
    }

    /**
     * Notes what an exchange used, once it had a connection.
     *
     * @param int $bytesOut body bytes that the connection took
     * @param int $bytesIn body bytes that came, as on the wire
     * @param string $remoteAddress the other end's; the proxy's, where there is one
     * @param string|null $httpVersion "1.1" or "2"
     */
    public function exchange(int $bytesOut, int $bytesIn, string $remoteAddress, ?string $httpVersion): void
    {
        $this->bytesOut += $bytesOut;
        $this->bytesIn += $bytesIn;
        $this->record['remote_address'] = $remoteAddress === '' ? null : $remoteAddress;
        $this->record['http_version'] = $httpVersion;
        $this->record['connection_reused'] = false;
    }

    /**
     * Ends with the call.
     *
     * @return AuditRecord
     */
    public function answered(int $status): array
    {
        return $this->end(['status' => $status]);
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
            'bytes_out' => $this->bytesOut,
            'bytes_in' => $this->bytesIn,
        ] + $this->record);
    }
}
