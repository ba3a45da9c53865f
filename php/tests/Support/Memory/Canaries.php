<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Memory;

/**
 * The secrets of one measurement. All begin and end with the same mark, which no other measurement has: one search finds all of them,
 * and half a secret too.
 */
final class Canaries implements \JsonSerializable
{
    private const MARK = 15;

    /** @var array<string, array<string, string>> */
    private array $forms = [];

    /**
     * @param array<string, string> $secrets by their names
     */
    private function __construct(public readonly string $mark, private array $secrets = [])
    {
    }

    public static function make(): self
    {
        // The quote and the slash are escaped in JSON and in a URL, so the mark has a different form there.
        return new self(self::word(5) . '"/' . self::word(self::MARK - 7));
    }

    /** The secret of this name, made at its first use. */
    public function text(string $name): string
    {
        return $this->secrets[$name] ??= $this->mark . self::word(6) . $this->mark;
    }

    /** The key of 32 bytes of this name. */
    public function key(string $name): string
    {
        return $this->secrets[$name] ??= $this->mark . random_bytes(32 - 2 * self::MARK) . $this->mark;
    }

    public function jsonSerialize(): array
    {
        return ['mark' => base64_encode($this->mark), 'secrets' => array_map(base64_encode(...), $this->secrets)];
    }

    public static function fromJson(#[\SensitiveParameter] string $json): self
    {
        ['mark' => $mark, 'secrets' => $secrets] = json_decode($json, true, 512, JSON_THROW_ON_ERROR);
        $decode = static fn (string $text): string => (string) base64_decode($text, true);
        return new self($decode($mark), array_map($decode, $secrets));
    }

    /**
     * The name of the secret to which the mark at this place belongs, and the place where that secret ends.
     *
     * @return array{string, int}
     */
    public function identify(string $around, int $place): array
    {
        foreach ($this->secrets as $name => $secret) {
            foreach ($this->forms[$name] ??= Forms::of($secret) as $form) {
                for ($at = -1; ($at = strpos($around, $form, $at + 1)) !== false && $at <= $place;) {
                    if ($place < $at + strlen($form)) {
                        return [$name, $at + strlen($form)];
                    }
                }
            }
        }
        return ['part of a secret', $place + 1];
    }

    private static function word(int $length): string
    {
        $word = '';
        while (strlen($word) < $length) {
            $word .= preg_replace('/[^A-Za-z0-9]/', '', base64_encode(random_bytes($length)));
        }
        return substr($word, 0, $length);
    }
}
