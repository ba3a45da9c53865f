<?php

/**
 * The control of the search: values that are put into one place each, and that the search has to find there.
 */

declare(strict_types=1);

/** The value for one place. Nothing but that place holds it. */
function canary(string $nonce, string $place): string
{
    return 'canary_' . substr(hash('sha256', $nonce . $place), 0, 32);
}

const CANARY_PLACES = [
    'global', 'array key', 'private property', 'private static', 'static variable', 'closure', 'constant',
    'trace argument', 'wrapped value', 'object storage', 'base64', 'shortened',
];

final class Nest
{
    private static string $static = '';

    public function __construct(private string $private)
    {
    }

    public static function keep(string $value): void
    {
        self::$static = $value;
    }

    public static function fail(string $argument): never
    {
        throw new LogicException('a failure');
    }
}

/**
 * @return array<string, mixed> to be held until the inventory is taken
 */
function plant(string $nonce): array
{
    $GLOBALS['egg'] = canary($nonce, 'global');
    Nest::keep(canary($nonce, 'private static'));
    define('EGG', canary($nonce, 'constant'));
    remember(canary($nonce, 'static variable'));
    $storage = new SplObjectStorage();
    $storage->attach((object) ['egg' => canary($nonce, 'object storage')]);
    try {
        Nest::fail(canary($nonce, 'trace argument'));
    } catch (LogicException $exception) {
    }
    return [
        'key' => [canary($nonce, 'array key') => true],
        'private' => new Nest(canary($nonce, 'private property')),
        'closure' => bound(canary($nonce, 'closure')),
        'exception' => $exception,
        'wrapped' => new SensitiveParameterValue(canary($nonce, 'wrapped value')),
        'storage' => $storage,
        'base64' => base64_encode('user:' . canary($nonce, 'base64')),
        'shortened' => substr(canary($nonce, 'shortened'), 0, 19) . '...',
    ];
}

function remember(string $value): void
{
    static $remembered = '';
    $remembered = $value;
}

function bound(string $value): Closure
{
    return static fn (): string => $value;
}
