<?php

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Tests\Support\Server\MariaDb;
use TYPO3\TestingFramework\Core\Testbase;

(static function (): void {
    // PHPUnit with the classes of one version of TYPO3: .ci/typo3 installs them and passes their path.
    $testbase = new Testbase();
    $testbase->defineOriginalRootPath();
    $testbase->createDirectory($testbase->getWebRoot() . 'typo3temp/var/tests');
    $testbase->createDirectory($testbase->getWebRoot() . 'typo3temp/var/transient');

    if (getenv('TYPO3_DATABASE') !== 'mariadb') {
        putenv('typo3DatabaseDriver=pdo_sqlite');
        return;
    }
    $server = new MariaDb();
    register_shutdown_function($server->stop(...));
    $socket = (string) preg_replace('/\Amysql:unix_socket=([^;]+).*\z/', '$1', $server->dsn);
    foreach (['Driver' => 'mysqli', 'Name' => 'outbound', 'Username' => 'root', 'Socket' => $socket] as $key => $value) {
        putenv("typo3Database$key=$value");
    }
})();
