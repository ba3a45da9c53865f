<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * Finds injected secrets in the header fields of a response, so that they can be replaced.
 *
 * @internal
 */
final class Redactor
{
    /** What a value that holds a secret is replaced with. */
    public const REDACTED = '[redacted]';

    /** A Location may contain a URL in its query, which has a query itself. */
    private const DECODINGS = 3;

    /** @var list<Secret> */
    private array $secrets = [];

    /** @var list<Secret> the characters that every base64 of a text with the secret contains, for each possible offset */
    private array $encoded = [];

    /** Adds a secret to search for. An empty one is contained in every value, so it is left out. */
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

    /** Whether a value contains a secret: unchanged, percent-encoded in whole or in part, or in base64 of either alphabet. */
    public function finds(#[\SensitiveParameter] string $value): bool
    {
        if ($this->secrets === []) {
            return false;
        }
        // A "+" may mean itself, or a space.
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

    /** The value is decoded, which finds a secret however it was encoded. */
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

    /** The base64 characters that depend only on the secret, if this number of bytes, modulo three, comes before it. */
    private static function base64Core(#[\SensitiveParameter] Secret $secret, int $before): Secret
    {
        $text = new Secret(str_repeat("\0", $before) . $secret->expose());
        $encoded = new Secret(base64_encode($text->expose()));
        // A character has six bits: the first and the last one that are completely within the secret.
        $first = intdiv($before * 8 + 5, 6);
        $end = intdiv(strlen($text->expose()) * 8, 6);
        return new Secret(substr($encoded->expose(), $first, $end - $first));
    }
}
