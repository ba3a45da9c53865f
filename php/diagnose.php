<?php

/**
 * What a worker of php-fpm knows about itself, for `secure-outbound doctor --fpm-socket=PATH`. It changes nothing.
 *
 * It answers the doctor only: a web server hands what its clients send to PHP as HTTP_…, so none can set the variable, and
 * says in one of the others whom it serves.
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Cli\Doctor\CredentialProbe;
use Netresearch\NrVault\Outbound\Cli\Doctor\PhpSettings;
use Netresearch\NrVault\Outbound\Cli\Doctor\WorkerProbe;
use Netresearch\NrVault\Transport\NativeLibrary;
use Netresearch\NrVault\Transport\System\Quiet;

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

    $answer = [
        'sapi' => PHP_SAPI,
        'version' => PHP_VERSION,
        'zts' => (bool) PHP_ZTS,
        'user' => function_exists('posix_geteuid') ? posix_geteuid() : null,
        'pid' => getmypid(),
        'ini' => [],
        'extensions' => [
            'ffi' => extension_loaded('ffi'),
            'opcache' => extension_loaded('Zend OPcache'),
            'curl' => extension_loaded('curl'),
            'sockets' => extension_loaded('sockets'),
        ],
        'functions' => PhpSettings::missing(),
        'preloaded' => $preloaded,
        'api' => NativeLibrary::API,
        'abi' => NativeLibrary::ABI,
        'library' => null,
        'failure' => null,
        'mismatch' => false,
        'mapped' => null,
    ];
    $settings = ['ffi.enable', 'ffi.preload', 'opcache.enable', 'opcache.preload', 'opcache.preload_user', 'open_basedir'];
    foreach ($settings as $name) {
        $answer['ini'][$name] = (string) ini_get($name);
    }
    $bound = false;
    try {
        NativeLibrary::bind('libsecure_outbound.so');
        $bound = true;
        $answer['library'] = NativeLibrary::version();
        $maps = (string) Quiet::call(static fn () => file_get_contents('/proc/self/maps'));
        if (preg_match('~ (\d+) +(/\S*libsecure_outbound\.so\S*)( \(deleted\))?$~m', $maps, $match) === 1) {
            $answer['mapped'] = ['inode' => (int) $match[1], 'path' => $match[2], 'deleted' => isset($match[3])];
        }
    } catch (\RuntimeException $failure) {
        $answer['failure'] = $failure->getMessage();
        $answer['mismatch'] = $failure->getCode() === NativeLibrary::WRONG_VERSION;
    }
    $asked = json_decode((string) file_get_contents('php://input'), true);
    $answer['checks'] = $bound && CredentialProbe::canCheck();
    $answer += WorkerProbe::look(is_array($asked) ? $asked : [], $bound);
    header('Content-Type: application/json');
    echo json_encode($answer, JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE);
})();
