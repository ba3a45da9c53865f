<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Registry;

/**
 * A stored service with its credential sets and its technical user, as they are in the database.
 *
 * @internal
 */
final readonly class ServiceRow
{
    /**
     * @param array<string, mixed> $fields of tx_nrvault_service
     * @param list<CredentialSetRow> $sets in the order in which they are placed
     * @param array<string, mixed>|null $technicalUser uid, username, admin, disable and deleted; null if there is none
     */
    public function __construct(public array $fields, public array $sets, public ?array $technicalUser = null)
    {
    }

    public function uid(): int
    {
        return Cell::integer($this->fields, 'uid');
    }

    public function id(): string
    {
        return Cell::text($this->fields, 'identifier');
    }

    public function isHidden(): bool
    {
        return Cell::integer($this->fields, 'hidden') !== 0;
    }
}
