<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Text\Names;

/**
 * A credential that is still closed: nr-vault's envelope and what must be known to use it. Nothing here opens it.
 *
 * @api
 */
final readonly class SealedCredential
{
    public const BEARER = 'bearer';
    public const API_KEY = 'api_key';
    public const BASIC = 'basic';
    public const OAUTH2_CLIENT_CREDENTIALS = 'oauth2_client_credentials';
    public const SECRET = 'secret';

    private const TYPES = [
        self::BEARER,
        self::API_KEY,
        self::BASIC,
        self::OAUTH2_CLIENT_CREDENTIALS,
        self::SECRET,
    ];

    /**
     * @param string $identifier the exact bytes that the envelope is bound to, in nr-vault's case and spelling
     * @param string $type one of the constants; it says what the envelope holds
     * @param string $sealed the envelope, "nrv1:…"
     * @param Placement|null $placement for SECRET, and only there
     * @throws OutboundException invalid_request.malformed, credential.malformed
     */
    public function __construct(
        public string $identifier,
        public string $type,
        #[\SensitiveParameter] public string $sealed,
        public ?Placement $placement = null,
    ) {
        self::check($identifier, $type, $placement);
        if ($sealed === '') {
            throw OutboundException::create('credential.malformed', 'The envelope of a credential is empty.');
        }
    }

    /**
     * What holds of a credential with and without its envelope.
     *
     * @internal
     * @throws OutboundException invalid_request.malformed
     */
    public static function check(string $identifier, string $type, ?Placement $placement): void
    {
        if ($identifier === '' || strlen($identifier) > 255) {
            throw Wire::malformed('The identifier of a credential is empty or longer than 255 bytes.');
        }
        if (!in_array($type, self::TYPES, true)) {
            throw Wire::malformed('The type of a credential is unknown.');
        }
        if (($type === self::SECRET) !== ($placement !== null)) {
            throw Wire::malformed('A credential of type secret needs a placement, and no other type has one.');
        }
    }

    /**
     * The entry of "credentials" in the request head. The envelope travels beside it.
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
     * @throws OutboundException invalid_request.malformed, credential.malformed
     */
    public static function fromWire(array $wire, #[\SensitiveParameter] string $sealed): self
    {
        $unknown = Names::unknown('A credential', $wire, ['identifier', 'type', 'placement']);
        if ($unknown !== null) {
            throw Wire::malformed($unknown . '.');
        }
        $placement = isset($wire['placement']) ? Placement::fromWire($wire['placement']) : null;
        try {
            return new self($wire['identifier'] ?? '', $wire['type'] ?? '', $sealed, $placement);
        } catch (\TypeError) {
            throw Wire::malformed('A value of a credential has the wrong type.');
        }
    }

    /**
     * What dumps show: all but the envelope.
     *
     * @return array<string, mixed>
     */
    public function __debugInfo(): array
    {
        return $this->toWire();
    }
}
