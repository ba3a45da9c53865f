<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

/**
 * How this command was installed: the command that does so again, and where its pages are.
 *
 * @internal
 */
final class Installation
{
    /** The directory with preload.php, autoload.php and the like. Where they are installed, those of one version of the classes are in one below it. */
    public static function directory(): string
    {
        $package = dirname(__DIR__, 4);
        return is_file($package . '/preload.php') || !is_file(dirname($package) . '/preload.php') ? $package : dirname($package);
    }

    /** Installs the library: with its package, below the prefix of this command, or from the source directory in which it runs. */
    public static function install(): string
    {
        $package = self::directory();
        if (self::isOfDpkg()) {
            return 'apt-get install --reinstall ./secure-outbound_*.deb';
        }
        if (self::isOfRpm()) {
            return 'dnf reinstall secure-outbound';
        }
        if (preg_match('~^(.+)/share/secure-outbound/php$~D', $package, $match) === 1) {
            return 'make install PREFIX=' . $match[1];
        }
        $makefile = is_file(dirname($package) . '/Makefile') ? ' -C ' . escapeshellarg(dirname($package)) : '';
        return 'make' . $makefile . ' install PREFIX=/usr/local';
    }

    /** Whether this command was installed by a package of the system. */
    public static function isPackaged(): bool
    {
        return self::isOfDpkg() || self::isOfRpm();
    }

    /** The path of a page of docs/ on this host. */
    public static function page(string $name): string
    {
        $package = self::directory();
        foreach ([dirname($package, 2) . '/doc/secure-outbound/docs/', dirname($package) . '/docs/'] as $directory) {
            if (is_file($directory . $name)) {
                return $directory . $name;
            }
        }
        return 'docs/' . $name;
    }

    private static function isOfDpkg(): bool
    {
        return self::isWherePackagesAre() && is_file('/var/lib/dpkg/info/secure-outbound.list');
    }

    /** Only rpm itself can read its database, so any such system counts. */
    private static function isOfRpm(): bool
    {
        return self::isWherePackagesAre() && (is_file('/var/lib/rpm/rpmdb.sqlite') || is_file('/usr/lib/sysimage/rpm/rpmdb.sqlite'));
    }

    private static function isWherePackagesAre(): bool
    {
        return self::directory() === '/usr/share/secure-outbound/php';
    }
}
