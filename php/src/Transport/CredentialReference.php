<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Text\Names;

/**
 * Names a credential: all that a SealedCredential has, but the envelope.
 *
 * @api
 */
final readonly class CredentialReference
{
    /** May stand before the identifier, as in the settings of extensions. */
    public const PREFIX = 'vault:';

    /** Without the prefix. */
    public string $identifier;

    /**
     * @param string $identifier "identifier" or "vault:identifier": 1 to 255 printable ASCII characters, as it
     *        reaches logs
     * @param string $type one of SealedCredential's constants
     * @param Placement|null $placement for SealedCredential::SECRET, and only there
     * @throws OutboundException invalid_request.malformed
     */
    public function __construct(string $identifier, public string $type, public ?Placement $placement = null)
    {
        $this->identifier = str_starts_with($identifier, self::PREFIX)
            ? substr($identifier, strlen(self::PREFIX))
            : $identifier;
        if (preg_match('/\A[\x20-\x7E]{1,255}\z/', $this->identifier) !== 1) {
            throw Wire::malformed('The identifier of a credential is not 1 to 255 printable ASCII characters.');
        }
        SealedCredential::check($this->identifier, $type, $placement);
    }

    /**
     * The credential, once its envelope is found.
     *
     * @throws OutboundException credential.malformed
     */
    public function seal(#[\SensitiveParameter] string $envelope): SealedCredential
    {
        return new SealedCredential($this->identifier, $this->type, $envelope, $this->placement);
    }

    /**
     * The entry of "credentials" in the request head.
     *
     * @return array{identifier: string, type: string, placement?: array{type: string, name?: string, prefix?: string}}
     */
    public function toWire(): array
    {
        $wire = ['identifier' => $this->identifier, 'type' => $this->type];
        if ($this->placement !== null) {
            $wire['placement'] = $this->placement->toWire();
        }
        return $wire;
    }

    /**
     * The reverse of toWire().
     *
     * @param array<mixed> $wire
     * @throws OutboundException invalid_request.malformed
     */
    public static function fromWire(array $wire): self
    {
        $unknown = Names::unknown('A credential', $wire, ['identifier', 'type', 'placement']);
        if ($unknown !== null) {
            throw Wire::malformed($unknown . '.');
        }
        $placement = isset($wire['placement']) ? Placement::fromWire($wire['placement']) : null;
        try {
            return new self($wire['identifier'] ?? '', $wire['type'] ?? '', $placement);
        } catch (\TypeError) {
            throw Wire::malformed('A value of a credential has the wrong type.');
        }
    }
}
