<?php

/**
 * Loads the classes of this library in a host without Composer: require it once.
 * The prefixes and the five classes by name are those of composer.json. The PSR interfaces are the host's.
 */

declare(strict_types=1);

require __DIR__ . '/version.php';

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
    $namespace = 'Netresearch\\NrVault\\Service\\';
    $files = [
        $namespace . 'HttpMethods' => __DIR__ . '/src/Service/HttpMethods.php',
        $namespace . 'SecureHttpClient' => __DIR__ . '/src/Service/SecureHttpClient.php',
        $namespace . 'SecureHttpClientInterface' => __DIR__ . '/src/Service/SecureHttpClientInterface.php',
        $namespace . 'SecureHttpStreamClientInterface' => __DIR__ . '/src/Service/SecureHttpStreamClientInterface.php',
        $namespace . 'SecureHttpResponse' => __DIR__ . '/src/Service/SecureHttpResponse.php',
    ];
    if (isset($files[$class])) {
        require $files[$class];
    }
});
