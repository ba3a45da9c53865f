<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Client;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Event\CallEnded;
use Netresearch\NrVault\Outbound\Tests\Support\Double\FailingSink;
use Netresearch\NrVault\Service\SecureHttpResponse;

/**
 * "audit_sample" is N: of N successes one is recorded, chosen by chance. With a million, a test can rely on none being recorded.
 */
final class SampleTest extends ClientTestCase
{
    private const RARELY = ['audit_sample' => 1_000_000];

    public function testASuccessIsRarelyRecorded(): void
    {
        $this->transport->respond(200)->respond(302);
        $client = $this->client(self::RARELY);
        $client->get('my-api', '/x');
        $client->get('my-api', '/x');

        self::assertSame([], $this->audit->entries());
    }

    public function testWhatIsRecordedCountsForAll(): void
    {
        $this->transport->otherwise(static fn (): SecureHttpResponse => SecureHttpResponse::create());
        $client = $this->client(['audit_sample' => 2]);
        for ($i = 0; $i < 200; $i++) {
            $client->get('my-api', '/x');
        }

        $weights = array_map(static fn (AuditEntry $entry): int => $entry->weight, $this->audit->entries());
        self::assertSame([2], array_values(array_unique($weights)));
        // Within six standard deviations of the expected 200.
        self::assertGreaterThan(115, array_sum($weights));
        self::assertLessThan(285, array_sum($weights));
    }

    public function testListenersAreToldOfEveryCall(): void
    {
        $this->transport->respond(200);
        $this->client(self::RARELY)->get('my-api', '/x');

        $event = $this->events->events[0] ?? null;
        self::assertInstanceOf(CallEnded::class, $event);
        self::assertSame(1, $event->entry->weight);
    }

    public function testWhatIsNoSuccessIsRecordedAlways(): void
    {
        $this->transport->respond(404)->respond(500)->fail('timeout.total');
        $client = $this->client(self::RARELY);
        $client->get('my-api', '/x');
        $client->get('my-api', '/x');
        self::failure(fn () => $client->get('my-api', '/x'));
        self::failure(fn () => $client->delete('my-api', '/x'));

        self::assertSame(
            [404, 500, null, null],
            array_map(static fn (AuditEntry $entry): ?int => $entry->record['status'], $this->audit->entries()),
        );
        foreach ($this->audit->entries() as $entry) {
            self::assertSame(1, $entry->weight);
        }
    }

    public function testWhatIsRequiredIsRecordedAlways(): void
    {
        $this->transport->respond(200);
        $this->client(['audit' => 'required'] + self::RARELY)->get('my-api', '/x');

        self::assertSame(['begin', 'complete'], $this->audit->steps());
        self::assertSame(1, $this->audit->entries()[0]->weight);
    }

    public function testASinkThatFailsIsNoReasonToLoseAnAnswerThatIsNotRecorded(): void
    {
        $this->transport->respond(200);

        self::assertSame(200, $this->client(self::RARELY, new FailingSink(['write']))->get('my-api', '/x')->statusCode());
    }
}
