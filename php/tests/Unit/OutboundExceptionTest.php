<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditShape;
use Netresearch\NrVault\Outbound\Exception\CredentialUnavailable;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Exception\RequestRefused;
use Netresearch\NrVault\Outbound\Exception\ResponseRejected;
use Netresearch\NrVault\Outbound\Exception\TransferFailed;
use PHPUnit\Framework\TestCase;

final class OutboundExceptionTest extends TestCase
{
    /**
     * @dataProvider classes
     * @param class-string<OutboundException> $final
     */
    public function testEachErrorClassHasItsException(string $class, string $final, int $number): void
    {
        $exception = OutboundException::create($class . '.some_reason', 'A fixed text.');

        self::assertSame($final, $exception::class);
        self::assertSame($class, $exception->errorClass());
        self::assertSame($class . '.some_reason', $exception->errorCode());
        self::assertSame('A fixed text. [' . $class . '.some_reason]', $exception->getMessage());
        self::assertSame($number, $exception->getCode());
        self::assertNull($exception->getPrevious());
    }

    /**
     * @return iterable<string, array{string, class-string<OutboundException>, int}>
     */
    public static function classes(): iterable
    {
        $table = [
            RequestRefused::class => [1795305601, ['invalid_request', 'policy', 'configuration']],
            CredentialUnavailable::class => [1795305602, ['credential', 'oauth']],
            TransferFailed::class => [
                1795305603,
                ['dns', 'connect', 'tls', 'timeout', 'protocol', 'cancelled', 'internal', 'added_later'],
            ],
            ResponseRejected::class => [1795305604, ['response']],
        ];
        foreach ($table as $final => [$number, $classes]) {
            foreach ($classes as $class) {
                yield $class => [$class, $final, $number];
            }
        }
    }

    public function testItIsMadeAnewWithWhatIsKnownLater(): void
    {
        $first = OutboundException::create('timeout.total', 'A fixed text.', httpStatus: 200, sent: 'maybe');
        $later = $first->withSent('yes', 503);
        $end = $later->asEndOfCall(true, AuditShape::of(['attempts' => 2]));

        self::assertSame(['yes', 503, 'A fixed text.'], [$later->sent(), $later->httpStatus(), $later->reason()]);
        self::assertSame('A fixed text. [timeout.total]', $later->getMessage());
        self::assertSame([true, 'yes', 503], [$end->isRetryable(), $end->sent(), $end->httpStatus()]);
        self::assertSame(2, $end->auditRecord()['attempts'] ?? null);
        self::assertSame($first::class, $end::class);
        self::assertNull($end->getPrevious());
    }

    public function testADocumentWithoutItsFormHasItsCode(): void
    {
        $refusal = OutboundException::malformed('The name is no name.');

        self::assertSame(['invalid_request.malformed', 'The name is no name.'], [$refusal->errorCode(), $refusal->reason()]);
    }

    public function testTheDefaultsAreThoseOfARefusal(): void
    {
        $exception = OutboundException::create('policy.missing', 'A fixed text.');

        self::assertFalse($exception->isRetryable());
        self::assertSame('no', $exception->sent());
        self::assertNull($exception->httpStatus());
        self::assertNull($exception->auditRecord());
    }

    public function testAWireErrorIsTakenOver(): void
    {
        $exception = OutboundException::fromWire([
            'version' => 1,
            'status' => null,
            'error' => [
                'class' => 'response',
                'code' => 'response.too_large',
                'message' => 'the body is larger than allowed',
                'retryable' => true,
                'sent' => 'yes',
                'http_status' => 201,
            ],
            'audit' => ['service_id' => 'stripe', 'status' => 201],
        ]);

        self::assertInstanceOf(ResponseRejected::class, $exception);
        self::assertSame('response.too_large', $exception->errorCode());
        self::assertTrue($exception->isRetryable());
        self::assertSame('yes', $exception->sent());
        self::assertSame(201, $exception->httpStatus());
        $record = (array) $exception->auditRecord();
        self::assertSame(AuditEntry::RECORD, array_keys($record));
        self::assertSame(['stripe', 201, null], [$record['service_id'], $record['status'], $record['method']]);
    }

    /**
     * @dataProvider unreadable
     * @param array<mixed>|null $head
     */
    public function testAnUnreadableErrorMayHaveBeenSent(?array $head): void
    {
        $exception = OutboundException::fromWire($head);

        self::assertSame('internal.panic', $exception->errorCode());
        self::assertSame('maybe', $exception->sent());
        self::assertFalse($exception->isRetryable());
    }

    /**
     * @return iterable<string, array{array<mixed>|null}>
     */
    public static function unreadable(): iterable
    {
        yield 'no JSON' => [null];
        yield 'no error' => [['version' => 1]];
        yield 'a text for an error' => [['error' => 'policy.missing']];
        yield 'no code' => [['error' => ['message' => 'text']]];
        yield 'a number for a message' => [['error' => ['code' => 'policy.missing', 'message' => 7]]];
    }

    public function testAnUnknownAnswerToSentIsMaybe(): void
    {
        $exception = OutboundException::fromWire([
            'error' => ['code' => 'connect.failed', 'message' => 'text', 'sent' => 'perhaps'],
        ]);

        self::assertSame('maybe', $exception->sent());
    }
}
