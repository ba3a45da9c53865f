<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\NativeLibrary;
use Netresearch\NrVault\Transport\Rust\LibraryLocator;
use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * Checks the library and its header: their files, and the versions that they report.
 *
 * @internal
 */
final class LibraryFiles
{
    private const HEADER = '/include/secure_outbound.h';

    /** The path of the library that is bound; null if none is. */
    public readonly ?string $library;

    /** Why the library is not bound, if PHP can work without it then; null if it is bound, or has another version. */
    public readonly ?string $missing;

    /** @var list<Finding> */
    public readonly array $findings;

    /**
     * @param string|null $library path from the caller
     * @param string|null $header path of the header from the caller; null: that of the worker, or the one that is installed
     *        beside the library
     * @param string|null $ofWorker path of the header that a worker preloads, according to the worker
     */
    public function __construct(?string $library, ?string $header, ?string $ofWorker = null)
    {
        $file = LibraryLocator::locate($library);
        [$this->library, $findings] = self::bind($file);
        $first = $findings[0];
        $this->missing = $first->code === 'library.file' && $first->verdict === 'critical' ? $first->message : null;
        $place = $this->library ?? $file;
        $beside = str_contains($place, '/') ? self::prefixOf($place) . self::HEADER : null;
        $this->findings = [...$findings, ...($header === null && $ofWorker !== null
            ? self::headerOfWorker($ofWorker, $this->library)
            : self::header($header ?? $beside, $this->library))];
    }

    /**
     * @return array{string|null, list<Finding>}
     */
    private static function bind(string $file): array
    {
        $named = str_contains($file, '/');
        if ($named && !is_file($file)) {
            return [null, [Finding::critical('library.file', 'There is no library at ' . $file . '.', self::locate())]];
        }
        try {
            NativeLibrary::bind($file);
        } catch (\RuntimeException $failure) {
            $remedy = $failure->getCode() === NativeLibrary::WRONG_VERSION ? Installation::install() : self::locate();
            $code = $failure->getCode() === NativeLibrary::WRONG_VERSION ? 'library.abi' : 'library.file';
            $found = $named ? self::owner('library', $file) : [];
            return [null, [Finding::critical($code, $failure->getMessage(), $remedy), ...$found]];
        }
        $path = $named ? (string) realpath($file) : self::mapped();
        return [$path, [
            Finding::ok('library.file', 'The library is ' . ($path ?? $file) . '.'),
            Finding::ok(
                'library.abi',
                'It is version ' . NativeLibrary::version() . ' and speaks ABI version ' . NativeLibrary::ABI . '.',
            ),
            ...($path === null ? [] : self::owner('library', $path)),
        ]];
    }

    /** The installed header, which is beside the library; php-fpm has to preload it. */
    public static function installedHeader(): string
    {
        $library = LibraryLocator::locate();
        $prefix = str_contains($library, '/') ? self::prefixOf($library) : '/usr/local';
        return (is_file($prefix . self::HEADER) ? $prefix : '/usr/local') . self::HEADER;
    }

    /** The prefix below which a library is installed. Packages have a directory of their own in lib, `make install` has none. */
    private static function prefixOf(string $library): string
    {
        return dirname($library, basename(dirname($library)) === 'secure-outbound' ? 3 : 2);
    }

    private static function locate(): string
    {
        return Installation::install() . '   # or name it: --library=PATH, SECURE_OUTBOUND_LIBRARY';
    }

    /** The path at which the dynamic loader found the library. */
    private static function mapped(): ?string
    {
        $maps = (string) LocalFile::read('/proc/self/maps');
        return preg_match('~ (/\S*/libsecure_outbound\.so\S*)$~m', $maps, $match) === 1 ? $match[1] : null;
    }

    /**
     * @return list<Finding>
     */
    private static function header(?string $header, ?string $library): array
    {
        if ($header === null || !is_file($header) || !is_readable($header)) {
            $where = $header === null ? '' : ' at ' . $header;
            return [Finding::warning(
                'header.file',
                'There is no readable header' . $where . '; php-fpm needs one, the command line does not.',
                Installation::install() . '   # or name it: --header=PATH',
            )];
        }
        $text = (string) file_get_contents($header);
        return [
            Finding::ok('header.file', 'The header is ' . $header . '.'),
            self::headerAbi($text),
            self::headerLibrary($text, $library),
            ...self::owner('header', $header),
        ];
    }

    /**
     * Any program may listen at the socket and name any file. A file that does not belong to root is therefore neither read nor
     * named in a remedy.
     *
     * @return list<Finding>
     */
    private static function headerOfWorker(string $header, ?string $library): array
    {
        // The file that was checked is the one that is read, even if a link of that name is changed in between.
        $real = str_starts_with($header, '/') ? realpath($header) : false;
        $path = $real === false ? $header : $real;
        $owner = is_file($path) ? self::owner('header', $path)[0] : null;
        return $owner?->verdict !== Finding::CRITICAL ? self::header($path, $library) : [Finding::critical(
            'header.owner',
            $owner->message . ' The worker names the header ' . $header . ', which was not read.',
            'ls -ld ' . escapeshellarg($header) . '   # is it what ffi.preload of php-fpm names? Or name the header: --header=PATH',
        )];
    }

    private static function headerAbi(string $text): Finding
    {
        preg_match('/The C ABI of secure-outbound, version (\d+)/', $text, $match);
        $declared = (int) ($match[1] ?? 0);
        if ($declared !== NativeLibrary::ABI) {
            $message = sprintf('The header is of ABI version %d, this package of %d.', $declared, NativeLibrary::ABI);
            return Finding::critical('header.abi', $message, Installation::install());
        }
        $functions = static function (string $declarations): array {
            preg_match_all('/\b(secure_outbound_[a-z_]+)\(/', $declarations, $names);
            return $names[1];
        };
        $used = (new \ReflectionClass(NativeLibrary::class))->getConstant('DECLARATIONS');
        $missing = array_diff($functions(is_string($used) ? $used : ''), $functions($text));
        if ($missing !== []) {
            $message = 'The header does not declare ' . implode(', ', $missing) . '.';
            return Finding::critical('header.abi', $message, Installation::install());
        }
        return Finding::ok('header.abi', 'It is of ABI version ' . $declared . '.');
    }

    private static function headerLibrary(string $text, ?string $library): Finding
    {
        $remedy = Installation::install() . '   # which writes the path into the header';
        if (preg_match('/\A#define FFI_SCOPE "SECURE_OUTBOUND"\r?\n#define FFI_LIB "([^"]*)"/', $text, $match) !== 1) {
            $message = 'The header does not begin with FFI_SCOPE and FFI_LIB, so PHP does not see them.';
            return Finding::critical('header.ffi_lib', $message, $remedy);
        }
        $path = $match[1];
        if (!str_starts_with($path, '/')) {
            $message = 'FFI_LIB of the header is "' . $path . '", which is no absolute path.';
            return Finding::critical('header.ffi_lib', $message, $remedy);
        }
        if (!is_file($path)) {
            return Finding::critical('header.ffi_lib', 'FFI_LIB names ' . $path . ', where nothing is.', $remedy);
        }
        if ($library !== null && realpath($path) !== realpath($library)) {
            $message = 'FFI_LIB names ' . $path . ', the command line uses ' . $library . '.';
            return Finding::warning('header.ffi_lib', $message, 'export SECURE_OUTBOUND_LIBRARY=' . escapeshellarg($path) . '   # so that both are one');
        }
        return Finding::ok('header.ffi_lib', 'FFI_LIB names ' . $path . '.');
    }

    /**
     * php-fpm opens both files as root. A user who can replace one of them, or a directory above, can run code as root.
     *
     * @return list<Finding>
     */
    private static function owner(string $area, string $file): array
    {
        $path = (string) realpath($file);
        $code = $area . '.owner';
        $worst = null;
        for ($place = $path;; $place = dirname($place)) {
            $state = Quiet::call(static fn () => stat($place));
            if ($state === false) {
                $message = 'Who can replace ' . $file . ' is not known: it is gone, or cannot be looked at.';
                return [Finding::critical($code, $message, 'ls -ld ' . escapeshellarg($file))];
            }
            // In a sticky directory like /tmp, users cannot replace files of others.
            $sticky = is_dir($place) && ($state['mode'] & 01000) !== 0;
            if ($state['uid'] !== 0) {
                return [Finding::critical($code, $place . ' does not belong to root.', 'chown root:root ' . escapeshellarg($place))];
            }
            if (($state['mode'] & 0002) !== 0 && !$sticky) {
                return [Finding::critical($code, $place . ' can be written by everybody.', 'chmod o-w ' . escapeshellarg($place))];
            }
            if (($state['mode'] & 0020) !== 0 && $state['gid'] !== 0 && !$sticky) {
                $worst ??= Finding::warning($code, $place . ' can be written by its group.', 'chmod g-w ' . escapeshellarg($place));
            }
            if ($place === '/') {
                return [$worst ?? Finding::ok($code, $path . ' and the directories above it are root\'s.')];
            }
        }
    }
}
