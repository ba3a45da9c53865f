<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditRow;
use Netresearch\NrVault\Outbound\Audit\AuditText;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\CredentialReference;

/**
 * The library's JSON of an audit record is the same, byte for byte, as the JSON that PHP would write for it.
 */
final class AuditLineTest extends IntegrationTestCase
{
    /**
     * @dataProvider names
     */
    public function testTheLineIsTheSameByteForByte(string $name, bool $staysText): void
    {
        $response = self::transport()->send(self::request(
            '/' . $name . '/echo',
            policy: new Policy(['POST'], allowedPaths: ['/v1/' . $name . '/echo']),
            credentials: [self::seal(CredentialReference::BEARER, ['token' => self::CANARY], identifier: 'a"b\\c/d')],
        ));
        $record = $response->record();
        $line = self::entry($record)->toJson();

        self::assertSame($staysText, $record instanceof AuditText);
        self::assertSame(AuditRow::json(self::entry($response->audit)->toArray()), $line);
        self::assertSame(['a"b\\c/d'], json_decode($line, true)['credentials']);
    }

    /**
     * @return iterable<string, array{string, bool}>
     */
    public static function names(): iterable
    {
        yield 'plain' => ['customers', true];
        yield 'quotation marks' => ['a"b"', true];
        yield 'what looks like a record' => ['","audit":["service_id":null', true];
        yield 'a tag' => ['<script>', true];
        yield 'an umlaut' => ['ü', false];
        yield 'an emoji' => ['😀', false];
        yield 'separators of lines' => ["a\u{2028}b\u{2029}", true];
    }

    /**
     * @param array<string, mixed>|AuditText $record
     */
    private static function entry(array|AuditText $record): AuditEntry
    {
        return new AuditEntry('id-1', AuditEntry::COMPLETE, AuditEntry::RESPONSE, $record, caller: 'A::b');
    }
}
