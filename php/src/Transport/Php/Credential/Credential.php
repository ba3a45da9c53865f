<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\Php\Policy\BindingRules;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * A credential whose envelope was opened.
 *
 * @internal
 */
final readonly class Credential
{
    /**
     * @param string $type one of CredentialReference's constants
     * @param BindingRules|null $binding where the credential may go, if that was sealed with it
     * @param Secret $secret token, key, password, or the bytes themselves
     * @param Secret|null $username for the type basic
     * @param string|null $header name of the field for the type api_key, in lower case
     * @param Secret|null $prefix for the type api_key
     * @param Placement|null $placement of a plain secret
     * @param string|null $identifier null for a credential that no request declares
     */
    public function __construct(
        public string $type,
        public ?BindingRules $binding,
        public Secret $secret,
        public ?Secret $username = null,
        public ?string $header = null,
        public ?Secret $prefix = null,
        public ?Placement $placement = null,
        public ?string $identifier = null,
    ) {
    }

    /** Whether the secret has this suffix; with a user name and a password, the password is compared. */
    public function endsWith(string $suffix): bool
    {
        return str_ends_with($this->secret->expose(), $suffix);
    }

    public function wipe(): void
    {
        $this->secret->wipe();
        $this->username?->wipe();
        $this->prefix?->wipe();
    }
}
