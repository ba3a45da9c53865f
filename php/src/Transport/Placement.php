<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Where a plain secret goes in the request. The other credential types define their place themselves.
 *
 * @api
 */
final readonly class Placement
{
    private const NAMED = ['header', 'query', 'body_field'];
    private const PLAIN = ['bearer', 'api_key', 'basic', 'basic_username', 'basic_password'];

    /**
     * Use the named constructors.
     *
     * @param value-of<self::NAMED>|value-of<self::PLAIN> $type
     * @param string|null $name of the header, query parameter or body field; null for the other types
     */
    private function __construct(public string $type, public ?string $name = null, public string $prefix = '')
    {
        $isNamed = in_array($type, self::NAMED, true);
        if (($isNamed ? (string) $name === '' : $name !== null) || ($prefix !== '' && $type !== 'header')) {
            throw OutboundException::malformed('the placement of a credential has a name or prefix too many, or no name');
        }
    }

    /** Authorization: Bearer … */
    public static function bearer(): self
    {
        return new self('bearer');
    }

    /** A header; the prefix is put before the secret unchanged, its space included. */
    public static function header(string $name, string $prefix = ''): self
    {
        return new self('header', $name, $prefix);
    }

    /** The header X-API-Key. */
    public static function apiKey(): self
    {
        return new self('api_key');
    }

    /** Authorization: Basic … of a secret that is "user:password". */
    public static function basic(): self
    {
        return new self('basic');
    }

    /** The user half of Authorization: Basic …; goes with basicPassword() on another credential. */
    public static function basicUsername(): self
    {
        return new self('basic_username');
    }

    /** The password half of Authorization: Basic … */
    public static function basicPassword(): self
    {
        return new self('basic_password');
    }

    /** A parameter of the query. */
    public static function query(string $name): self
    {
        return new self('query', $name);
    }

    /** A field of a JSON or form body. */
    public static function bodyField(string $name): self
    {
        return new self('body_field', $name);
    }

    /**
     * @return array{type: string, name?: string, prefix?: string}
     */
    public function toWire(): array
    {
        $wire = ['type' => $this->type];
        if ($this->name !== null) {
            $wire['name'] = $this->name;
        }
        if ($this->prefix !== '') {
            $wire['prefix'] = $this->prefix;
        }
        return $wire;
    }

    /**
     * The reverse of toWire(); a bare word is taken for its type.
     *
     * @throws OutboundException invalid_request.malformed
     */
    public static function fromWire(mixed $wire): self
    {
        $wire = is_string($wire) ? ['type' => $wire] : $wire;
        if (!is_array($wire) || array_diff_key($wire, ['type' => 0, 'name' => 0, 'prefix' => 0]) !== []) {
            throw OutboundException::malformed('the placement of a credential is unreadable');
        }
        [$type, $name, $prefix] = [$wire['type'] ?? '', $wire['name'] ?? null, $wire['prefix'] ?? ''];
        if (!is_string($type) || ($name !== null && !is_string($name)) || !is_string($prefix)) {
            throw OutboundException::malformed('the placement of a credential is unreadable');
        }
        return in_array($type, [...self::NAMED, ...self::PLAIN], true)
            ? new self($type, $name, $prefix)
            : throw OutboundException::malformed('the placement of a credential is unknown');
    }
}
