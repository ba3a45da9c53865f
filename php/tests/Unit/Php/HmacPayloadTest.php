<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php;

use Netresearch\NrVault\Outbound\Tests\Unit\Php\Policy\PolicyVectors;
use Netresearch\NrVault\Transport\Php\Credential\HmacPayload;
use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;
use PHPUnit\Framework\TestCase;

/**
 * Payloads that sign, by the cases that the library's tests use as well.
 */
final class HmacPayloadTest extends TestCase
{
    public function testWhatTheLibraryReadsIsTaken(): void
    {
        foreach (PolicyVectors::section('hmacs') as [$payload, $isSound]) {
            try {
                HmacPayload::check($payload);
                self::assertTrue($isSound, $payload);
            } catch (InvalidPayload $fault) {
                self::assertFalse($isSound, $fault->getMessage() . ': ' . $payload);
            }
        }
    }
}
