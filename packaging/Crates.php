<?php

declare(strict_types=1);

/**
 * The crates from which the library or the daemon is built for a target, read from `cargo tree`: its own crate, the crates that are linked
 * into it, and the crates that run only during the build.
 */
final class Crates
{
    /** What is built, with the features that it is built with, as packaging/build names them. */
    private const FEATURES = ['library' => [], 'sidecar' => ['--no-default-features', '--features', 'sidecar,http3']];

    /** @var array<string, array{name: string, version: string, licence: string, source: string, linked: bool, needs: list<string>}> by "name version", sorted */
    public readonly array $all;

    /** @var array<string, string|null> SHA-256 of the crate's archive in the registry, by "name version" */
    private readonly array $sums;

    public function __construct(private readonly string $root, private readonly string $what, string $target)
    {
        $linked = array_column($this->tree($target, 'normal,no-proc-macro'), 'id', 'id');
        $all = [];
        $above = [];
        foreach ($this->tree($target, 'normal,build') as ['depth' => $depth, 'id' => $id, 'licence' => $licence]) {
            [$name, $version] = explode(' ', $id);
            $all[$id] ??= ['name' => $name, 'version' => $version, 'licence' => $licence, 'linked' => isset($linked[$id]), 'needs' => []];
            $above[$depth] = $id;
            if ($depth > 0) {
                $all[$above[$depth - 1]]['needs'][$id] = $id;
            }
        }
        ksort($all);
        $places = $this->places($target);
        foreach ($all as $id => $crate) {
            sort($crate['needs']);
            $all[$id] = ['needs' => array_values($crate['needs']), 'source' => $places[$id]] + $crate;
        }
        $this->all = $all;
        $this->sums = $this->sums();
    }

    public function sum(string $id): ?string
    {
        return $this->sums[$id] ?? null;
    }

    /** @return array{name: string, version: string, licence: string, source: string, linked: bool, needs: list<string>} */
    public function one(string $name): array
    {
        $found = array_values(array_filter($this->all, static fn (array $crate): bool => $crate['name'] === $name));
        return count($found) === 1 ? $found[0] : throw new RuntimeException("There are " . count($found) . " crates $name.");
    }

    /** The version of the C code in a crate: what the patterns find in one of its files, joined by dots. */
    public function versionIn(string $name, string $file, string ...$patterns): string
    {
        $text = (string) file_get_contents($this->one($name)['source'] . '/' . $file);
        $parts = array_map(static fn (string $pattern): string => preg_match($pattern, $text, $match) === 1
            ? $match[1] : throw new RuntimeException("$file of $name has no $pattern"), $patterns);
        return implode('.', $parts);
    }

    /** @return list<array{depth: int, id: string, licence: string}> */
    private function tree(string $target, string $edges): array
    {
        $lines = $this->cargo(['tree', '--locked', ...self::FEATURES[$this->what], '-e', $edges, '--target', $target, '--prefix', 'depth', '-f', ' {p}|{l}']);
        preg_match_all('/^(\d+) (\S+) v(\S+)[^|\n]*\|([^\n]*?)(?: \(\*\))?$/m', $lines, $rows, PREG_SET_ORDER);
        return array_map(static fn (array $row): array => [
            'depth' => (int) $row[1],
            'id' => $row[2] . ' ' . $row[3],
            'licence' => (string) preg_replace('~ ?/ ?~', ' OR ', $row[4]),
        ], $rows);
    }

    /** @return array<string, string> the directories of the crates' sources, by "name version" */
    private function places(string $target): array
    {
        $metadata = json_decode($this->cargo(['metadata', '--locked', ...self::FEATURES[$this->what], '--format-version', '1', '--filter-platform', $target]), true);
        $places = [];
        foreach ($metadata['packages'] as $package) {
            $places[$package['name'] . ' ' . $package['version']] = dirname($package['manifest_path']);
        }
        return $places;
    }

    /** @return array<string, string> */
    private function sums(): array
    {
        $lock = (string) file_get_contents($this->root . '/Cargo.lock');
        preg_match_all('/^name = "(.+)"\nversion = "(.+)"\nsource = .*\nchecksum = "([0-9a-f]{64})"$/m', $lock, $rows, PREG_SET_ORDER);
        $sums = [];
        foreach ($rows as [, $name, $version, $sum]) {
            $sums["$name $version"] = $sum;
        }
        return $sums;
    }

    /** @param list<string> $arguments */
    private function cargo(array $arguments): string
    {
        $command = implode(' ', array_map(escapeshellarg(...), [getenv('CARGO') ?: 'cargo', ...$arguments]));
        exec('cd ' . escapeshellarg($this->root) . ' && ' . $command, $lines, $code);
        return $code === 0 ? implode("\n", $lines) . "\n" : throw new RuntimeException("$command: exit code $code");
    }
}
