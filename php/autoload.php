<?php

/**
 * Loads the classes of this library in a host without Composer: require it once.
 * The prefixes and the five classes by name are those of composer.json. The PSR interfaces are the host's.
 */

declare(strict_types=1);

(static function (): void {
    // The directory of the other files. In an installed copy of this one it is that of this version, and after it comes the one in
    // which an update keeps them for requests that began before: packaging/install writes both here.
    $places = [__DIR__];

    // Between is_file() and the opening, an update may remove the file from the first directory; by then it is in the second one. PHP
    // warns of it, and "@" does not suffice, see Quiet.
    $hear = static fn (int $level, string $message): bool => str_starts_with($message, 'include(');
    $load = static function (string $file) use ($places, $hear): void {
        foreach ($places as $place) {
            if (!is_file($place . $file)) {
                continue;
            }
            set_error_handler($hear, E_WARNING);
            try {
                $loaded = include $place . $file;
            } finally {
                restore_error_handler();
            }
            if ($loaded !== false) {
                return;
            }
        }
        // A class that this version does not have is no fault, as it is none for any other autoloader.
        foreach ($places as $place) {
            if (is_file($place . '/version.php')) {
                return;
            }
        }
        throw new \Error($places[0] . ' is not there any more, since the package was updated more than once, or removed, while this '
            . 'process ran: start it again (php-fpm: reload it)');
    };

    $load('/version.php');

    spl_autoload_register(static function (string $class) use ($load): void {
        $prefixes = [
            'Netresearch\\NrVault\\Transport\\' => '/src/Transport/',
            'Netresearch\\NrVault\\Outbound\\' => '/src/Outbound/',
        ];
        foreach ($prefixes as $prefix => $directory) {
            if (str_starts_with($class, $prefix)) {
                $load($directory . strtr(substr($class, strlen($prefix)), '\\', '/') . '.php');
                return;
            }
        }
        $namespace = 'Netresearch\\NrVault\\Service\\';
        $files = [
            $namespace . 'HttpMethods' => '/src/Service/HttpMethods.php',
            $namespace . 'SecureHttpClient' => '/src/Service/SecureHttpClient.php',
            $namespace . 'SecureHttpClientInterface' => '/src/Service/SecureHttpClientInterface.php',
            $namespace . 'SecureHttpStreamClientInterface' => '/src/Service/SecureHttpStreamClientInterface.php',
            $namespace . 'SecureHttpResponse' => '/src/Service/SecureHttpResponse.php',
        ];
        if (isset($files[$class])) {
            $load($files[$class]);
        }
    });
})();
