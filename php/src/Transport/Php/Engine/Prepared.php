<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Transport\Php\Credential\RequestChanges;
use Netresearch\NrVault\Transport\Php\Net\Outgoing;
use Netresearch\NrVault\Transport\Php\Net\TimeLimits;
use Netresearch\NrVault\Transport\Php\Policy\Admitted;
use Netresearch\NrVault\Transport\Php\Policy\BindingRules;
use Netresearch\NrVault\Transport\Php\Policy\ByteLimit;

/**
 * A request that may be sent, with its credentials, and the rules that apply to it.
 *
 * @internal
 */
final readonly class Prepared
{
    /**
     * @param list<array{string, BindingRules}> $bindings what the credentials of these identifiers are bound to
     * @param RequestChanges $changes what the credentials changed; it owns the secrets of the request
     * @param list<array{string, string}> $callersHeaders what the caller set, names in lower case
     * @param bool $isRepeatable whether the request may be processed twice
     * @param ByteLimit $responseBytes cap of the response's body
     */
    public function __construct(
        public Admitted $admitted,
        public array $bindings,
        public RequestChanges $changes,
        #[\SensitiveParameter] public Outgoing $outgoing,
        #[\SensitiveParameter] public array $callersHeaders,
        public bool $hasCredential,
        public bool $isRepeatable,
        public int $maxRedirects,
        public int $maxAttempts,
        public ByteLimit $responseBytes,
        public TimeLimits $limits,
    ) {
    }

    /** Wipes every secret of the call. */
    public function wipe(): void
    {
        $this->changes->wipe();
        $this->changes->redactor->wipe();
    }
}
