<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Text;

/**
 * A JSON object whose members are read by name, each as the type that its reader asks for.
 *
 * @internal
 */
final readonly class JsonObject
{
    /**
     * @param array<mixed> $members as json_decode() gives them
     * @param string|null $outer the member of its document that this object is or lies in; null for the document
     */
    public function __construct(#[\SensitiveParameter] private array $members, private ?string $outer = null)
    {
    }

    /** Whether there is such a member; null counts as missing. */
    public function has(string $name): bool
    {
        return isset($this->members[$name]);
    }

    /**
     * @param string|null $absent default if there is none; null: the member is required
     * @throws \UnexpectedValueException
     */
    public function string(string $name, ?string $absent = null): string
    {
        $value = $this->value($name, $absent);
        return is_string($value) ? $value : throw $this->unexpected($name);
    }

    /**
     * @return string|null null if there is none
     * @throws \UnexpectedValueException
     */
    public function stringOrNull(string $name): ?string
    {
        $value = $this->members[$name] ?? null;
        return $value === null || is_string($value) ? $value : throw $this->unexpected($name);
    }

    /**
     * A text of a form.
     *
     * @throws \UnexpectedValueException
     */
    public function matching(string $name, string $pattern): string
    {
        $text = $this->string($name);
        return preg_match($pattern, $text) === 1 ? $text : throw $this->unexpected($name);
    }

    /**
     * @throws \UnexpectedValueException
     */
    public function int(string $name, ?int $absent = null): int
    {
        $value = $this->value($name, $absent);
        return is_int($value) ? $value : throw $this->unexpected($name);
    }

    /**
     * @throws \UnexpectedValueException
     */
    public function intOrNull(string $name): ?int
    {
        $value = $this->members[$name] ?? null;
        return $value === null || is_int($value) ? $value : throw $this->unexpected($name);
    }

    /**
     * @throws \UnexpectedValueException
     */
    public function bool(string $name, ?bool $absent = null): bool
    {
        $value = $this->value($name, $absent);
        return is_bool($value) ? $value : throw $this->unexpected($name);
    }

    /**
     * @throws \UnexpectedValueException
     */
    public function object(string $name): self
    {
        return $this->objectOrNull($name) ?? throw $this->unexpected($name);
    }

    /**
     * @throws \UnexpectedValueException
     */
    public function objectOrNull(string $name): ?self
    {
        $value = $this->members[$name] ?? null;
        return $value === null ? null : $this->within($name, $value);
    }

    /**
     * The objects of a list.
     *
     * @return list<self>
     * @throws \UnexpectedValueException
     */
    public function objects(string $name): array
    {
        return array_map(fn (mixed $value): self => $this->within($name, $value), $this->values($name));
    }

    /**
     * The texts of a list.
     *
     * @param list<string>|null $absent
     * @return list<string>
     * @throws \UnexpectedValueException
     */
    public function strings(string $name, ?array $absent = null): array
    {
        $texts = $this->values($name, $absent);
        foreach ($texts as $text) {
            if (!is_string($text)) {
                throw $this->unexpected($name);
            }
        }
        return $texts;
    }

    /**
     * @return list<string>|null null if there is none
     * @throws \UnexpectedValueException
     */
    public function stringsOrNull(string $name): ?array
    {
        return $this->has($name) ? $this->strings($name) : null;
    }

    /**
     * The pairs of texts of a list; none if there is none.
     *
     * @return list<array{string, string}>
     * @throws \UnexpectedValueException
     */
    public function pairs(string $name): array
    {
        return Pairs::read($this->value($name, []) ?? []) ?? throw $this->unexpected($name);
    }

    /**
     * The integers of a list.
     *
     * @return list<int>
     * @throws \UnexpectedValueException
     */
    public function ints(string $name): array
    {
        return array_map(
            fn (mixed $value): int => is_int($value) ? $value : throw $this->unexpected($name),
            $this->values($name),
        );
    }

    /**
     * @return list<string>
     */
    public function names(): array
    {
        return array_map(strval(...), array_keys($this->members));
    }

    /** The exception that names the invalid member of the document. */
    public function unexpected(string $name): \UnexpectedValueException
    {
        return new \UnexpectedValueException($this->outer ?? $name);
    }

    /** One that is null is not absent. */
    private function value(string $name, mixed $absent): mixed
    {
        return array_key_exists($name, $this->members) ? $this->members[$name] : $absent;
    }

    /**
     * @param list<mixed>|null $absent
     * @return list<mixed>
     */
    private function values(string $name, ?array $absent = null): array
    {
        $values = $this->value($name, $absent);
        return is_array($values) && array_is_list($values) ? $values : throw $this->unexpected($name);
    }

    private function within(string $name, #[\SensitiveParameter] mixed $value): self
    {
        return is_array($value) ? new self($value, $this->outer ?? $name) : throw $this->unexpected($name);
    }
}
