<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php;

use Netresearch\NrVault\Outbound\Tests\Unit\Php\Policy\PolicyVectors;
use Netresearch\NrVault\Transport\Php\Credential\ClientPayload;
use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;
use PHPUnit\Framework\TestCase;

/**
 * Payloads of OAuth clients, by the cases that the library's tests use as well.
 */
final class ClientPayloadTest extends TestCase
{
    public function testWhatTheLibraryReadsIsTaken(): void
    {
        foreach (PolicyVectors::section('clients') as [$payload, $isSound]) {
            self::assertSame($isSound, self::isTaken($payload), $payload);
        }
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

    private static function isTaken(string $payload): bool
    {
        try {
            ClientPayload::check($payload);
            return true;
        } catch (InvalidPayload) {
            return false;
        }
    }
}
