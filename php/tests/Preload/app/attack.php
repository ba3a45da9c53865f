<?php

/**
 * A script that is not preloaded tries, by ordinary means, to bind the library or to reach the FFI object. For each attempt it reports
 * the class of the exception, or "got: …".
 */

declare(strict_types=1);

use Netresearch\NrVault\Transport\NativeLibrary;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;
use Netresearch\NrVault\Transport\System\Quiet;

require __DIR__ . '/../php/autoload.php';

NativeLibrary::bind('unused');
$transport = new RustFfiTransport(['version' => 1]);
$transport->open();
$header = __DIR__ . '/../include/secure_outbound.h';

$tries = [
    'FFI::cdef' => static fn () => \FFI::cdef('int getpid(void);'),
    'FFI::load' => static fn () => \FFI::load($header),
    'FFI::scope' => static fn () => \FFI::scope('SECURE_OUTBOUND'),
    'FFI::new' => static fn () => \FFI::new('char[8]'),
    'FFI::type' => static fn () => \FFI::type('char'),
    // PHP allows FFI to a preloaded class, so where Quiet is preloaded the FFI object is made, but it declares no function.
    'a function, by a class of ours' => static fn () => Quiet::call(\FFI::cdef(...))->getpid(),
    'memory, by a class of ours' => static fn () => Quiet::call(\FFI::cdef(...))->new('char[8]'),
    'NativeLibrary::$ffi' => static fn () => NativeLibrary::$ffi,
    'NativeLibrary::bound()' => static fn () => NativeLibrary::bound(),
    'NativeLibrary::DECLARATIONS' => static fn () => NativeLibrary::DECLARATIONS,
    'new NativeLibrary' => static fn () => new NativeLibrary(),
    'serialize' => static fn () => serialize($transport),
];
$outcomes = [];
foreach ($tries as $name => $try) {
    try {
        $outcomes[$name] = 'got: ' . get_debug_type($try());
    } catch (\Throwable $thrown) {
        $outcomes[$name] = $thrown::class;
    }
}

/** The classes of all FFI and CData objects that can be reached from a value. */
$native = static function (mixed $value) use (&$native): array {
    if ($value instanceof \FFI || $value instanceof \FFI\CData || $value instanceof \FFI\CType) {
        return [$value::class];
    }
    if ($value instanceof \Closure || (!is_array($value) && !is_object($value))) {
        return [];
    }
    return array_merge([], ...array_map($native, array_values((array) $value)));
};
ob_start();
var_dump($transport);
print_r($transport);
var_export(NativeLibrary::version());
$dump = (string) ob_get_clean();

echo json_encode([
    'outcomes' => $outcomes,
    'native' => $native([
        'api' => [
            NativeLibrary::version(),
            NativeLibrary::open('{"version":1}'),
            NativeLibrary::send(0, '', '', ''),
            NativeLibrary::close(0),
        ],
        'statics' => get_class_vars(NativeLibrary::class),
        'object' => get_object_vars($transport),
        'cast' => (array) $transport,
        'globals' => array_diff_key($GLOBALS, ['GLOBALS' => 0]),
    ]),
    'dump' => $dump,
    'final' => (new \ReflectionClass(NativeLibrary::class))->isFinal(),
    'traits' => class_uses(NativeLibrary::class),
]);
