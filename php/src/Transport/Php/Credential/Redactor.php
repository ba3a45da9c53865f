<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * Finds injected secrets in the header fields of a response.
 *
 * @internal
 */
final class Redactor
{
    /** What a value that holds a secret is replaced with. */
    public const REDACTED = '[redacted]';

    /** A location may carry a location that carries a query. */
    private const DECODINGS = 3;

    /** @var list<Secret> */
    private array $secrets = [];

    /** @var list<Secret> what every base64 of a text that holds the secret has in common, for each place it can have */
    private array $encoded = [];

    /** Adds a secret to look for, and keeps it. An empty one is in every value, so it is left out. */
    public function add(#[\SensitiveParameter] Secret $secret): void
    {
        if ($secret->expose() === '') {
            return;
        }
        $this->secrets[] = $secret;
        for ($before = 0; $before < 3; $before++) {
            $core = self::base64Core($secret, $before);
            if ($core->expose() !== '') {
                $this->encoded[] = $core;
            }
        }
    }

    /** Whether a value holds a secret: as it is, percent-encoded in whole or in part, or in base64 of either alphabet. */
    public function finds(#[\SensitiveParameter] string $value): bool
    {
        if ($this->secrets === []) {
            return false;
        }
        // A "+" may be one, or a space.
        return $this->findsDecoded($value)
            || str_contains($value, '+') && $this->findsDecoded(strtr($value, '+', ' '));
    }

    public function wipe(): void
    {
        foreach ([...$this->secrets, ...$this->encoded] as $secret) {
            $secret->wipe();
        }
        $this->secrets = [];
        $this->encoded = [];
    }

    /** Decoding a value finds every way of encoding it. */
    private function findsDecoded(#[\SensitiveParameter] string $value): bool
    {
        for ($decodings = 0; !$this->findsPlain($value); $decodings++) {
            $decoded = rawurldecode($value);
            if ($decodings === self::DECODINGS || $decoded === $value) {
                return false;
            }
            $value = $decoded;
        }
        return true;
    }

    private function findsPlain(#[\SensitiveParameter] string $value): bool
    {
        return self::holds($value, $this->secrets) || self::holds(strtr($value, '-_', '+/'), $this->encoded);
    }

    /**
     * @param array<Secret> $parts
     */
    private static function holds(#[\SensitiveParameter] string $text, array $parts): bool
    {
        foreach ($parts as $part) {
            if (str_contains($text, $part->expose())) {
                return true;
            }
        }
        return false;
    }

    /** The base64 characters that depend on the secret alone where so many bytes, modulo three, come before it. */
    private static function base64Core(#[\SensitiveParameter] Secret $secret, int $before): Secret
    {
        $text = new Secret(str_repeat("\0", $before) . $secret->expose());
        $encoded = new Secret(base64_encode($text->expose()));
        // Characters of six bits: the first whole one behind the offset, and the last whole one.
        $first = intdiv($before * 8 + 5, 6);
        $end = intdiv(strlen($text->expose()) * 8, 6);
        return new Secret(substr($encoded->expose(), $first, $end - $first));
    }
}
