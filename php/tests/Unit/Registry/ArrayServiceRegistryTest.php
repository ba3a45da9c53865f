<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Registry;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Exception\RequestRefused;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\RegistryProblem;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use PHPUnit\Framework\TestCase;

final class ArrayServiceRegistryTest extends TestCase
{
    private const LEAST = ['base_url' => 'https://api.example.com/v1', 'policy' => ['allowed_methods' => ['GET']]];

    public function testAnEntryBecomesADefinition(): void
    {
        $service = (new ArrayServiceRegistry(['my-api' => [
            'base_url' => 'https://api.example.com/v1',
            'policy' => ['allowed_methods' => ['GET', 'POST'], 'allowed_paths' => ['/v1/**'], 'timeout_ms' => 5000],
            'headers' => ['Accept' => 'application/json'],
            'idempotency_header' => 'X-Idem',
            'placeholder_headers' => ['api-key'],
            'credentials' => [
                ['identifier' => 'vault:user', 'type' => 'secret', 'placement' => 'basic_username'],
                ['identifier' => 'password', 'type' => 'secret', 'placement' => ['type' => 'basic_password']],
            ],
            'transport' => 'rust',
            'audit' => 'required',
            'technical_user' => 'svc_crm',
            'test' => ['method' => 'GET', 'path' => '/status'],
        ]]))->get('my-api');

        self::assertSame('my-api', $service->id);
        self::assertSame('https://api.example.com/v1', $service->baseUrl);
        self::assertSame(['GET', 'POST'], $service->policy->allowedMethods);
        self::assertSame(5000, $service->policy->timeoutMs);
        self::assertSame([['Accept', 'application/json']], $service->headers);
        self::assertSame('X-Idem', $service->idempotencyHeader);
        self::assertSame(['api-key'], $service->placeholderHeaders);
        self::assertSame(['user', 'password'], array_column($service->credentials, 'identifier'));
        self::assertSame('basic_password', $service->credentials[1]->placement?->type);
        self::assertSame(ServiceDefinition::TRANSPORT_RUST, $service->transport);
        self::assertSame(ServiceDefinition::AUDIT_REQUIRED, $service->audit);
        self::assertSame('svc_crm', $service->technicalUser);
        self::assertSame(['GET', '/status'], [$service->test?->method, $service->test?->path]);
    }

    public function testWhatIsLeftOutHasItsDefault(): void
    {
        $service = (new ArrayServiceRegistry(['my-api' => self::LEAST]))->get('my-api');

        self::assertSame([], $service->headers);
        self::assertNull($service->idempotencyHeader);
        self::assertSame([], $service->placeholderHeaders);
        self::assertSame([], $service->credentials);
        self::assertSame(ServiceDefinition::TRANSPORT_AUTO, $service->transport);
        self::assertSame(ServiceDefinition::AUDIT_STANDARD, $service->audit);
        self::assertNull($service->technicalUser);
        self::assertNull($service->test);
    }

    /** @dataProvider unusablePatterns */
    public function testAPatternThatEveryCallWouldBeRefusedForDisablesTheService(string $pattern, string $why): void
    {
        $policy = ['allowed_methods' => ['GET'], 'allowed_paths' => ['/v1/{id}', $pattern]];
        $registry = new ArrayServiceRegistry(['my-api' => ['policy' => $policy] + self::LEAST, 'other' => self::LEAST]);

        self::assertSame('other', $registry->get('other')->id);
        $this->expectException(RequestRefused::class);
        $this->expectExceptionMessage("policy.allowed_paths has a pattern that cannot be used, at index 1: $why");
        $registry->get('my-api');
    }

    /** @return iterable<array{string, string}> */
    public static function unusablePatterns(): iterable
    {
        yield ['/v1/status*', 'a path pattern has a placeholder or wildcard that is no whole segment'];
        yield ['/v1/*', 'a path pattern has a placeholder or wildcard that is no whole segment'];
        yield ['/v1/**/x', 'a path pattern has an empty segment, or ** before its end'];
        yield ['/v1/../x', 'a path pattern is not canonical'];
    }

    public function testAlternativesAreOfOneSecret(): void
    {
        $alternatives = ['alternatives' => [['secret_suffix' => ':fx', 'base_url' => 'https://api-free.example.com/v1']]];
        $credential = ['identifier' => 'key', 'type' => 'bearer'];
        $registry = new ArrayServiceRegistry([
            'none' => $alternatives + self::LEAST,
            'one' => $alternatives + self::LEAST + ['credentials' => [$credential]],
            'two' => $alternatives + self::LEAST + ['credentials' => [$credential, ['identifier' => 'other'] + $credential]],
        ]);

        $alternative = $registry->get('one')->alternatives[0];
        self::assertSame([':fx', 'https://api-free.example.com/v1'], [$alternative->secretSuffix, $alternative->baseUrl]);
        foreach (['none', 'two'] as $id) {
            self::assertStringContainsString('alternatives need exactly one credential', self::refusal($registry, $id)->getMessage());
        }
    }

    public function testAFaultyEntryDisablesItsServiceAndNoOther(): void
    {
        $registry = new ArrayServiceRegistry([
            'good' => self::LEAST,
            'bad' => ['policy' => ['allowed_methods' => ['GET'], 'allowed_host' => []]] + self::LEAST,
        ]);

        self::assertSame('good', $registry->get('good')->id);
        self::assertSame(['good', 'bad'], $registry->ids());
        self::assertSame(
            [['bad', 'policy.allowed_host']],
            array_map(static fn (RegistryProblem $p): array => [$p->entry, $p->field], $registry->problems()),
        );
        $refusal = self::refusal($registry, 'bad');
        self::assertSame('policy.service_disabled', $refusal->errorCode());
        self::assertStringContainsString('"bad" is disabled: policy.allowed_host is no key', $refusal->getMessage());
    }

    public function testEveryProblemOfAnEntryIsNamed(): void
    {
        $registry = new ArrayServiceRegistry(['Bad id' => [
            'base_url' => 'https://user:hunter2@api.example.com',
            'policy' => ['allowed_methods' => [], 'timeout_ms' => 0],
            'credentials' => [['identifier' => 'a', 'type' => 'bearer'], ['identifier' => 'b', 'type' => 'hunter2']],
            'transport' => 'hunter2',
        ]]);

        $fields = array_column($registry->problems(), 'field');
        $expected = ['', 'base_url', 'policy.allowed_methods', 'policy.timeout_ms', 'credentials.1', 'transport'];
        self::assertSame($expected, $fields);
        self::assertStringNotContainsString('hunter2', implode(array_column($registry->problems(), 'message')));
        self::assertSame('policy.service_disabled', self::refusal($registry, 'Bad id')->errorCode());
    }

    public function testAnUnknownIdIsRefused(): void
    {
        $registry = new ArrayServiceRegistry(['my-api' => self::LEAST]);

        self::assertSame('policy.service_unknown', self::refusal($registry, 'my-apis')->errorCode());
        self::assertSame('policy.service_unknown', self::refusal($registry, '')->errorCode());
    }

    public function testAnUnknownServiceIsToldTheIdsThatThereAre(): void
    {
        $message = static fn (array $ids, string $id): string => self::refusal(
            new ArrayServiceRegistry(array_fill_keys($ids, self::LEAST)),
            $id,
        )->getMessage();
        $code = ' [policy.service_unknown]';

        self::assertSame(
            'the registry has no service "my-apo"; it has "my-api", "billing", "weather"' . $code,
            $message(['billing', 'my-api', 'weather'], 'my-apo'),
        );
        self::assertSame('the registry has no service "my-api"; it has none' . $code, $message([], 'my-api'));
        $many = array_map(static fn (int $number): string => "service-$number", range(10, 20));
        self::assertStringEndsWith('"service-17" and 3 more' . $code, $message($many, 'zz'));
        // A text that is no valid id may be a secret, so the message repeats neither that of the caller nor that of the registry.
        self::assertSame(
            'the registry has no service of this id; it has "my-api"' . $code,
            $message(['my-api', "hunter2\n{"], 'hunter2 and more'),
        );
    }

    private static function refusal(ArrayServiceRegistry $registry, string $id): OutboundException
    {
        try {
            $registry->get($id);
        } catch (RequestRefused $refusal) {
            return $refusal;
        }
        self::fail('The service is there.');
    }
}
