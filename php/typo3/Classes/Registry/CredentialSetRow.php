<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Registry;

/**
 * A stored credential set with its secret, as they are in the database.
 *
 * @internal
 */
final readonly class CredentialSetRow
{
    /**
     * @param array<string, mixed> $fields of tx_nrvault_credential_set; without a uid where a service refers to one that
     *        is no longer there; "twin" is the uid of another set with the same id, if there is one
     * @param array<string, mixed>|null $secret uid, identifier, adapter and deleted of tx_nrvault_secret; null where
     *        there is none
     */
    public function __construct(public array $fields, public ?array $secret)
    {
    }

    public function id(): string
    {
        return Cell::text($this->fields, 'identifier');
    }
}
