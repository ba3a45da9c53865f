<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Credential;

use Netresearch\NrVault\Outbound\Exception\RequestRefused;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;
use PHPUnit\Framework\TestCase;

final class CredentialReferenceTest extends TestCase
{
    public function testThePrefixOfSettingsIsTakenOff(): void
    {
        self::assertSame('my_key', (new CredentialReference('vault:my_key', 'bearer'))->identifier);
        self::assertSame('my_key', (new CredentialReference('my_key', 'bearer'))->identifier);
    }

    public function testTheCredentialIsThatOfTheReference(): void
    {
        $reference = new CredentialReference('k', 'secret', Placement::header('X-K', 'Key '));
        $credential = $reference->seal('nrv1:AA==');

        self::assertSame('nrv1:AA==', $credential->sealed);
        self::assertSame($reference, $credential->reference);
        self::assertEquals($reference, CredentialReference::fromWire($reference->toWire()));
    }

    /**
     * @dataProvider faulty
     * @param array<mixed> $wire
     */
    public function testWhatHasNoFormIsRefused(array $wire): void
    {
        $this->expectException(RequestRefused::class);
        $this->expectExceptionMessage('invalid_request.malformed');

        CredentialReference::fromWire($wire);
    }

    /**
     * @return iterable<string, array{array<mixed>}>
     */
    public static function faulty(): iterable
    {
        yield 'nothing' => [[]];
        yield 'the prefix alone' => [['identifier' => 'vault:', 'type' => 'bearer']];
        yield 'an unknown type' => [['identifier' => 'a', 'type' => 'token']];
        yield 'a number for a type' => [['identifier' => 'a', 'type' => 7]];
        yield 'an unknown key' => [['identifier' => 'a', 'type' => 'bearer', 'sealed' => 'nrv1:']];
        yield 'a secret without a placement' => [['identifier' => 'a', 'type' => 'secret']];
        yield 'a placement too many' => [['identifier' => 'a', 'type' => 'bearer', 'placement' => 'bearer']];
    }
}
