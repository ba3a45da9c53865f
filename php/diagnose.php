<?php

/**
 * What a worker of php-fpm knows about itself, for `secure-outbound doctor --fpm-socket=PATH`. It changes nothing.
 *
 * It responds to the doctor only: a web server hands what its clients send to PHP as HTTP_…, so none can set the variable, and
 * says in one of the others whom it serves.
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Cli\Doctor\OwnProcess;
use Netresearch\NrVault\Transport\NativeLibrary;

(static function (): void {
    $ofAWebServer = ['REMOTE_ADDR', 'REMOTE_PORT', 'SERVER_ADDR', 'SERVER_NAME', 'SERVER_SOFTWARE', 'HTTP_HOST'];
    if (
        PHP_SAPI !== 'fpm-fcgi'
        || ($_SERVER['SECURE_OUTBOUND_DOCTOR'] ?? '') !== '1'
        || array_intersect_key($_SERVER, array_flip($ofAWebServer)) !== []
    ) {
        http_response_code(404);
        return;
    }
    ini_set('display_errors', '0');
    $preloaded = class_exists(NativeLibrary::class, false);
    require_once __DIR__ . '/autoload.php';

    $asked = json_decode((string) file_get_contents('php://input'), true);
    $report = OwnProcess::report($preloaded, is_array($asked) ? $asked : []);
    header('Content-Type: application/json');
    echo json_encode($report, JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE);
})();
