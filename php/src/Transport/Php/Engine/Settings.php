<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Transport\Php\Credential\CredentialOpener;
use Netresearch\NrVault\Transport\Php\Net\Exchange;
use Netresearch\NrVault\Transport\Php\Net\Proxy;
use Netresearch\NrVault\Transport\Php\Policy\PolicyDecision;

/**
 * An open configuration.
 *
 * @internal
 */
final readonly class Settings
{
    /**
     * @param bool $requireBinding whether a credential is refused if its binding has no hosts
     * @param int $timeoutMs default of a call's deadline
     * @param int $maxTimeoutMs its ceiling
     * @param int|null $maxIdleTimeoutMs ceiling of the time for which nothing may come
     * @param int $responseBytes default limit of a response's body
     * @param int $maxResponseBytes its ceiling
     * @param list<array{code: string, message: string}> $warnings
     */
    public function __construct(
        public PolicyDecision $decision,
        public CredentialOpener $credentials,
        public bool $requireBinding,
        public Exchange $exchange,
        public ?Proxy $proxy,
        public int $timeoutMs,
        public int $maxTimeoutMs,
        public ?int $maxIdleTimeoutMs,
        public int $responseBytes,
        public int $maxResponseBytes,
        public string $userAgent,
        public array $warnings,
    ) {
    }
}
