<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Audit;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Testing\FakeTransport;
use Netresearch\NrVault\Outbound\Tests\Support\AuditEntries;
use Netresearch\NrVault\Transport\RequestSpec;
use PHPUnit\Framework\TestCase;

/**
 * The array shape of a record, which static analysis reads, has the keys and the types of real records.
 */
final class AuditRecordTest extends TestCase
{
    public function testTheShapeHasTheKeysInTheirOrder(): void
    {
        self::assertSame(AuditEntry::RECORD, array_keys(self::shape()));
    }

    public function testTheRecordOfThePageHasTheTypesOfTheShape(): void
    {
        foreach (self::shape() as $key => $types) {
            $type = get_debug_type(AuditEntries::RECORD[$key]);
            self::assertContains($type === 'array' ? 'list<string>' : $type, $types, $key);
        }
    }

    public function testEveryClassThatHandsOutARecordHasTheShape(): void
    {
        foreach ([OutboundException::class => 'auditRecord', FakeTransport::class => 'audit'] as $class => $method) {
            $return = (string) (new \ReflectionMethod($class, $method))->getDocComment();
            self::assertMatchesRegularExpression('/@return AuditRecord/', $return, $class);
        }
    }

    public function testTheFakeTransportGivesWholeRecords(): void
    {
        $request = new RequestSpec('my-api', 'GET', null, 'https://api.example.com');
        $transport = (new FakeTransport())->respond()->fail('timeout.total');

        self::assertSame(AuditEntry::RECORD, array_keys($transport->send($request)->audit));
        try {
            $transport->send($request);
            self::fail('The call was answered.');
        } catch (OutboundException $failure) {
            self::assertSame(AuditEntry::RECORD, array_keys((array) $failure->auditRecord()));
            self::assertSame('timeout.total', $failure->auditRecord()['error_code'] ?? null);
        }
    }

    /** @return array<string, list<string>> the types of each key */
    private static function shape(): array
    {
        $comment = (string) (new \ReflectionClass(AuditEntry::class))->getDocComment();
        preg_match('/@phpstan-type AuditRecord array\{(.*?)\n \* \}/s', $comment, $shape);
        preg_match_all('/^ \*     (\w+): (.+?),?$/m', $shape[1] ?? '', $keys);
        return array_combine($keys[1], array_map(static fn (string $types): array => explode('|', $types), $keys[2]));
    }
}
