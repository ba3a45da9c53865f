<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Benches;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Sealer;

/**
 * Opening an envelope with a token, by libsodium in PHP and by the library. The library's samples are those of criterion
 * (benches/envelope.rs), and are left out if that has not been run.
 */
final class Envelopes
{
    public const BASE = 'libsodium in PHP';

    private const IDENTIFIER = 'my_api_key';

    /**
     * @return list<Samples>
     */
    public function measure(int $turns): array
    {
        $key = random_bytes(32);
        $cases = [];
        foreach ([Sealer::XCHACHA20, Sealer::AES_GCM] as $algorithm) {
            if ($algorithm === Sealer::AES_GCM && !sodium_crypto_aead_aes256gcm_is_available()) {
                continue;
            }
            $token = str_repeat('x', 40);
            $envelope = (new Sealer($key, $algorithm))->seal(self::IDENTIFIER, $token);
            $samples = new Samples('envelope', 'opening an envelope, ' . $algorithm, self::BASE);
            $samples->take([self::BASE => static function () use ($envelope, $key, $algorithm, $token): void {
                self::open($envelope, $key, $algorithm) === $token || throw new \RuntimeException('The envelope was not opened.');
            }], $turns, 100);
            $library = self::ofCriterion($algorithm);
            if ($library !== []) {
                $samples->times['the library'] = $library;
            }
            $cases[] = $samples;
        }
        return $cases;
    }

    private static function open(string $envelope, string $key, string $algorithm): string
    {
        $fields = json_decode((string) base64_decode(substr($envelope, strlen('nrv1:')), true), true, 512, JSON_THROW_ON_ERROR);
        $decrypt = $algorithm === Sealer::AES_GCM
            ? sodium_crypto_aead_aes256gcm_decrypt(...)
            : sodium_crypto_aead_xchacha20poly1305_ietf_decrypt(...);
        $part = static fn (string $name): string => (string) base64_decode($fields[$name], true);
        $dataKey = (string) $decrypt($part('encrypted_dek'), self::IDENTIFIER, $part('dek_nonce'), $key);
        $token = (string) $decrypt($part('encrypted_value'), self::IDENTIFIER, $part('value_nonce'), $dataKey);
        sodium_memzero($dataKey);
        return $token;
    }

    /**
     * @return list<float> microseconds
     */
    private static function ofCriterion(string $algorithm): array
    {
        $file = dirname(Build::php()) . '/target/criterion/envelope open/' . $algorithm . '/40/new/sample.json';
        $sample = is_file($file) ? json_decode((string) file_get_contents($file), true) : ['iters' => [], 'times' => []];
        return array_map(static fn (float $times, float $iterations): float => $times / $iterations / 1000, $sample['times'], $sample['iters']);
    }
}
