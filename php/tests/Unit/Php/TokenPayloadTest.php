<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php;

use Netresearch\NrVault\Outbound\Tests\Unit\Php\Policy\PolicyVectors;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Credential\TokenPayload;
use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;
use PHPUnit\Framework\TestCase;

/**
 * Payloads that are exchanged for a token, by the cases that the library's tests use as well.
 */
final class TokenPayloadTest extends TestCase
{
    public function testWhatTheLibraryReadsIsTaken(): void
    {
        foreach (PolicyVectors::section('clients') as [$payload, $isSound]) {
            self::assertSame($isSound, self::isTaken($payload), $payload);
        }
        foreach (PolicyVectors::section('jwt_bearers') as [$payload, $isSound]) {
            self::assertSame($isSound, self::isTaken($payload, CredentialReference::OAUTH2_JWT_BEARER), $payload);
        }
        foreach (PolicyVectors::section('jwts') as [$payload, $isSound]) {
            self::assertSame($isSound, self::isTaken($payload, CredentialReference::JWT), $payload);
        }
        foreach (PolicyVectors::section('refresh_tokens') as [$payload, $isSound]) {
            self::assertSame($isSound, self::isTaken($payload, CredentialReference::OAUTH2_REFRESH_TOKEN), $payload);
        }
    }

    /** Keys as the library's tests read them, and a weak one and one of another curve. */
    public function testAKeyFitsItsAlgorithm(): void
    {
        $fit = ['rsa-pkcs1' => 'RS256', 'rsa-pkcs8' => 'RS256', 'p256-sec1' => 'ES256', 'p256-pkcs8' => 'ES256'];
        $grant = [
            'iss' => 'i',
            'token_url' => 'https://a.example/token',
            'binding' => ['hosts' => ['a.example']],
        ];
        foreach ([...array_keys($fit), 'rsa-1024', 'p384', 'rsa-public'] as $name) {
            $key = file_get_contents(dirname(__DIR__, 4) . "/tests/vectors/keys/$name.pem");
            foreach (['RS256', 'ES256'] as $algorithm) {
                $payload = (string) json_encode(['private_key' => $key, 'alg' => $algorithm] + $grant);
                $isTaken = self::isTaken($payload, CredentialReference::OAUTH2_JWT_BEARER);
                self::assertSame(($fit[$name] ?? null) === $algorithm, $isTaken, $name . ' ' . $algorithm);
            }
        }
    }

    /** Whatever is cut off or changed in the numbers around it, a key is read without an error of PHP. */
    public function testWhatIsNoKeyIsNoKey(): void
    {
        $key = (string) file_get_contents(dirname(__DIR__, 4) . '/tests/vectors/keys/p256-pkcs8.pem');
        [$begin, $body, $end] = (array) preg_split('/(?<=KEY-----\n)|(?=-----END)/', $key);
        $der = (string) base64_decode((string) $body);
        $taken = 0;
        for ($length = 0; $length < strlen($der); $length++) {
            foreach ([substr($der, 0, $length), substr_replace($der, "\xFF", $length, 1)] as $bytes) {
                $payload = (string) json_encode([
                    'private_key' => $begin . base64_encode($bytes) . "\n" . $end,
                    'alg' => 'ES256',
                    'iss' => 'i',
                    'token_url' => 'https://a.example/token',
                    'binding' => ['hosts' => ['a.example']],
                ]);
                $taken += (int) self::isTaken($payload, CredentialReference::OAUTH2_JWT_BEARER);
            }
        }
        // Of a number nobody can see that a byte of it is another, nor of the public key, which is not looked at.
        self::assertLessThan(32 + 75, $taken);
    }

    /** Payloads that the library can read, and refuses before it sends a token request. */
    public function testWhatTheLibraryWouldNotAskWithIsRefused(): void
    {
        $client = ['client_id' => 'c', 'client_secret' => 's', 'token_url' => 'https://a.example/token'];
        self::assertTrue(self::isTaken((string) json_encode($client)));
        $changes = [
            ['client_id' => ''],
            ['client_secret' => ''],
            ['token_url' => 'token'],
            ['token_url' => 'https://a.example/../token'],
            ['token_url' => 'https://-a.example/token'],
            ['binding' => ['hosts' => ['b.example']]],
            ['token_url' => 'http://a.example/token', 'binding' => ['hosts' => ['a.example']]],
            ['binding' => ['hosts' => ['a.example:0']]],
        ];
        foreach ($changes as $change) {
            self::assertFalse(self::isTaken((string) json_encode($change + $client)), json_encode($change));
        }
        $plain = ['token_url' => 'http://a.example/token', 'binding' => ['hosts' => ['http://a.example']]];
        self::assertTrue(self::isTaken((string) json_encode($plain + $client)));
    }

    private static function isTaken(string $payload, string $type = CredentialReference::OAUTH2_CLIENT_CREDENTIALS): bool
    {
        try {
            TokenPayload::check($type, $payload);
            return true;
        } catch (InvalidPayload) {
            return false;
        }
    }
}
