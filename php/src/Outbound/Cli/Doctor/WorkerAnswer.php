<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\Functions;

/**
 * What a worker may answer. Whoever listens at the socket writes it, and root pastes lines that are made of it: so nothing
 * is taken that diagnose.php could not have said about what it was asked.
 *
 * @internal
 */
final readonly class WorkerAnswer
{
    private const CODE = '~\A[a-z0-9_]+(\.[a-z0-9_]+)*\z~';

    private const PATHS = '~\A[\w./:+-]*\z~';

    private const TYPES = [
        'sapi' => 'string',
        'version' => 'string',
        'zts' => 'bool',
        'user' => 'int|null',
        'pid' => 'int',
        'ini' => 'array',
        'extensions' => 'array',
        'functions' => 'array',
        'preloaded' => 'bool',
        'api' => 'int',
        'abi' => 'int',
        'library' => 'string|null',
        'failure' => 'string|null',
        'mismatch' => 'bool',
        'mapped' => 'array|null',
        'checks' => 'bool',
        'open' => 'array|null',
        'denied' => 'array',
        'credentials' => 'array|null',
        'audit' => 'array|null',
    ];

    private const INI = ['ffi.enable', 'ffi.preload', 'opcache.enable', 'opcache.preload', 'open_basedir'];

    /**
     * @param array<mixed> $told
     * @param array<string, string> $files that the worker was asked about
     * @param list<string> $ids of the keys in the configuration
     */
    private function __construct(private array $told, private array $files, private array $ids)
    {
    }

    /**
     * @param array<mixed> $told
     * @param array<string, string> $files that the worker was asked about, as WorkerProbe::look() has them
     * @param list<string> $ids of the keys in the configuration
     * @return string|null the member that diagnose.php would not have written so; null where it may have written all
     */
    public static function flaw(array $told, array $files, array $ids): ?string
    {
        return (new self($told, $files, $ids))->find();
    }

    private function find(): ?string
    {
        foreach (self::TYPES as $name => $types) {
            if (!self::is($this->told[$name] ?? null, $types)) {
                return $name;
            }
        }
        $told = $this->told;
        return match (false) {
            $told['sapi'] === 'fpm-fcgi' => 'sapi',
            preg_match('~\A\d+\.\d+[\w.+-]*\z~', $told['version']) === 1 => 'version',
            $this->isIni($told['ini']) => 'ini',
            self::has($told['extensions'], array_fill_keys(['ffi', 'opcache', 'curl', 'sockets'], 'bool')) => 'extensions',
            $this->isFunctions($told['functions']) => 'functions',
            $told['mapped'] === null || self::has($told['mapped'], ['inode' => 'int', 'path' => 'string', 'deleted' => 'bool']) => 'mapped',
            $told['open'] === null || self::isOpen($told['open']) => 'open',
            $this->isDenied($told['denied']) => 'denied',
            $told['credentials'] === null || $this->isCredentials($told['credentials']) => 'credentials',
            $told['audit'] === null || $this->isAudit($told['audit']) => 'audit',
            default => null,
        };
    }

    /** @param array<mixed> $ini */
    private function isIni(array $ini): bool
    {
        return self::has($ini, array_fill_keys(self::INI, 'string'))
            && preg_match(self::PATHS, $ini['ffi.preload']) === 1
            && preg_match(self::PATHS, $ini['opcache.preload']) === 1
            && preg_match(self::PATHS, $ini['open_basedir']) === 1;
    }

    /** @param array<mixed> $functions */
    private function isFunctions(array $functions): bool
    {
        return self::has($functions, ['client' => 'array', 'php' => 'array'])
            && self::areAmong($functions['client'], Functions::names())
            && self::areAmong($functions['php'], Functions::names());
    }

    /** @param array<mixed> $head */
    private static function isOpen(array $head): bool
    {
        $isNotice = static fn (mixed $notice): bool => is_array($notice)
            && self::has($notice, ['code' => 'string', 'message' => 'string'])
            && preg_match(self::CODE, $notice['code']) === 1;
        $warnings = $head['warnings'] ?? [];
        return (!isset($head['error']) || $isNotice($head['error']))
            && is_array($warnings) && array_filter($warnings, $isNotice) === $warnings;
    }

    /** @param array<mixed> $denied */
    private function isDenied(array $denied): bool
    {
        foreach ($denied as $name => $why) {
            if (!isset($this->files[$name]) || !self::isWhy($why, $this->files[$name])) {
                return false;
            }
        }
        return true;
    }

    /** @param array<mixed> $told */
    private function isCredentials(array $told): bool
    {
        $types = ['checked' => 'int', 'unchecked' => 'int', 'problems' => 'array', 'key_ids' => 'array'];
        return isset($this->files['credentials'], $this->files['registry'], $this->files['config'])
            && self::has($told, $types)
            // The doctor's user may not read what the worker reads.
            && self::areAmong($told['key_ids'], $this->ids === [] ? array_filter($told['key_ids'], is_string(...)) : $this->ids)
            && array_filter($told['problems'], $this->isProblem(...)) === $told['problems'];
    }

    private function isProblem(mixed $problem): bool
    {
        return is_array($problem)
            && self::has($problem, ['service' => 'string', 'identifier' => 'string', 'code' => 'string'])
            && preg_match(self::CODE, $problem['code']) === 1
            && self::isWhy($problem['denied'] ?? null, $this->files['credentials'] . '/' . $problem['identifier'])
            && is_array($problem['methods'] ?? [])
            && array_filter($problem['methods'] ?? [], is_string(...)) === ($problem['methods'] ?? []);
    }

    /** @param array<mixed> $told */
    private function isAudit(array $told): bool
    {
        return isset($this->files['audit'])
            && self::is($told['message'] ?? null, 'string|null')
            && self::isWhy($told['denied'] ?? null, $this->files['audit']);
    }

    /** Whether this is why a file cannot be read: null, or at the file or a directory above it. */
    private static function isWhy(mixed $why, string $file): bool
    {
        return $why === null || (is_array($why)
            && self::has($why, ['reason' => 'string', 'at' => 'string'])
            && in_array($why['reason'], ['open_basedir', 'missing', 'denied'], true)
            && $why['at'] !== ''
            && str_starts_with($file . '/', $why['at'] . '/'));
    }

    /**
     * @param array<mixed> $values
     * @param array<string, string> $types
     */
    private static function has(array $values, array $types): bool
    {
        foreach ($types as $name => $type) {
            if (!self::is($values[$name] ?? null, $type)) {
                return false;
            }
        }
        return true;
    }

    private static function is(mixed $value, string $types): bool
    {
        return in_array(get_debug_type($value), explode('|', $types), true);
    }

    /**
     * @param array<mixed> $names
     * @param list<string> $known
     */
    private static function areAmong(array $names, array $known): bool
    {
        foreach ($names as $name) {
            if (!in_array($name, $known, true)) {
                return false;
            }
        }
        return array_is_list($names);
    }
}
