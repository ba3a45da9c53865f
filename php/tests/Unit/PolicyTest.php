<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Exception\RequestRefused;
use Netresearch\NrVault\Transport\Policy;
use PHPUnit\Framework\TestCase;

final class PolicyTest extends TestCase
{
    public function testWhatIsNullIsLeftOut(): void
    {
        self::assertSame(
            [
                'allowed_methods' => ['GET'],
                'allow_http' => false,
                'allow_encoded_slash' => false,
                'max_redirects' => 0,
                'max_attempts' => 1,
            ],
            (new Policy(['GET']))->toWire(),
        );
    }

    public function testAnEmptyListIsNotLeftOut(): void
    {
        $wire = (new Policy(['GET'], allowedHosts: [], allowedPaths: []))->toWire();

        self::assertSame([], $wire['allowed_hosts']);
        self::assertSame([], $wire['allowed_paths']);
    }

    public function testAllKeysSurviveTheWire(): void
    {
        $wire = [
            'allowed_hosts' => ['api.stripe.com', '*.example.com:8443'],
            'allowed_methods' => ['GET', 'POST'],
            'allowed_paths' => ['/v1/customers/{id}/sources', '/v1/charges/**'],
            'allow_http' => true,
            'allow_encoded_slash' => true,
            'max_redirects' => 3,
            'max_attempts' => 10,
            'breaker' => ['failures' => 5, 'open_ms' => 30000],
            'timeout_ms' => 20000,
            'idle_timeout_ms' => 15000,
            'request_bytes' => 1048576,
            'response_bytes' => 8388608,
            'http_versions' => ['3', '2', '1.1'],
            'http3' => 'registered',
        ];

        self::assertSame($wire, Policy::fromWire($wire)->toWire());
    }

    /**
     * @dataProvider faults
     * @param array<mixed> $wire
     */
    public function testAFaultIsRefused(array $wire): void
    {
        try {
            Policy::fromWire($wire);
        } catch (RequestRefused $refusal) {
            self::assertSame('invalid_request.malformed', $refusal->errorCode());
            return;
        }
        self::fail('The policy was taken.');
    }

    /**
     * @return iterable<string, array{array<mixed>}>
     */
    public static function faults(): iterable
    {
        yield 'a misspelt key' => [['allowed_methods' => ['GET'], 'allowed_host' => ['a.example']]];
        yield 'no list' => [[['GET']]];
        yield 'a map of methods' => [['allowed_methods' => ['a' => 'GET']]];
        yield 'a number among the hosts' => [['allowed_methods' => ['GET'], 'allowed_hosts' => ['a.example', 7]]];
        yield 'a text for paths' => [['allowed_methods' => ['GET'], 'allowed_paths' => '/**']];
        yield 'a text for a flag' => [['allowed_methods' => ['GET'], 'allow_http' => 'no']];
        yield 'a text for a number' => [['allowed_methods' => ['GET'], 'max_redirects' => '1']];
        yield 'null for a flag' => [['allowed_methods' => ['GET'], 'allow_http' => null]];
        yield 'negative redirects' => [['allowed_methods' => ['GET'], 'max_redirects' => -1]];
        yield 'no attempt' => [['allowed_methods' => ['GET'], 'max_attempts' => 0]];
        yield 'too many attempts' => [['allowed_methods' => ['GET'], 'max_attempts' => 11]];
        $breakers = [
            'a number' => 5,
            'a list' => [5, 30000],
            'no time' => ['failures' => 5],
            'no number' => ['open_ms' => 30000],
            'a key too many' => ['failures' => 5, 'open_ms' => 30000, 'probes' => 1],
            'a text' => ['failures' => '5', 'open_ms' => 30000],
            'a number too small' => ['failures' => 0, 'open_ms' => 30000],
            'a number too large' => ['failures' => 4294967296, 'open_ms' => 30000],
            'a time too short' => ['failures' => 5, 'open_ms' => 0],
            'a time too long' => ['failures' => 5, 'open_ms' => 86400001],
        ];
        foreach ($breakers as $fault => $breaker) {
            yield 'a breaker: ' . $fault => [['allowed_methods' => ['GET'], 'breaker' => $breaker]];
        }
        yield 'no time' => [['allowed_methods' => ['GET'], 'timeout_ms' => 0]];
        yield 'no idle time' => [['allowed_methods' => ['GET'], 'idle_timeout_ms' => 0]];
        yield 'a negative request size' => [['allowed_methods' => ['GET'], 'request_bytes' => -1]];
        foreach ([[], ['3'], ['2', '1.0'], ['2', 1.1], ['a' => '2'], '2'] as $fault => $versions) {
            yield 'versions of HTTP: ' . $fault => [['allowed_methods' => ['GET'], 'http_versions' => $versions]];
        }
        yield 'another way to know of HTTP/3' => [['allowed_methods' => ['GET'], 'http3' => 'Registered']];
        yield 'a negative response size' => [['allowed_methods' => ['GET'], 'response_bytes' => -1]];
    }
}
