<?php

/**
 * Loads the classes of this library in a host without Composer: require it once.
 * The prefixes are those of composer.json.
 */

declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    $prefixes = [
        'Netresearch\\NrVault\\Transport\\' => __DIR__ . '/src/Transport/',
        'Netresearch\\NrVault\\Outbound\\' => __DIR__ . '/src/Outbound/',
    ];
    foreach ($prefixes as $prefix => $directory) {
        if (str_starts_with($class, $prefix)) {
            $file = $directory . strtr(substr($class, strlen($prefix)), '\\', '/') . '.php';
            if (is_file($file)) {
                require $file;
            }
            return;
        }
    }
});
