<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Process;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * The library, the header and php/ as installed on a host, in a directory that a web server's user may read. FFI_LIB in the header is an
 * absolute path.
 */
final class Installation
{
    public readonly string $library;
    public readonly string $header;
    public readonly string $php;

    public function __construct(private readonly TempDir $directory)
    {
        $this->library = $directory->path . '/lib/libsecure_outbound.so';
        $this->php = $directory->path . '/php';
        $this->replaceLibrary();
        $this->header = $directory->write('include/secure_outbound.h', (string) preg_replace(
            '/^#define FFI_LIB .*$/m',
            '#define FFI_LIB "' . $this->library . '"',
            (string) file_get_contents(Build::header()),
        ));
        $this->copyTree(Build::php() . '/src', 'php/src');
        foreach (['autoload.php', 'version.php', 'preload.php', 'preload-all.php', 'diagnose.php', 'composer.json', 'bin/secure-outbound'] as $file) {
            $directory->write('php/' . $file, (string) file_get_contents(Build::php() . '/' . $file));
        }
    }

    /** Puts a copy of the built library in place, by rename as an update does. Returns its inode. */
    public function replaceLibrary(): int
    {
        $new = $this->directory->write('lib/.new', (string) file_get_contents(Build::library()), 0755);
        rename($new, $this->library);
        clearstatcache();
        return (int) fileinode($this->library);
    }

    /** Gives a copy of the package another version, by rename as an update does. */
    public function updatePackage(string $version, string $package = 'php'): void
    {
        foreach (['version.php', 'src/Transport/PackageVersion.php'] as $file) {
            $path = $this->directory->path . '/' . $package . '/' . $file;
            $new = preg_replace("/'[0-9.]+'/", "'" . $version . "'", (string) file_get_contents($path), count: $count);
            if ($count !== 1) {
                throw new \RuntimeException($path . ' has no version.');
            }
            $written = $this->directory->write($package . '/.new', (string) $new);
            // opcache compares modification times in whole seconds.
            touch($written, (int) filemtime($path) + 1);
            rename($written, $path);
        }
    }

    /** Copies a directory of scripts into the installation. Returns the path of the copy. */
    public function copyTree(string $from, string $to): string
    {
        $files = new \RecursiveIteratorIterator(new \RecursiveDirectoryIterator($from, \FilesystemIterator::SKIP_DOTS));
        foreach ($files as $file) {
            $name = $to . '/' . substr($file->getPathname(), strlen($from) + 1);
            $this->directory->write($name, (string) file_get_contents($file->getPathname()));
        }
        return $this->directory->path . '/' . $to;
    }
}
