<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\Functions;

/**
 * Checks PHP's settings: those of this process, or those that a worker has reported.
 *
 * @internal
 */
final class PhpSettings
{
    private const OLDEST = '8.2.0';

    /** Extension => what it is needed for, and whether every call needs it. */
    private const EXTENSIONS = [
        'ffi' => ['the library is called through it', true],
        'sodium' => ['secure-outbound seal and the transport in PHP need it', false],
        'curl' => ['the transport in PHP sends through it', false],
        'sockets' => ['the transport in PHP resolves names through it', false],
    ];

    /**
     * The PHP that runs the doctor.
     *
     * @return list<Finding>
     */
    public static function ofThisProcess(Remedies $remedies): array
    {
        $findings = [self::version('php', PHP_VERSION), self::functions('php', self::missing(), $remedies)];
        foreach (self::EXTENSIONS as $name => [$use, $vital]) {
            $findings[] = self::extension('php', $name, extension_loaded($name), $use, $vital, $remedies);
        }
        if (extension_loaded('ffi')) {
            $findings[] = self::isOff((string) ini_get('ffi.enable'))
                ? Finding::critical('php.ffi_enable', 'ffi.enable is off on the command line.', $remedies->cliIni('ffi.enable = preload'))
                : Finding::ok('php.ffi_enable', 'ffi.enable is ' . ini_get('ffi.enable') . '; the command line is not '
                    . 'restricted by it.');
            $findings[] = (string) ini_get('ffi.preload') === ''
                ? Finding::ok('php.ffi_preload', 'The command line preloads no header, and need not.')
                : Finding::warning(
                    'php.ffi_preload',
                    'ffi.preload is set for the command line: a broken library keeps every php from starting.',
                    $remedies->withoutCliSetting('ffi.preload') . ' && ' . $remedies->fpmIni('ffi.preload = ' . ini_get('ffi.preload')),
                );
        }
        return $findings;
    }

    /**
     * @param string|null $missing why there is no library; null if there is one
     * @param array<string, mixed> $config of the transport
     * @return list<Finding>
     */
    public static function transportOfThisProcess(?string $missing, #[\SensitiveParameter] array $config, Remedies $remedies): array
    {
        $canSend = extension_loaded('curl') && extension_loaded('sockets') && Functions::missing(true) === [];
        return $missing === null ? [] : [self::transport('php', $missing, $canSend, $config, $remedies, self::missing())];
    }

    /**
     * Which transport services with transport "auto" use if the library is not bound.
     *
     * @param string $reason why it is not bound
     * @param array<string, mixed> $config of the transport
     * @param array{client: list<string>, php: list<string>} $missing functions
     */
    public static function transport(
        string $area,
        string $reason,
        bool $canSend,
        #[\SensitiveParameter] array $config,
        Remedies $remedies,
        array $missing,
    ): Finding {
        $code = $area . '.transport';
        // A worker with correct settings binds the installed library after a reload.
        $bind = $area === 'fpm' ? $remedies->reload() : Installation::install();
        return match (true) {
            ($config['php_transport'] ?? true) === false => Finding::critical(
                $code,
                'No call can be made: php_transport is false, and the library is not bound: ' . $reason,
                $bind . '   # after what else is named here',
            ),
            $canSend => Finding::warning(
                $code,
                'Services with transport auto go through PHP, which opens their credentials itself: ' . $reason,
                $bind . '   # after what else is named here; "php_transport": false, where PHP must never open any',
            ),
            $missing['php'] !== [] => Finding::critical(
                $code,
                'No call can be made: the library is not bound, and disable_functions takes the transport in PHP away.',
                $remedies->allowFunctions($area, $missing['php']),
            ),
            default => Finding::critical(
                $code,
                'No call can be made: the library is not bound, and the transport in PHP lacks curl or sockets.',
                $remedies->extension('curl') . ' sockets',
            ),
        };
    }

    public static function version(string $area, string $version): Finding
    {
        return version_compare($version, self::OLDEST, '>=')
            ? Finding::ok($area . '.version', 'PHP ' . $version . '.')
            : Finding::critical($area . '.version', 'PHP ' . $version . ' is too old.', 'apt-get install php-cli php-fpm   # 8.2 or newer');
    }

    /**
     * Functions that are missing for calls through the library, and for PhpTransport; those of extensions that are not loaded do
     * not count.
     *
     * @return array{client: list<string>, php: list<string>}
     */
    public static function missing(): array
    {
        return ['client' => Functions::missing(), 'php' => Functions::missing(true)];
    }

    /**
     * @param array{client: list<string>, php: list<string>} $missing
     */
    public static function functions(string $area, array $missing, Remedies $remedies): Finding
    {
        $code = $area . '.functions';
        return match (true) {
            $missing['client'] !== [] => Finding::critical(
                $code,
                'No call can be made, for disable_functions takes away ' . implode(', ', $missing['client']) . '.',
                $remedies->allowFunctions($area, [...$missing['client'], ...array_diff($missing['php'], $missing['client'])]),
            ),
            $missing['php'] !== [] => Finding::warning(
                $code,
                'The transport in PHP is not there, for disable_functions takes away ' . implode(', ', $missing['php']) . '.',
                $remedies->allowFunctions($area, $missing['php']),
            ),
            default => Finding::ok($code, 'PHP has every function that a call needs.'),
        };
    }

    public static function extension(
        string $area,
        string $name,
        bool $loaded,
        string $use,
        bool $vital,
        Remedies $remedies,
    ): Finding {
        $code = $area . '.extension.' . $name;
        return match (true) {
            $loaded => Finding::ok($code, 'The extension ' . $name . ' is loaded.'),
            $vital => Finding::critical(
                $code,
                'The extension ' . $name . ' is not loaded; ' . $use . '.',
                $remedies->extension($name),
            ),
            default => Finding::warning(
                $code,
                'The extension ' . $name . ' is not loaded; ' . $use . '.',
                $remedies->extension($name),
            ),
        };
    }

    public static function isOff(string $value): bool
    {
        return in_array(strtolower($value), ['', '0', 'off', 'no', 'false'], true);
    }
}
