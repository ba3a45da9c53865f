<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Unit\Php\Policy\PolicyVectors;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Credential\AwsPayload;
use Netresearch\NrVault\Transport\Php\Credential\HmacPayload;
use Netresearch\NrVault\Transport\Php\Credential\MtlsPayload;
use Netresearch\NrVault\Transport\Php\Credential\Payload;
use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;
use Netresearch\NrVault\Transport\Secret\Secret;
use PHPUnit\Framework\TestCase;

/**
 * Payloads that sign or are shown, by the cases that the library's tests use as well.
 */
final class SigningPayloadTest extends TestCase
{
    public function testWhatTheLibraryReadsIsTaken(): void
    {
        $cases = [
            ...array_map(static fn (array $case): array => [HmacPayload::check(...), ...$case], PolicyVectors::section('hmacs')),
            ...array_map(static fn (array $case): array => [AwsPayload::check(...), ...$case], PolicyVectors::section('aws_sigv4s')),
            ...array_map(static fn (array $case): array => [MtlsPayload::check(...), ...$case], PolicyVectors::section('mtls')),
        ];
        foreach ($cases as [$check, $payload, $isSound]) {
            try {
                $check($payload);
                self::assertTrue($isSound, $payload);
            } catch (InvalidPayload $fault) {
                self::assertFalse($isSound, $fault->getMessage() . ': ' . $payload);
            }
        }
    }

    public function testThisTransportHasNoneOfThem(): void
    {
        $payloads = json_decode((string) file_get_contents(dirname(__DIR__, 4) . '/tests/vectors/wire/payloads.json'), true);
        self::assertIsArray($payloads);
        foreach ([...CredentialReference::FETCHING, ...CredentialReference::SIGNING, CredentialReference::MTLS] as $type) {
            $payload = new Secret((string) json_encode($payloads[$type]));
            try {
                Payload::read(new CredentialReference('signer', $type), $payload);
                self::fail($type);
            } catch (OutboundException $refusal) {
                self::assertSame('credential.unsupported', $refusal->errorCode());
                self::assertStringContainsString($type . ' needs the library', $refusal->getMessage());
            }
        }
    }
}
