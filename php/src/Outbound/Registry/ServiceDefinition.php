<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Registry;

use Netresearch\NrVault\Transport\Alternative;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Policy;

/**
 * One service of a registry, valid in form. The library checks base URL and policy at each call.
 *
 * @api
 */
final readonly class ServiceDefinition
{
    public const ID = '/\A[a-z][a-z0-9._-]{1,63}\z/';

    public const TRANSPORT_AUTO = 'auto';
    public const TRANSPORT_RUST = 'rust';
    public const TRANSPORT_PHP = 'php';
    public const TRANSPORT_SIDECAR = 'sidecar';
    public const TRANSPORTS = [self::TRANSPORT_AUTO, self::TRANSPORT_RUST, self::TRANSPORT_PHP, self::TRANSPORT_SIDECAR];

    public const AUDIT_STANDARD = 'standard';
    public const AUDIT_REQUIRED = 'required';
    public const AUDIT_MODES = [self::AUDIT_STANDARD, self::AUDIT_REQUIRED];

    public const MAX_AUDIT_SAMPLE = 1_000_000;

    /**
     * @param list<array{string, string}> $headers defaults, sent if a call does not set a field of the same name
     * @param string|null $idempotencyHeader null means Idempotency-Key
     * @param list<CredentialReference> $credentials in the order in which they are placed
     * @param string $transport one of TRANSPORTS
     * @param string $audit one of AUDIT_MODES
     * @param list<string> $placeholderHeaders fields in which an SDK sends the key that it requires; they are removed from its
     *        requests
     * @param string|int|null $technicalUser name or number of the user whose rights apply when the credentials are read, instead
     *        of those of the caller; requires a TechnicalUserCredentialProvider
     * @param TestCall|null $test the call with which an administrator can test the service
     * @param int $auditSample one of this number of successes is recorded, and counts for all; refusals, failures and calls in
     *        audit mode "required" are always recorded
     * @param list<Alternative> $alternatives base URLs that replace its own if the secret of its only credential has the given
     *        suffix
     */
    public function __construct(
        public string $id,
        public string $baseUrl,
        public Policy $policy,
        public array $headers = [],
        public ?string $idempotencyHeader = null,
        public array $credentials = [],
        public string $transport = self::TRANSPORT_AUTO,
        public string $audit = self::AUDIT_STANDARD,
        public array $placeholderHeaders = [],
        public string|int|null $technicalUser = null,
        public ?TestCall $test = null,
        public int $auditSample = 1,
        public array $alternatives = [],
    ) {
    }
}
