<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Secret;

/**
 * Walks over the members of a JSON object in place, which json_decode() cannot: it loses duplicate keys, large
 * numbers and the bytes between, and makes a tree of copies of what may be secret.
 *
 * It accepts the same documents as the library's parser.
 *
 * @internal
 */
final class JsonScanner
{
    private const BLANK = " \t\r\n";

    /** Where a run of plain characters in a string ends. */
    private const STRING_STOPS = "\"\\\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
        . "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f";

    private const HEXADECIMAL = '0123456789abcdefABCDEF';

    private const DIGITS = '0123456789';

    private int $at = 0;

    /**
     * Where keys are compared, of each open container: the key whose value is read, "[]" in a list, and the keys so far.
     *
     * @var list<array{key: string, keys: array<string, true>}>|null
     */
    private ?array $open = null;

    private ?string $duplicate = null;

    /**
     * @param int|null $levels of nesting below the object; with a limit, values of other keys are checked as well: half a
     *        surrogate pair or a number beyond every float makes the document invalid. Null: any depth, and only the form is
     *        checked
     */
    public function __construct(
        #[\SensitiveParameter] private readonly string $document,
        private readonly ?int $levels = null,
    ) {
    }

    /**
     * Calls $each for every member of the object: with its key, if that is one of the names, and the position of its value
     * without white space around it.
     *
     * @param list<string> $names
     * @param \Closure(string|null, int, int): void $each takes name, offset and length
     * @return bool false if the document is not an object; members before the fault have been passed to the callback
     */
    public function members(array $names, #[\SensitiveParameter] \Closure $each): bool
    {
        // The whole document, as its strings are not looked at again.
        if (preg_match('//u', $this->document) !== 1) {
            return false;
        }
        $this->at = 0;
        $this->skipBlank();
        if (!$this->take('{')) {
            return false;
        }
        $this->skipBlank();
        $isFirst = true;
        while (!$this->take('}')) {
            if (!$isFirst && !$this->take(',')) {
                return false;
            }
            $isFirst = false;
            $this->skipBlank();
            $key = $this->at;
            if (!$this->skipString()) {
                return false;
            }
            $name = self::text($this->document, $key, $this->at - $key);
            $this->skipBlank();
            if ($name === null || !$this->take(':')) {
                return false;
            }
            $this->skipBlank();
            $value = $this->at;
            if (!$this->skipValue()) {
                return false;
            }
            $each(in_array($name, $names, true) ? $name : null, $value, $this->at - $value);
            Secret::wipeString($name);
            $this->skipBlank();
        }
        $this->skipBlank();
        return $this->at === strlen($this->document);
    }

    /**
     * The path of a duplicate key. json_decode() would use the last one without an error.
     *
     * The search uses no regular expression, which could stop at PCRE's limits: a document that was not read to its end would
     * count as one without duplicates.
     *
     * @return string|null such as "services.my-api.policy"; null if there is none, as far as the document is JSON
     */
    public function duplicate(): ?string
    {
        [$this->at, $this->open, $this->duplicate] = [0, [], null];
        $this->skipBlank();
        $this->skipValue();
        $this->open = null;
        return $this->duplicate;
    }

    /**
     * The text of a JSON string of a document that members() has walked over.
     *
     * @return string|null null for what is no string, or holds half a surrogate pair
     */
    public static function text(#[\SensitiveParameter] string $document, int $offset, int $length): ?string
    {
        if (($document[$offset] ?? '') !== '"') {
            return null;
        }
        $quoted = substr($document, $offset, $length);
        try {
            if (!str_contains($quoted, '\\')) {
                return substr($quoted, 1, -1);
            }
            // For a single string json_decode() makes exactly one copy, and the result is the same as in the library.
            $text = json_decode($quoted);
            return is_string($text) ? $text : null;
        } finally {
            Secret::wipeString($quoted);
        }
    }

    private function skipBlank(): void
    {
        $this->at += strspn($this->document, self::BLANK, $this->at);
    }

    /** @phpstan-impure */
    private function take(string $character): bool
    {
        if (($this->document[$this->at] ?? '') !== $character) {
            return false;
        }
        $this->at++;
        return true;
    }

    /** Skips one value with everything in it. It uses a loop with a stack and not recursion, since a document may have any depth. */
    private function skipValue(): bool
    {
        /** @var list<string> $closers of the open arrays and objects */
        $closers = [];
        while (true) {
            $closer = match ($this->document[$this->at] ?? '') {
                '[' => ']',
                '{' => '}',
                default => null,
            };
            if ($closer === null) {
                if (!$this->skipScalar()) {
                    return false;
                }
            } else {
                $this->at++;
                $closers[] = $closer;
                $this->enter($closer);
                if ($this->levels !== null && count($closers) > $this->levels) {
                    return false;
                }
                $this->skipBlank();
                if (!$this->take($closer)) {
                    if ($closer === '}' && !$this->skipKey()) {
                        return false;
                    }
                    continue;
                }
                array_pop($closers);
                $this->leave();
            }
            // After a value: closing brackets, then a comma or the end.
            while (true) {
                if ($closers === []) {
                    return true;
                }
                $this->skipBlank();
                $closer = $closers[array_key_last($closers)];
                if (!$this->take($closer)) {
                    break;
                }
                array_pop($closers);
                $this->leave();
            }
            if (!$this->take(',')) {
                return false;
            }
            $this->skipBlank();
            if ($closer === '}' && !$this->skipKey()) {
                return false;
            }
        }
    }

    private function skipKey(): bool
    {
        $start = $this->at;
        if (!$this->skipString() || !$this->isNew($start)) {
            return false;
        }
        $this->skipBlank();
        if (!$this->take(':')) {
            return false;
        }
        $this->skipBlank();
        return true;
    }

    private function enter(string $closer): void
    {
        if ($this->open !== null) {
            $this->open[] = ['key' => $closer === ']' ? '[]' : '', 'keys' => []];
        }
    }

    private function leave(): void
    {
        if ($this->open !== null) {
            array_pop($this->open);
        }
    }

    /** Whether the key that begins there, and has just been read, is the first of its object with this name. */
    private function isNew(int $start): bool
    {
        if ($this->open === null || $this->open === []) {
            return true;
        }
        $name = substr($this->document, $start + 1, $this->at - $start - 2);
        if (str_contains($name, '\\')) {
            $name = self::text($this->document, $start, $this->at - $start) ?? $name;
        }
        $last = count($this->open) - 1;
        $this->open[$last]['key'] = $name;
        // With the letter, PHP does not turn a name like "1" into an integer.
        if (isset($this->open[$last]['keys']["k$name"])) {
            $this->duplicate = implode('.', array_column($this->open, 'key'));
            return false;
        }
        $this->open[$last]['keys']["k$name"] = true;
        return true;
    }

    private function skipScalar(): bool
    {
        switch ($this->document[$this->at] ?? '') {
            case '"':
                return $this->skipString();
            case 't':
                return $this->skipWord('true');
            case 'f':
                return $this->skipWord('false');
            case 'n':
                return $this->skipWord('null');
            default:
                return $this->skipNumber();
        }
    }

    private function skipWord(string $word): bool
    {
        if (substr_compare($this->document, $word, $this->at, strlen($word)) !== 0) {
            return false;
        }
        $this->at += strlen($word);
        return true;
    }

    private function skipNumber(): bool
    {
        $start = $this->at;
        $this->take('-');
        // No digit may follow a leading zero.
        if (!$this->take('0') && !$this->skipDigits()) {
            return false;
        }
        if ($this->take('.') && !$this->skipDigits()) {
            return false;
        }
        if ($this->take('e') || $this->take('E')) {
            $this->at += min(1, strspn($this->document, '+-', $this->at));
            if (!$this->skipDigits()) {
                return false;
            }
        }
        return $this->levels === null || is_finite((float) substr($this->document, $start, $this->at - $start));
    }

    private function skipDigits(): bool
    {
        $count = strspn($this->document, self::DIGITS, $this->at);
        $this->at += $count;
        return $count > 0;
    }

    private function skipString(): bool
    {
        $start = $this->at;
        if (!$this->take('"')) {
            return false;
        }
        $hasEscape = false;
        while (true) {
            $this->at += strcspn($this->document, self::STRING_STOPS, $this->at);
            if ($this->take('"')) {
                break;
            }
            if (!$this->take('\\') || !$this->skipEscape()) {
                return false;
            }
            $hasEscape = true;
        }
        return $this->levels === null || !$hasEscape
            || self::text($this->document, $start, $this->at - $start) !== null;
    }

    private function skipEscape(): bool
    {
        $escape = $this->document[$this->at++] ?? '';
        if ($escape === 'u') {
            $digits = strspn($this->document, self::HEXADECIMAL, $this->at, 4);
            $this->at += $digits;
            return $digits === 4;
        }
        return $escape !== '' && str_contains('"\\/bfnrt', $escape);
    }
}
