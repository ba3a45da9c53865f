<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Tests\Unit\Php\Policy\PolicyVectors;
use Netresearch\NrVault\Transport\Text\Printable;
use PHPUnit\Framework\TestCase;

/**
 * No character that breaks a line, hides text or changes its direction gets into a record or a message.
 */
final class TextTest extends TestCase
{
    /** LINE FEED, NEXT LINE, LINE SEPARATOR and RIGHT-TO-LEFT OVERRIDE, as Unicode names them. */
    private const FOUL = "\n\u{85}\u{2028}\u{202E}";

    public function testWhatIsNoTextIsAQuestionMark(): void
    {
        foreach (PolicyVectors::section('printable') as [$text, $expected]) {
            self::assertSame($expected, Printable::text($text), json_encode($text));
        }
        self::assertSame("a\u{FFFD}b?", Printable::text("a\xFFb\n"));
        self::assertSame('ab', Printable::text('abcd', 2));
        self::assertSame('a', Printable::text('aü', 2));
    }

    public function testAnUnknownKeyOfAnEntryIsNamedInOneLine(): void
    {
        $registry = new ArrayServiceRegistry(['erp' => [
            'base_url' => 'https://api.example',
            'policy' => ['allowed_methods' => ['GET'], 'b' . self::FOUL => 1],
            'a' . self::FOUL => 1,
        ], "id\n" => []]);
        $fields = [];
        foreach ($registry->problems() as $problem) {
            $fields[] = $problem->entry . ' ' . $problem->field;
        }
        self::assertContains('erp a????', $fields);
        self::assertContains('erp policy.b????', $fields);
        self::assertContains('id? ', $fields);
        $this->expectExceptionMessageMatches('/\A[\x20-\x7E]*"erp" is disabled: a\?{4} is no key[\x20-\x7E]*\z/');
        $registry->get('erp');
    }

    public function testAMessageIsOneLine(): void
    {
        $failure = OutboundException::create('policy.service_disabled', 'a' . self::FOUL . 'b');
        self::assertSame('a????b [policy.service_disabled]', $failure->getMessage());
    }

    public function testARecordHoldsText(): void
    {
        $entry = new AuditEntry('id', AuditEntry::COMPLETE, null, [
            'method' => 'GET' . self::FOUL,
            'path_template' => '/v1/' . self::FOUL,
            'credentials' => ['my' . self::FOUL . 'key'],
            'status' => 200,
        ]);
        self::assertSame('GET????', $entry->record['method']);
        self::assertSame('/v1/????', $entry->record['path_template']);
        self::assertSame(['my????key'], $entry->record['credentials']);
        self::assertSame(200, $entry->record['status']);
    }
}
