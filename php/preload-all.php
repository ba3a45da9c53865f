<?php

/**
 * In the place of preload.php, for a php-fpm whose sites all have this one copy of the package: it loads what a call needs as well,
 * which then costs a request nothing.
 *
 *     opcache.preload = /usr/local/share/secure-outbound/php/preload-all.php
 *
 * The other settings are those of preload.php. After an update each call is configuration.transport_unavailable until PHP is
 * reloaded, because the preloaded classes are those of the version before.
 */

declare(strict_types=1);

require_once __DIR__ . '/preload.php';

(static function (): void {
    // autoload.php would be preloaded as well, and what is preloaded is never read again.
    $load = static function (string $class): void {
        $file = __DIR__ . '/src/' . strtr(substr($class, strlen('Netresearch\\NrVault\\')), '\\', '/') . '.php';
        if (str_starts_with($class, 'Netresearch\\NrVault\\') && is_file($file)) {
            require_once $file;
        }
    };
    spl_autoload_register($load);
    $sources = new RecursiveDirectoryIterator(__DIR__ . '/src', FilesystemIterator::SKIP_DOTS);
    foreach (new RecursiveIteratorIterator($sources) as $file) {
        $name = $file instanceof SplFileInfo ? substr($file->getPathname(), strlen(__DIR__ . '/src/'), -strlen('.php')) : '';
        // Programs, doubles, and what needs interfaces of the host.
        if (preg_match('~^Outbound/(Cli|Testing|Guzzle|Psr18|Stream|Stripe|Symfony)/~', $name) !== 1) {
            class_exists('Netresearch\\NrVault\\' . strtr($name, '/', '\\'));
        }
    }
    spl_autoload_unregister($load);
})();
