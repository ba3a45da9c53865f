<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\Functions;
use Netresearch\NrVault\Transport\Text\JsonObject;

/**
 * The response of a worker. Any program may listen at the socket, and root pastes commands that contain parts of the response: so
 * only values are accepted that diagnose.php can return for this request.
 *
 * @phpstan-import-type Notice from EngineState
 * @phpstan-type Denied array{reason: string, at: string}
 * @phpstan-type Ini array{ffi_enable: string, ffi_preload: string, opcache_enable: string, opcache_preload: string, open_basedir: string}
 * @phpstan-type Problem array{service: string, identifier: string, code: string, denied: Denied|null, methods: list<string>}
 * @phpstan-type Credentials array{checked: int, unchecked: int, problems: list<Problem>, key_ids: list<string>}
 *
 * @internal
 */
final readonly class WorkerReport
{
    private const CODE = '~\A[a-z0-9_]+(\.[a-z0-9_]+)*\z~';

    private const PATHS = '~\A[\w./:+-]*\z~';

    private const REASONS = ['open_basedir', 'missing', 'denied', 'hidden', 'no_directory', 'owner', 'permissions'];

    public string $version;

    public bool $zts;

    public ?int $user;

    public int $pid;

    /** @var Ini */
    public array $ini;

    /** @var array{ffi: bool, opcache: bool, curl: bool, sockets: bool} */
    public array $extensions;

    /** @var array{client: list<string>, php: list<string>} missing functions */
    public array $functions;

    public bool $preloaded;

    public int $api;

    public int $abi;

    /** The version of the classes that a call uses in the worker. */
    public string $package;

    /** The version of the library; null if it is not bound. */
    public ?string $library;

    /** Why the library is not bound; null if it is. */
    public ?string $failure;

    public bool $mismatch;

    /** @var array{inode: int, path: string, deleted: bool}|null */
    public ?array $mapped;

    public bool $checks;

    public ?EngineState $open;

    /** @var array<string, Denied|null> by the name of a file; null if the worker can read it */
    public array $denied;

    /** @var Credentials|null */
    public ?array $credentials;

    /** @var array{message: string|null, denied: Denied|null}|null */
    public ?array $audit;

    /**
     * @param array<string, string> $files that the worker was asked about
     * @param list<string> $ids of the keys in the configuration
     */
    private function __construct(JsonObject $told, private array $files, array $ids)
    {
        $told->matching('sapi', '~\Afpm-fcgi\z~');
        $this->version = $told->matching('version', '~\A\d+\.\d+[\w.+-]*\z~');
        $this->zts = $told->bool('zts');
        $this->user = $told->intOrNull('user');
        $this->pid = $told->int('pid');
        $this->ini = self::ini($told->object('ini'));
        $extensions = $told->object('extensions');
        $this->extensions = [
            'ffi' => $extensions->bool('ffi'),
            'opcache' => $extensions->bool('opcache'),
            'curl' => $extensions->bool('curl'),
            'sockets' => $extensions->bool('sockets'),
        ];
        $functions = $told->object('functions');
        $this->functions = [
            'client' => self::among($functions, 'client', Functions::names()),
            'php' => self::among($functions, 'php', Functions::names()),
        ];
        $this->preloaded = $told->bool('preloaded');
        $this->api = $told->int('api');
        $this->abi = $told->int('abi');
        $this->package = $told->matching('package', '~\A\d+\.\d+[\w.+-]*\z~');
        $this->library = $told->stringOrNull('library');
        $this->failure = $told->stringOrNull('failure');
        $this->mismatch = $told->bool('mismatch');
        $mapped = $told->objectOrNull('mapped');
        $this->mapped = $mapped === null ? null : [
            'inode' => $mapped->int('inode'),
            'path' => $mapped->string('path'),
            'deleted' => $mapped->bool('deleted'),
        ];
        $this->checks = $told->bool('checks');
        $this->open = self::state($told->objectOrNull('open'));
        $this->denied = $this->deniedFiles($told->object('denied'));
        $this->credentials = $this->readCredentials($told->objectOrNull('credentials'), $ids);
        $audit = $told->objectOrNull('audit');
        $this->audit = $audit === null ? null : [
            'message' => $audit->stringOrNull('message'),
            'denied' => self::why($audit, 'denied', $files['audit'] ?? throw $audit->unexpected('audit')),
        ];
    }

    /**
     * @param array<mixed> $told
     * @param array<string, string> $files that the worker was asked about, as WorkerProbe::look() has them
     * @param list<string> $ids of the keys in the configuration
     * @throws \UnexpectedValueException with the name of the member that diagnose.php would not have written in this form
     */
    public static function read(array $told, array $files, array $ids): self
    {
        return new self(new JsonObject($told), $files, $ids);
    }

    /**
     * @return Ini
     */
    private static function ini(JsonObject $ini): array
    {
        return [
            'ffi_enable' => $ini->string('ffi.enable'),
            'ffi_preload' => $ini->matching('ffi.preload', self::PATHS),
            'opcache_enable' => $ini->string('opcache.enable'),
            'opcache_preload' => $ini->matching('opcache.preload', self::PATHS),
            'open_basedir' => $ini->matching('open_basedir', self::PATHS),
        ];
    }

    private static function state(?JsonObject $head): ?EngineState
    {
        $state = $head === null ? null : EngineState::read($head);
        foreach ($state === null ? [] : $state->notices() as $notice) {
            if (preg_match(self::CODE, $notice['code']) !== 1) {
                throw new \UnexpectedValueException('open');
            }
        }
        return $state;
    }

    /**
     * @return array<string, Denied|null>
     */
    private function deniedFiles(JsonObject $denied): array
    {
        $files = [];
        foreach ($denied->names() as $name) {
            $files[$name] = self::why($denied, $name, $this->files[$name] ?? throw $denied->unexpected($name));
        }
        return $files;
    }

    /**
     * @param list<string> $ids
     * @return Credentials|null
     */
    private function readCredentials(?JsonObject $told, array $ids): ?array
    {
        if ($told === null) {
            return null;
        }
        if (!isset($this->files['credentials'], $this->files['registry'], $this->files['config'])) {
            throw $told->unexpected('credentials');
        }
        return [
            'checked' => $told->int('checked'),
            'unchecked' => $told->int('unchecked'),
            'problems' => array_map($this->problem(...), $told->objects('problems')),
            // The doctor's user may not be able to read a configuration that the worker reads; then any ids are accepted.
            'key_ids' => $ids === [] ? $told->strings('key_ids') : self::among($told, 'key_ids', $ids),
        ];
    }

    /**
     * @return Problem
     */
    private function problem(JsonObject $problem): array
    {
        $identifier = $problem->string('identifier');
        return [
            'service' => $problem->string('service'),
            'identifier' => $identifier,
            'code' => $problem->matching('code', self::CODE),
            'denied' => self::why($problem, 'denied', $this->files['credentials'] . '/' . $identifier),
            'methods' => $problem->has('methods') ? $problem->strings('methods') : [],
        ];
    }

    /**
     * Why a file cannot be read: because of the file itself, or of a directory above it.
     *
     * @return Denied|null
     */
    private static function why(JsonObject $members, string $name, string $file): ?array
    {
        $why = $members->objectOrNull($name);
        if ($why === null) {
            return null;
        }
        $denied = ['reason' => $why->string('reason'), 'at' => $why->string('at')];
        $isOnTheWay = $denied['at'] !== '' && str_starts_with($file . '/', rtrim($denied['at'], '/') . '/');
        return $isOnTheWay && in_array($denied['reason'], self::REASONS, true) ? $denied : throw $why->unexpected($name);
    }

    /**
     * @param list<string> $known
     * @return list<string>
     */
    private static function among(JsonObject $members, string $name, array $known): array
    {
        $names = $members->strings($name);
        return array_diff($names, $known) === [] ? $names : throw $members->unexpected($name);
    }
}
