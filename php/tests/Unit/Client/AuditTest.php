<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Client;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\CallContext;
use Netresearch\NrVault\Outbound\Audit\StaticCallContext;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider;
use Netresearch\NrVault\Outbound\Credential\CredentialProvider;
use Netresearch\NrVault\Outbound\Event\CallEnded;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\Double\FailingSink;
use Netresearch\NrVault\Service\SecureHttpClient;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * One record for each call, and what the two audit modes promise.
 */
final class AuditTest extends ClientTestCase
{
    public function testAResponseIsOneRecord(): void
    {
        $this->transport->respond(503, 'busy');
        $context = new StaticCallContext('backend_user', '7', 'req-1');
        $response = $this->client(context: $context)->request('my-api', 'GET', '/x');

        self::assertSame(['write'], $this->audit->steps());
        $entry = $this->audit->entries()[0];
        self::assertSame($entry, $response->audit());
        self::assertMatchesRegularExpression(self::UUID7, $entry->id);
        $array = $entry->toArray();
        self::assertSame('complete', $array['state']);
        self::assertSame('response', $array['outcome']);
        self::assertSame('my-api', $array['service_id']);
        self::assertSame(503, $array['status']);
        self::assertSame(['my_key'], $array['credentials']);
        self::assertSame('backend_user', $array['actor_type']);
        self::assertSame('7', $array['actor_id']);
        self::assertSame('req-1', $array['request_id']);
        self::assertSame(self::class . '::' . __FUNCTION__, $array['caller']);
    }

    public function testAFailureIsOneRecordOfTheTransport(): void
    {
        $this->transport->fail('timeout.total');
        $failure = self::failure(fn () => $this->client()->request('my-api', 'GET', '/x'));

        self::assertSame('timeout.total', $failure->errorCode());
        self::assertSame(['write'], $this->audit->steps());
        $entry = $this->audit->entries()[0];
        self::assertSame(AuditEntry::FAILED, $entry->outcome);
        self::assertSame('timeout', $entry->record['error_class']);
        self::assertSame('fake', $entry->record['transport']);
        self::assertSame('maybe', $entry->record['sent']);
    }

    /**
     * @dataProvider refusals
     * @param array<mixed> $options
     */
    public function testARefusalIsOneRecord(string $code, string $id, string $method, array $options): void
    {
        self::failure(fn () => $this->client()->request($id, $method, '/secret-path', $options));

        self::assertSame(['write'], $this->audit->steps());
        $entry = $this->audit->entries()[0];
        self::assertSame(AuditEntry::REFUSED, $entry->outcome);
        self::assertSame($code, $entry->record['error_code']);
        self::assertSame('no', $entry->record['sent']);
        self::assertSame(strstr($code, '.', true), $entry->record['error_class']);
        self::assertSame(AuditEntry::RECORD, array_keys($entry->record));
        self::assertMatchesRegularExpression('/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/', $entry->record['timestamp']);
        self::assertIsInt($entry->record['duration_us']);
        $text = json_encode($entry->toArray(), JSON_THROW_ON_ERROR);
        self::assertStringNotContainsString('hunter2', $text);
        self::assertStringNotContainsString('secret-path', $text);
    }

    /**
     * @return iterable<string, array{string, string, string, array<mixed>}>
     */
    public static function refusals(): iterable
    {
        yield 'unknown' => ['policy.service_unknown', 'other', 'GET', []];
        yield 'unknown, no id' => ['policy.service_unknown', "hunter2\n{", 'GET', []];
        yield 'disabled' => ['policy.service_disabled', 'broken', 'GET', []];
        yield 'method' => ['policy.method_not_allowed', 'my-api', 'hunter2', []];
        yield 'option' => ['invalid_request.malformed', 'my-api', 'GET', ['body' => 7, 'query' => ['q' => 'hunter2']]];
        yield 'correlation' => ['invalid_request.malformed', 'my-api', 'GET', ['correlationId' => 'hunter2!']];
    }

    public function testAMissingCredentialIsOneRecord(): void
    {
        $client = $this->client(credentials: new ArrayCredentialProvider([]));
        $failure = self::failure(fn () => $client->request('my-api', 'GET', '/x'));

        self::assertSame('credential.not_found', $failure->errorCode());
        self::assertSame(['write'], $this->audit->steps());
        $record = $this->audit->entries()[0]->record;
        self::assertSame('credential.not_found', $record['error_code']);
        self::assertSame('api.example.com', $record['host']);
        self::assertSame(443, $record['port']);
        self::assertSame(['my_key'], $record['credentials']);
    }

    public function testAPartOfTheHostThatThrowsIsOneRecordAndKeepsItsMessage(): void
    {
        $provider = new class implements CredentialProvider {
            public function fetch(CredentialReference $reference): SealedCredential
            {
                throw new \PDOException('hunter2');
            }
        };
        $failure = self::failure(fn () => $this->client(credentials: $provider)->request('my-api', 'GET', '/x'));

        self::assertSame('a part that the host gave threw PDOException [internal.part_failed]', $failure->getMessage());
        self::assertSame('no', $failure->sent());
        self::assertStringNotContainsString('hunter2', (string) $failure);
        self::assertSame(['write'], $this->audit->steps());
    }

    public function testAContextThatThrowsIsOneRecordWithoutAnActor(): void
    {
        foreach (['actorType', 'actorId', 'requestId', 'traceparent'] as $method) {
            $this->audit = new MemoryAuditSink();
            $context = $this->createMock(CallContext::class);
            $context->method($method)->willThrowException(new \DomainException('hunter2'));
            $failure = self::failure(fn () => $this->client(context: $context)->request('my-api', 'GET', '/x'));

            self::assertSame('internal.part_failed', $failure->errorCode(), $method);
            self::assertStringContainsString('DomainException', $failure->getMessage());
            self::assertStringNotContainsString('hunter2', (string) $failure);
            self::assertSame(['write'], $this->audit->steps());
            $entry = $this->audit->entries()[0];
            self::assertSame('internal.part_failed', $entry->record['error_code']);
            self::assertNull($entry->actorType);
            self::assertStringStartsWith(self::class, (string) $entry->caller);
        }
    }

    /** A TypeError is a fault of the one that passed the wrong argument: of this package, or of a part that the host gave. */
    public function testABugOfThePackageIsNoPartOfTheHost(): void
    {
        $failure = self::failure(fn () => $this->calls()->call('my-api', 'GET', '/x', [], null, ['hunter2']));

        self::assertSame('internal.panic', $failure->errorCode());
        self::assertStringContainsString('TypeError', $failure->getMessage());
        self::assertStringNotContainsString('hunter2', (string) $failure);

        $provider = new class implements CredentialProvider {
            public function fetch(CredentialReference $reference): SealedCredential
            {
                return $reference->seal(...[[]]);
            }
        };
        $failure = self::failure(fn () => $this->client(credentials: $provider)->request('my-api', 'GET', '/x'));
        self::assertSame('a part that the host gave threw TypeError [internal.part_failed]', $failure->getMessage());
    }

    public function testModeRequiredWritesAnIntentBeforeTheCredentialIsFetched(): void
    {
        $this->transport->respond(201);
        $sink = new FailingSink([], fn (): array => $this->credentials->fetched());
        $this->client(['audit' => 'required'], $sink)->request('my-api', 'POST', '/x');

        self::assertSame([['begin', []], ['complete', ['my_key']]], $sink->steps);
        [$intent, $end] = $sink->entries;
        self::assertSame($intent->id, $end->id);
        self::assertSame(AuditEntry::INTENT, $intent->state);
        self::assertNull($intent->outcome);
        self::assertSame('api.example.com', $intent->record['host']);
        self::assertSame(['my_key'], $intent->record['credentials']);
        self::assertSame([null, 'yes'], [$intent->record['sent'], $end->record['sent']]);
        self::assertSame(AuditEntry::COMPLETE, $end->state);
        self::assertSame(201, $end->record['status']);
    }

    public function testModeRequiredCompletesAFailureToo(): void
    {
        $this->transport->fail('connect.refused', 'no');
        self::failure(fn () => $this->client(['audit' => 'required'])->request('my-api', 'POST', '/x'));

        self::assertSame(['begin', 'complete'], $this->audit->steps());
        self::assertCount(1, $this->audit->entries());
        self::assertSame('connect.refused', $this->audit->entries()[0]->record['error_code']);
    }

    public function testModeRequiredRefusesTheCallWhoseIntentCannotBeWritten(): void
    {
        $client = $this->client(['audit' => 'required'], new FailingSink(['begin']));
        $failure = self::failure(fn () => $client->request('my-api', 'POST', '/x'));

        self::assertSame('internal.audit_failed', $failure->errorCode());
        self::assertSame('no', $failure->sent());
        self::assertSame([], $this->credentials->fetched());
        self::assertSame([], $this->transport->requests());
        self::assertSame('internal.audit_failed', $this->events->events[0]->entry->record['error_code']);
    }

    public function testModeRequiredRefusesTheResponseThatCannotBeRecorded(): void
    {
        $this->transport->respond(201);
        $client = $this->client(['audit' => 'required'], new FailingSink(['complete']));
        $failure = self::failure(fn () => $client->request('my-api', 'POST', '/x'));

        self::assertSame('internal.audit_failed', $failure->errorCode());
        self::assertSame('yes', $failure->sent());
        self::assertSame(201, $failure->httpStatus());
        self::assertSame(201, $failure->auditRecord()['status'] ?? null);
    }

    public function testModeRequiredSaysWhatAFailureWasThatCannotBeRecorded(): void
    {
        $this->transport->fail('timeout.total', 'maybe');
        $client = $this->client(['audit' => 'required'], new FailingSink(['complete']));
        $failure = self::failure(fn () => $client->request('my-api', 'POST', '/x'));

        self::assertSame('internal.audit_failed', $failure->errorCode());
        self::assertSame('maybe', $failure->sent());
        self::assertStringContainsString('timeout.total', $failure->getMessage());
    }

    public function testModeStandardLosesNoResponse(): void
    {
        $this->transport->respond(200, 'ok')->fail('timeout.total');
        $client = $this->client([], new FailingSink(['write', 'begin', 'complete']));

        self::assertSame('ok', $client->request('my-api', 'GET', '/x')->body());
        $failure = self::failure(fn () => $client->request('my-api', 'GET', '/x'));
        self::assertSame('timeout.total', $failure->errorCode());
        self::assertCount(2, $this->logger->records);
        self::assertSame('error', $this->logger->records[0]['level']);
        self::assertStringContainsString('audit sink failed', $this->logger->records[0]['message']);
        self::assertSame('my-api', $this->logger->records[0]['context']['service_id']);
    }

    public function testWithoutALoggerPhpsErrorLogHearsOfIt(): void
    {
        $log = (string) tempnam(sys_get_temp_dir(), 'secure-outbound-');
        $before = (string) ini_set('error_log', $log);
        try {
            $this->transport->respond(200, 'ok');
            $registry = new ArrayServiceRegistry(['my-api' => [
                'base_url' => 'https://api.example.com/v1',
                'policy' => ['allowed_methods' => ['GET']],
            ]]);
            $calls = new ServiceCalls($registry, $this->credentials, $this->transport, new FailingSink(['write']));
            $client = new SecureHttpClient($calls);
            self::assertSame('ok', $client->request('my-api', 'GET', '/x')->body());
        } finally {
            ini_set('error_log', $before);
            $said = (string) file_get_contents($log);
            unlink($log);
        }

        self::assertSame(1, substr_count($said, "\n"));
        self::assertStringContainsString('secure-outbound: the audit sink failed (RuntimeException): ', $said);
        self::assertStringContainsString('[service_id my-api, correlation_id ', $said);
    }

    public function testAnEventFollowsEachCall(): void
    {
        $this->transport->respond()->fail('timeout.total');
        $client = $this->client();
        $client->request('my-api', 'GET', '/x');
        self::failure(fn () => $client->request('my-api', 'GET', '/x'));
        self::failure(fn () => $client->request('my-api', 'DELETE', '/x'));
        self::failure(fn () => $client->request('other', 'GET', '/x'));

        self::assertContainsOnlyInstancesOf(CallEnded::class, $this->events->events);
        self::assertSame($this->audit->entries(), array_column($this->events->events, 'entry'));
    }

    public function testAListenerThatThrowsLosesNoResponse(): void
    {
        $this->transport->respond(200, 'ok');
        $this->events->listener = static fn () => throw new \LogicException('listener');

        self::assertSame('ok', $this->client()->request('my-api', 'GET', '/x')->body());
        self::assertStringContainsString('listener', $this->logger->records[0]['message']);
    }

    public function testTheIdentityIsCleaned(): void
    {
        $this->transport->respond();
        $context = new StaticCallContext("a\nb", str_repeat('ä', 200), "\xFF\xFEx");
        $entry = $this->client(context: $context)->request('my-api', 'GET', '/x')->audit();

        self::assertSame('a?b', $entry->actorType);
        self::assertSame(str_repeat('ä', 127), $entry->actorId);
        self::assertSame("\u{FFFD}\u{FFFD}x", $entry->requestId);
    }
}
