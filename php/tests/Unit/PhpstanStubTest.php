<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Transport\NativeLibrary;
use PHPUnit\Framework\TestCase;

/**
 * PHPStan cannot read C, so its stub of the library has to have the functions that NativeLibrary declares.
 */
final class PhpstanStubTest extends TestCase
{
    private const TYPES = [
        'uint64_t' => 'int',
        'uint32_t' => 'int',
        'int32_t' => 'int',
        'int64_t' => 'int',
        'size_t' => 'int',
        'const char *' => 'string',
        'uint64_t *' => '\FFI\CData',
        'size_t *' => '\FFI\CData',
        'const uint64_t *' => '\FFI\CData',
        'struct secure_outbound_result *' => '\FFI\CData',
        'void' => 'void',
    ];

    public function testTheStubHasTheFunctionsOfTheLibrary(): void
    {
        $constants = (new \ReflectionClass(NativeLibrary::class))->getConstants();
        $text = (string) preg_replace('/\s+/', ' ', implode(' ', [
            $constants['DECLARATIONS'],
            $constants['OPTIONAL'],
            $constants['DECIDING'],
            $constants['STREAMING'],
            $constants['UPLOADING'],
        ]));
        preg_match_all('/(?:^|; )([a-z0-9_ ]+[ *])(secure_outbound_[a-z_]+)\((.*?)\)/', $text, $functions, PREG_SET_ORDER);
        $declared = [];
        foreach ($functions as [, $type, $name, $parameters]) {
            $declared[$name] = [self::type($type), self::parameters($parameters)];
        }
        preg_match_all(
            '/@method (\S+) (secure_outbound_[a-z_]+)\((.*?)\)/',
            (string) file_get_contents(__DIR__ . '/../../phpstan.stub'),
            $methods,
            PREG_SET_ORDER,
        );
        $stubbed = [];
        foreach ($methods as [, $type, $name, $parameters]) {
            $stubbed[$name] = [$type, $parameters];
        }
        ksort($declared);
        ksort($stubbed);

        self::assertCount(22, $declared);
        self::assertSame($declared, $stubbed);
    }

    private static function parameters(string $declared): string
    {
        $parameters = [];
        foreach ($declared === 'void' ? [] : explode(', ', $declared) as $parameter) {
            preg_match('/^(.*[ *])([a-z_]+)$/', $parameter, $found);
            $parameters[] = self::type($found[1]) . ' $' . $found[2];
        }
        return implode(', ', $parameters);
    }

    private static function type(string $c): string
    {
        return self::TYPES[trim($c)];
    }
}
