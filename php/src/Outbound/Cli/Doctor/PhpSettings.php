<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

/**
 * PHP itself, by values that its process or a worker told.
 *
 * @internal
 */
final class PhpSettings
{
    private const OLDEST = '8.2.0';

    /** Extension => what it is needed for; and whether nothing goes without it. */
    private const EXTENSIONS = [
        'ffi' => ['the library is called through it', true],
        'sodium' => ['secure-outbound seal needs it', false],
    ];

    /**
     * The PHP that runs the doctor.
     *
     * @return list<Finding>
     */
    public static function ofThisProcess(): array
    {
        $findings = [self::version('php', PHP_VERSION)];
        foreach (self::EXTENSIONS as $name => [$use, $vital]) {
            $findings[] = self::extension('php', $name, extension_loaded($name), $use, $vital);
        }
        if (extension_loaded('ffi')) {
            $findings[] = self::isOff((string) ini_get('ffi.enable'))
                ? Finding::critical('php.ffi_enable', 'ffi.enable is off on the command line.', 'ffi.enable = preload')
                : Finding::ok('php.ffi_enable', 'ffi.enable is ' . ini_get('ffi.enable') . '; the command line is not '
                    . 'restricted by it.');
            $findings[] = (string) ini_get('ffi.preload') === ''
                ? Finding::ok('php.ffi_preload', 'The command line preloads no header, and need not.')
                : Finding::warning(
                    'php.ffi_preload',
                    'ffi.preload is set for the command line: a broken library keeps every php from starting.',
                    "Move the line to php-fpm's own directory, /etc/php/8.2/fpm/conf.d/.",
                );
        }
        return $findings;
    }

    public static function version(string $area, string $version): Finding
    {
        return version_compare($version, self::OLDEST, '>=')
            ? Finding::ok($area . '.version', 'PHP ' . $version . '.')
            : Finding::critical($area . '.version', 'PHP ' . $version . ' is too old.', 'Install PHP 8.2 or newer.');
    }

    public static function extension(string $area, string $name, bool $loaded, string $use, bool $vital): Finding
    {
        $code = $area . '.extension.' . $name;
        $package = ['ffi' => 'php8.2-common', 'sodium' => 'php8.2-common', 'opcache' => 'php8.2-opcache'][$name];
        return match (true) {
            $loaded => Finding::ok($code, 'The extension ' . $name . ' is loaded.'),
            $vital => Finding::critical(
                $code,
                'The extension ' . $name . ' is not loaded; ' . $use . '.',
                'apt-get install ' . $package . ' && phpenmod ' . $name,
            ),
            default => Finding::warning(
                $code,
                'The extension ' . $name . ' is not loaded; ' . $use . '.',
                'apt-get install ' . $package . ' && phpenmod ' . $name,
            ),
        };
    }

    public static function isOff(string $value): bool
    {
        return in_array(strtolower($value), ['', '0', 'off', 'no', 'false'], true);
    }
}
