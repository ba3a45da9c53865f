<?php

declare(strict_types=1);

/**
 * Looks for a value in texts: as it is, in base64 at each of its three offsets, in hex, reversed, and any part of twelve
 * characters of these, so that a shortened copy is found as well.
 */
final class Search
{
    private const PART = 12;

    /** @var array<string, list<string>> texts by their place */
    private array $texts = [];

    private string $all = '';

    /** Reads what Inventory wrote. */
    public static function inventory(string $path): self
    {
        $search = new self();
        foreach (file($path, FILE_IGNORE_NEW_LINES) ?: [] as $line) {
            [$place, $text] = array_map(base64_decode(...), explode(' ', $line));
            $search->add($place, $text);
        }
        return $search;
    }

    public function add(string $place, string $text): void
    {
        $this->texts[$place][] = $text;
        $this->all .= $text . "\0\n";
    }

    /**
     * @return list<string> the places
     */
    public function find(#[SensitiveParameter] string $value): array
    {
        $places = [];
        foreach (self::parts($value) as $part) {
            if (!str_contains($this->all, $part)) {
                continue;
            }
            foreach ($this->texts as $place => $texts) {
                foreach ($texts as $text) {
                    if (str_contains($text, $part)) {
                        $places[$place] = true;
                    }
                }
            }
        }
        return array_keys($places);
    }

    /**
     * @return list<string>
     */
    private static function parts(#[SensitiveParameter] string $value): array
    {
        $forms = [$value, strrev($value), bin2hex($value), strtoupper(bin2hex($value)), rawurlencode($value)];
        foreach (['', 'x', 'xx'] as $before) {
            // The first and last groups hold bits of neighbours and are cut off.
            $base64 = substr(rtrim(base64_encode($before . $value), '='), $before === '' ? 0 : 4, -1);
            array_push($forms, $base64, strtr($base64, '+/', '-_'));
        }
        $parts = [];
        foreach ($forms as $form) {
            for ($at = 0; $at + self::PART <= strlen($form); $at++) {
                $parts[substr($form, $at, self::PART)] = true;
            }
        }
        return array_map(strval(...), array_keys($parts));
    }
}
