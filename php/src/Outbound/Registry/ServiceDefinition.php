<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Registry;

use Netresearch\NrVault\Transport\Alternative;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Policy;

/**
 * One service as its registry has it, valid in form. The library judges base URL and policy at each call.
 *
 * @api
 */
final readonly class ServiceDefinition
{
    public const ID = '/\A[a-z][a-z0-9._-]{1,63}\z/';

    public const TRANSPORT_AUTO = 'auto';
    public const TRANSPORT_RUST = 'rust';
    public const TRANSPORT_PHP = 'php';
    public const TRANSPORTS = [self::TRANSPORT_AUTO, self::TRANSPORT_RUST, self::TRANSPORT_PHP];

    public const AUDIT_STANDARD = 'standard';
    public const AUDIT_REQUIRED = 'required';
    public const AUDIT_MODES = [self::AUDIT_STANDARD, self::AUDIT_REQUIRED];

    public const MAX_AUDIT_SAMPLE = 1_000_000;

    /**
     * @param list<array{string, string}> $headers defaults, sent where a call does not set the same name
     * @param string|null $idempotencyHeader null is Idempotency-Key
     * @param list<CredentialReference> $credentials in the order in which they are placed
     * @param string $transport one of TRANSPORTS
     * @param string $audit one of AUDIT_MODES
     * @param list<string> $placeholderHeaders where an SDK puts the key that it insists on; left out of its requests
     * @param string|int|null $technicalUser whose rights to read the credentials count, by name or number, in place of
     *        those of whoever makes the call; it takes a TechnicalUserCredentialProvider
     * @param TestCall|null $test the one call that whoever looks after the service may try
     * @param int $auditSample of so many successes one is recorded, and counts for all; refusals, failures and what is
     *        required are recorded always
     * @param list<Alternative> $alternatives base URLs that count in place of its own where the secret of its one credential
     *        ends so
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
