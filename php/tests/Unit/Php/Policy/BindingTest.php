<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php\Policy;

use Netresearch\NrVault\Transport\Php\Policy\BindingRules;
use Netresearch\NrVault\Transport\Php\Policy\Canonicalizer;
use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;
use Netresearch\NrVault\Transport\Php\Policy\Moment;
use PHPUnit\Framework\TestCase;

/**
 * Bindings, which are sealed with a credential and say where it may be sent, by the cases that the library's tests use as well.
 */
final class BindingTest extends TestCase
{
    /** @dataProvider moments */
    public function testMoments(int|string $written, int $seconds, int $nanoseconds): void
    {
        $moment = Moment::read($written);
        self::assertNotNull($moment);
        // PHP's clock counts microseconds, so a moment between two of them is over at the second one.
        $end = self::clock($seconds, intdiv($nanoseconds + 999, 1000));
        self::assertTrue($moment->isOver($end));
        self::assertFalse($moment->isOver($end->modify('-1 microsecond')));
    }

    /** @return iterable<string, array<mixed>> */
    public static function moments(): iterable
    {
        return PolicyVectors::cases('moments');
    }

    public function testWhatIsNoMomentIsRefused(): void
    {
        foreach (PolicyVectors::section('bad_moments') as $written) {
            self::assertNull(Moment::read($written), json_encode($written));
            self::assertNotRead((object) ['expires_at' => $written]);
        }
    }

    public function testMisspeltIsRefused(): void
    {
        $documents = ['{"host": ["a.example"]}', '{"hosts": "a.example"}', '{"hosts": [1]}', '{"hosts": null}'];
        foreach ([...$documents, '{"paths": {}}', '{"expires_at": null}', '[]', 'null', '"x"'] as $document) {
            self::assertNotRead(json_decode($document));
        }
        self::assertNotNull(BindingRules::read(json_decode('{}')));
    }

    private static function assertNotRead(mixed $binding): void
    {
        try {
            BindingRules::read($binding);
        } catch (InvalidPayload) {
            return;
        }
        self::fail('It was read: ' . json_encode($binding));
    }

    /** @dataProvider bindings */
    public function testABindingAllowsOrRefuses(?string $code, string $binding): void
    {
        $target = Canonicalizer::fromUrl('https://api.example.com/v1/a');
        $rules = BindingRules::read(json_decode($binding, flags: JSON_THROW_ON_ERROR));
        $verdict = PolicyVectors::verdict(static function () use ($rules, $target): array {
            $rules->check('an_id', $target, 'GET', self::clock(1795300000));
            return ['', null];
        });
        self::assertSame($code, $verdict['code'], (string) $verdict['message']);
    }

    /** @return iterable<string, array{string|null, string}> */
    public static function bindings(): iterable
    {
        $violated = 'policy.binding_violated';
        yield 'nothing' => [null, '{}'];
        yield 'host' => [null, '{"hosts": ["other.example", "*.example.com"]}'];
        yield 'other host' => [$violated, '{"hosts": ["example.com"]}'];
        yield 'other port' => [$violated, '{"hosts": ["api.example.com:8443"]}'];
        yield 'no host' => [$violated, '{"hosts": []}'];
        yield 'method' => [null, '{"methods": ["POST", "GET"]}'];
        yield 'other method' => [$violated, '{"methods": ["POST"]}'];
        yield 'no method' => [$violated, '{"methods": []}'];
        yield 'path' => [null, '{"paths": ["/v1/{id}"]}'];
        yield 'other path' => [$violated, '{"paths": ["/v1"]}'];
        yield 'no path' => [$violated, '{"paths": []}'];
        yield 'all' => [
            null,
            '{"hosts": ["api.example.com"], "methods": ["GET"], "paths": ["/v1/a"], "expires_at": 1795300001}',
        ];
        yield 'over' => ['credential.expired', '{"hosts": [], "paths": ["unreadable"], "expires_at": 1795300000}'];
        yield 'unreadable path' => ['credential.payload_invalid', '{"hosts": [], "paths": ["unreadable"]}'];
        yield 'unreadable host' => ['credential.payload_invalid', '{"hosts": ["https://a"]}'];
        yield 'unreadable method' => ['credential.payload_invalid', '{"methods": ["get"]}'];
    }

    public function testARedirectPassesTheBindingAsWell(): void
    {
        $rules = BindingRules::read(json_decode('{"paths": ["/v1/a"], "methods": ["GET"], "expires_at": 1}'));
        $code = static fn (string $url, string $method): ?string => PolicyVectors::verdict(
            static function () use ($rules, $url, $method): array {
                $rules->checkRedirect('id', Canonicalizer::fromUrl($url), $method);
                return ['', null];
            },
        )['code'];
        self::assertNull($code('https://api.example.com/v1/a', 'GET'));
        self::assertSame('policy.redirect_not_allowed', $code('https://api.example.com/v1/b', 'GET'));
        self::assertSame('policy.redirect_not_allowed', $code('https://api.example.com/v1/a', 'POST'));
    }

    private static function clock(int $seconds, int $microseconds = 0): \DateTimeImmutable
    {
        return (new \DateTimeImmutable('@0'))->setTimestamp($seconds)->modify("+$microseconds microseconds");
    }
}
