<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use PHPUnit\Framework\TestCase;

/**
 * The Sealer of the tests makes the same envelopes as nr-vault.
 */
final class SealerTest extends TestCase
{
    /**
     * @dataProvider vectors
     */
    public function testTheFieldsAreNrVaults(
        string $algorithm,
        int $length,
        string $dek,
        string $value,
        string $sum,
    ): void {
        $fields = (new Sealer(str_repeat("\x01", 32), $algorithm))->fields(
            'my_api_key',
            's3cr3t',
            str_repeat("\x02", 32),
            str_repeat("\x03", $length),
            str_repeat("\x04", $length),
        );

        self::assertSame(
            [
                'encrypted_value' => $value,
                'encrypted_dek' => $dek,
                'dek_nonce' => base64_encode(str_repeat("\x03", $length)),
                'value_nonce' => base64_encode(str_repeat("\x04", $length)),
                'value_checksum' => $sum,
                'encryption_version' => 2,
                'encryption_algorithm' => $algorithm,
            ],
            $fields,
        );
    }

    /**
     * @return iterable<string, array{string, int, string, string, string}>
     */
    public static function vectors(): iterable
    {
        yield 'XChaCha20-Poly1305' => [
            Sealer::XCHACHA20,
            24,
            'TAINc/I90MPp36c+TzXfARXVJqCYue8b+xT1YXkWPf1PzA0yIq+HF/9SNQeX0yDs',
            '7/CubW+lsdvBPT55/2C7lNf9cvNvHg==',
            '13cd6aa6900d7e5bca6b7a2967c947ec16e7932a4846c079cfdb547db78b28bb',
        ];
        yield 'AES-256-GCM' => [
            Sealer::AES_GCM,
            12,
            '+mMWmP2GNWuv/uRlzhsmqroxo0+FzcCwrhK/RKhIhHG9OI0xcmtokNwnC2M2aEy4',
            'd3+yfM0/GR03mDYNoGhrF73XX6brIQ==',
            '005ae66dbd66332b011b276e7444d03f9e9a659922e09373fdfac7e5c1afb98b',
        ];
    }
}
