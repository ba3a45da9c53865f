<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php\Engine;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Engine\Retry;
use Netresearch\NrVault\Transport\RequestSpec;
use PHPUnit\Framework\TestCase;

/**
 * After which failures and responses a request is sent again.
 */
final class RetryTest extends TestCase
{
    private const PASSING = [
        'dns.not_found', 'dns.failed', 'connect.refused', 'connect.failed', 'connect.proxy_refused', 'timeout.connect',
        'protocol.closed_early', 'protocol.invalid',
    ];

    private const OTHERS = [
        'policy.address_not_allowed', 'policy.redirect_not_allowed', 'tls.certificate_invalid', 'tls.handshake_failed',
        'timeout.total', 'timeout.idle', 'response.too_large', 'response.decoding_failed', 'credential.unusable',
        'internal.panic', 'configuration.transport_unavailable', 'oauth.token_endpoint_unreachable',
    ];

    public function testFailures(): void
    {
        foreach ([...self::PASSING, ...self::OTHERS] as $code) {
            $passes = in_array($code, self::PASSING, true);
            $again = static fn (string $sent, bool $isRepeatable): bool
                => Retry::afterFailure(OutboundException::create($code, 'x', sent: $sent), $isRepeatable);
            self::assertSame($passes, $again('no', true), $code);
            self::assertSame($passes, $again('no', false), $code);
            self::assertSame($passes, $again('maybe', true), $code);
            self::assertFalse($again('maybe', false), $code);
            self::assertFalse($again('yes', true), $code);
        }
    }

    public function testAnswers(): void
    {
        for ($status = 100; $status < 1000; $status++) {
            $expected = in_array($status, [429, 502, 503, 504], true);
            self::assertSame($expected, Retry::afterResponse($status, true), (string) $status);
            self::assertFalse(Retry::afterResponse($status, false), (string) $status);
        }
    }

    public function testIdempotentMethodsAndKeyedRequestsAreHarmless(): void
    {
        foreach (['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'] as $method) {
            self::assertTrue(self::request($method, null)->isRepeatable(), $method);
        }
        foreach (['POST', 'PATCH', 'TRACE', 'get', 'LOCK'] as $method) {
            self::assertFalse(self::request($method, null)->isRepeatable(), $method);
            self::assertTrue(self::request($method, 'a-key')->isRepeatable(), $method);
        }
    }

    private static function request(string $method, ?string $key): RequestSpec
    {
        return new RequestSpec('a', $method, null, 'https://a.example', idempotencyKey: $key);
    }
}
