<?php

/**
 * The script for opcache.preload. It loads the one class that touches \FFI and nothing else.
 *
 *     ffi.enable = preload
 *     ffi.preload = /usr/local/include/secure_outbound.h     ; the installed header, FFI_LIB absolute
 *     opcache.preload = /usr/local/share/secure-outbound/php/preload.php
 *     opcache.preload_user = www-data                         ; where the master runs as root
 *
 * Where php.ini cannot name the header in ffi.preload and the master is not root, set the environment variable
 * SECURE_OUTBOUND_HEADER to it: this script then loads it with FFI::load. Under a root master PHP refuses that.
 *
 * A library that cannot be bound must not keep PHP from starting: the failure is logged here, and each call then
 * answers configuration.transport_unavailable.
 */

declare(strict_types=1);

require_once __DIR__ . '/src/Transport/NativeLibrary.php';

(static function (): void {
    $header = getenv('SECURE_OUTBOUND_HEADER', true);
    if (!is_string($header) || $header === '' || (string) ini_get('ffi.preload') !== '') {
        return;
    }
    try {
        \FFI::load($header);
    } catch (\Error $error) {
        error_log('secure-outbound: FFI::load failed for SECURE_OUTBOUND_HEADER: ' . $error->getMessage());
    }
})();
