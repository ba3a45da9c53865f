<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Server;

/**
 * A request as the fault server received it, in one form for both HTTP versions.
 */
final readonly class ReceivedRequest
{
    /**
     * @param list<array{string, string}> $fields names as received and values, without HTTP/2's pseudo-header fields
     * @param string|null $head the bytes of the head, null for HTTP/2
     */
    private function __construct(
        public string $method,
        public string $target,
        public string $authority,
        public array $fields,
        public string $body,
        public ?string $head,
    ) {
    }

    /**
     * @param array<string, mixed> $seen a request in the form of FaultServer::seen()
     */
    public static function fromSeen(array $seen): self
    {
        if (!isset($seen['head'])) {
            $pseudo = array_column(array_filter($seen['fields'], static fn (array $f): bool => $f[0][0] === ':'), 1, 0);
            $fields = array_values(array_filter($seen['fields'], static fn (array $f): bool => $f[0][0] !== ':'));
            $bytes = static fn (array $f): array => [$f[0], mb_convert_encoding($f[1], 'ISO-8859-1', 'UTF-8')];
            return new self(
                $pseudo[':method'],
                $pseudo[':path'],
                $pseudo[':authority'],
                array_map($bytes, $fields),
                $seen['body'],
                null,
            );
        }
        $lines = explode("\r\n", substr($seen['head'], 0, -4));
        [$method, $target] = explode(' ', array_shift($lines));
        $fields = array_map(static function (string $line): array {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            return [$name, trim($value, ' ')];
        }, $lines);
        $host = '';
        foreach ($fields as [$name, $value]) {
            $host = strtolower($name) === 'host' ? $value : $host;
        }
        return new self($method, $target, $host, $fields, $seen['body'], $seen['head']);
    }

    /**
     * The values of a field, in order.
     *
     * @return list<string>
     */
    public function values(string $name): array
    {
        $found = array_filter($this->fields, static fn (array $field): bool => strtolower($field[0]) === $name);
        return array_column($found, 1);
    }

    public function value(string $name): ?string
    {
        return $this->values($name)[0] ?? null;
    }

    /**
     * All fields except host, with names in lower case, sorted by name; fields with the same name stay in their order.
     *
     * @return list<array{string, string}>
     */
    public function sorted(): array
    {
        $fields = array_map(static fn (array $field): array => [strtolower($field[0]), $field[1]], $this->fields);
        $fields = array_values(array_filter($fields, static fn (array $field): bool => $field[0] !== 'host'));
        usort($fields, static fn (array $one, array $other): int => $one[0] <=> $other[0]);
        return $fields;
    }
}
