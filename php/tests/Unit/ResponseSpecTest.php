<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Audit\AuditShape;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Exception\RequestRefused;
use Netresearch\NrVault\Transport\ResponseSpec;
use PHPUnit\Framework\TestCase;

final class ResponseSpecTest extends TestCase
{
    public function testAResponseSurvivesTheWire(): void
    {
        $headers = [['set-cookie', 'a=1'], ['set-cookie', 'b=2'], ['x-name', "caf\xE9"]];
        $response = new ResponseSpec(404, '2', $headers, "raw\0\xFF", AuditShape::of(['service_id' => 'a', 'status' => 404]));
        $wire = $response->toWire();

        self::assertStringContainsString('"café"', $wire['head']);
        $told = static fn (ResponseSpec $of): array => [$of->status, $of->httpVersion, $of->headers, $of->body, $of->audit];
        self::assertSame($told($response), $told(ResponseSpec::fromWire(...$wire)));
    }

    /**
     * Header fields in a text that is taken as it is are those of the same document in other words.
     *
     * @dataProvider values
     */
    public function testFieldsAreTheSameHoweverTheHeadIsWritten(string $value, bool $staysText): void
    {
        $response = new ResponseSpec(299, '1.1', [['x-name', $value], ['x-b', '']], 'body', AuditShape::of(['status' => 299]));
        $head = $response->toWire()['head'];
        $read = ResponseSpec::fromWire($head, 'body');
        $told = static fn (ResponseSpec $of): array => [$of->status, $of->httpVersion, $of->headers, $of->headers, $of->body, $of->audit];

        self::assertSame($staysText, is_object($read->record()));
        self::assertSame($told($response), $told($read));
        self::assertSame($told($read), $told(ResponseSpec::fromWire((string) json_encode(json_decode($head), JSON_PRETTY_PRINT), 'body')));
    }

    /**
     * @return iterable<string, array{string, bool}>
     */
    public static function values(): iterable
    {
        yield 'plain' => ['Mon, 30 Nov 2026 15:47:07 GMT', true];
        yield 'nothing' => ['', true];
        yield 'quotation marks and backslashes' => ['"a\\"\b"', true];
        yield 'the end of the fields' => ['"]],"error":null,"audit":{', true];
        yield 'another field' => ['"],["x","', true];
        yield 'an escape' => ['\u0041\n', true];
        yield 'a tab' => ["a\tb", false];
        yield 'a byte' => ["caf\xE9", false];
        yield 'bytes of UTF-8' => ["\xC3\xA9", false];
    }

    public function testAResponseHasNoOtherProperties(): void
    {
        $response = new ResponseSpec(200, '2', [], '', AuditShape::of([]));

        self::assertTrue(isset($response->headers, $response->audit));
        self::assertFalse(isset($response->fields));
    }

    public function testAFailureIsThrown(): void
    {
        $error = ['class' => 'policy', 'code' => 'policy.missing', 'message' => 'text', 'sent' => 'no'];

        $this->expectException(RequestRefused::class);
        ResponseSpec::fromWire((string) json_encode(['version' => 1, 'headers' => [], 'error' => $error]), '');
    }

    public function testAResponseThatIsTooLargeIsOneWithoutARecordAsWell(): void
    {
        $audit = AuditShape::of(['service_id' => 'a', 'status' => 200, 'attempts' => 1]);
        $head = (new ResponseSpec(200, '2', [], '', $audit))->toWire()['head'];
        foreach ([[$head, $audit['service_id']], ['{"version":1,"status":200,"http_version":"2","headers":[]}', null]] as [$of, $id]) {
            $failure = ResponseSpec::tooLarge($of);
            self::assertSame(['response.too_large', 'yes', 200], [$failure->errorCode(), $failure->sent(), $failure->httpStatus()]);
            self::assertSame($id, $failure->auditRecord()['service_id'] ?? null);
        }
        self::assertSame('internal.panic', ResponseSpec::tooLarge('{"version":1}')->errorCode());
    }

    /**
     * @dataProvider unreadable
     */
    public function testAnUnreadableHeadMayHaveBeenSent(string $head): void
    {
        try {
            ResponseSpec::fromWire($head, '');
        } catch (OutboundException $failure) {
            self::assertSame(['internal.panic', 'maybe'], [$failure->errorCode(), $failure->sent()]);
            return;
        }
        self::fail('The head was taken.');
    }

    /**
     * @return iterable<string, array{string}>
     */
    public static function unreadable(): iterable
    {
        yield 'nothing' => [''];
        yield 'a text' => ['"200"'];
        yield 'another version' => ['{"version":2,"status":200,"http_version":"2","headers":[],"audit":{}}'];
        yield 'no status' => ['{"version":1,"http_version":"2","headers":[],"error":null,"audit":{}}'];
        yield 'a text for a status' => ['{"version":1,"status":"200","http_version":"2","headers":[],"audit":{}}'];
        yield 'no headers' => ['{"version":1,"status":200,"http_version":"2","error":null,"audit":{}}'];
        yield 'a code point above U+00FF' => ['{"version":1,"status":200,"http_version":"2","headers":[["a","€"]]}'];
    }
}
