<?php

declare(strict_types=1);

require_once __DIR__ . '/../autoload.php';
// php/vendor/bin/phpunit has Composer's packages; for Debian's phpunit there are Debian's, by the include path.
if (!interface_exists(\Psr\Http\Client\ClientInterface::class)) {
    require_once 'Psr/Log/autoload.php';
    require_once 'Psr/EventDispatcher/autoload.php';
    require_once 'Psr/Http/Client/autoload.php';
    require_once 'Psr/Http/Message/autoload.php';
    require_once 'Psr/Http/Message/factory-autoload.php';
    require_once 'GuzzleHttp/Psr7/autoload.php';
    require_once 'Symfony/Contracts/HttpClient/autoload.php';
}

// Guzzle 7 in the place of the Guzzle 8 of php/vendor, of which no class must be found.
if (getenv('GUZZLE') === '7') {
    foreach (['', 'Psr7\\', 'Promise\\'] as $part) {
        (require __DIR__ . '/../vendor/autoload.php')->setPsr4('GuzzleHttp\\' . $part, []);
    }
    require_once __DIR__ . '/../vendor/guzzle-7/autoload.php';
}

spl_autoload_register(static function (string $class): void {
    $prefix = 'Netresearch\\NrVault\\Outbound\\Tests\\';
    if (str_starts_with($class, $prefix)) {
        require __DIR__ . '/' . strtr(substr($class, strlen($prefix)), '\\', '/') . '.php';
    }
});
