<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Policy\HeaderRules;
use Netresearch\NrVault\Transport\Php\Policy\InternalHosts;
use Netresearch\NrVault\Transport\Php\Policy\PolicyDecision;
use Netresearch\NrVault\Transport\Php\Policy\Versions;
use Netresearch\NrVault\Transport\Policy;
use PHPUnit\Framework\TestCase;

/**
 * Whole requests and redirects, by the cases that the library's tests use as well.
 */
final class DecisionTest extends TestCase
{
    /**
     * @dataProvider requests
     * @param array<string, mixed> $case
     */
    public function testEveryRequestHasItsVerdict(array $case): void
    {
        $verdict = self::judge($case['request']);
        self::assertSame($case['code'] ?? null, $verdict['code']);
        self::assertSame($case['url'] ?? null, $verdict['url']);
        self::assertSame($case['path_template'] ?? null, $verdict['template']);
    }

    /** @return array<string, array{array<string, mixed>}> */
    public static function requests(): array
    {
        return PolicyVectors::requests();
    }

    /** A request with every fault. They are fixed one by one, and each time the next error in the order must be reported. */
    public function testTheFirstErrorCounts(): void
    {
        ['request' => $request, 'steps' => $steps] = PolicyVectors::section('first_error');
        foreach ($steps as ['code' => $code, 'fix' => $remedy]) {
            self::assertSame($code, self::judge($request)['code']);
            $request = PolicyVectors::merge($request, $remedy);
        }
        self::assertNull(self::judge($request)['code']);
    }

    /**
     * @dataProvider hops
     * @param array<string, mixed> $case
     */
    public function testEveryRedirectIsJudgedLikeARequest(array $case): void
    {
        $admitted = PolicyVectors::decision()->decide(PolicyVectors::request($case['request']), []);
        $verdict = PolicyVectors::verdict(static function () use ($case, $admitted): array {
            ['location' => $location, 'method' => $method, 'has_credential' => $hasCredential] = $case;
            $next = PolicyVectors::decision()->redirect($admitted, $location, $method, $hasCredential);
            return [$next->target->text($next->target->query), $next->pathTemplate];
        });
        self::assertSame($case['url'] ?? null, $verdict['url']);
        self::assertSame($case['path_template'] ?? null, $verdict['template']);
        self::assertSame(isset($case['url']) ? null : 'policy.redirect_not_allowed', $verdict['code']);
    }

    /** @return iterable<array{array<string, mixed>}> */
    public static function hops(): iterable
    {
        foreach (PolicyVectors::section('hops') as $case) {
            yield [$case];
        }
    }

    public function testTheLimitOfTheConfigurationHoldsAboveThePolicys(): void
    {
        $changes = ['policy' => ['request_bytes' => 5000]];
        $request = PolicyVectors::request($changes);
        $bytes = strlen($request->body);
        $code = static fn (int $limit): ?string => PolicyVectors::verdict(static fn (): array => [
            (new PolicyDecision(InternalHosts::read([]), $limit))->decide($request, [])->method,
            null,
        ])['code'];
        self::assertNull($code($bytes));
        self::assertSame('policy.request_too_large', $code($bytes - 1));
    }

    public function testAPolicyOnlyNarrowsTheVersionsOfTheConfiguration(): void
    {
        foreach (PolicyVectors::section('http_versions') as [$configured, $policy, $expected]) {
            try {
                $left = Versions::of($configured)->narrowed(Policy::fromWire(['allowed_methods' => ['GET']] + $policy));
            } catch (OutboundException $refusal) {
                self::assertSame('invalid_request.malformed', $refusal->errorCode());
                $left = null;
            }
            $expected = $expected === null ? null : Versions::of($expected);
            self::assertEquals($expected, $left, json_encode([$configured, $policy], JSON_THROW_ON_ERROR));
        }
    }

    public function testMethodsAreUpperCaseTokens(): void
    {
        foreach (PolicyVectors::section('methods') as [$text, $isSound]) {
            $verdict = PolicyVectors::verdict(static fn (): array => [HeaderRules::method($text), null]);
            self::assertSame($isSound ? $text : null, $verdict['url'], $text);
        }
    }

    public function testHeaderNamesAreTokens(): void
    {
        foreach (PolicyVectors::section('header_names') as [$text, $name]) {
            self::assertSame($name, HeaderRules::name($text), $text);
        }
    }

    public function testHeaderValuesAreOneByteForEachCharacter(): void
    {
        foreach (PolicyVectors::section('header_values') as [$text, $bytes]) {
            $verdict = PolicyVectors::verdict(static function () use ($text): array {
                $request = PolicyVectors::request(['headers' => [['X-A', $text]]]);
                return [HeaderRules::read($request->headers)[0][1], null];
            });
            self::assertSame($bytes === null ? null : implode('', array_map(chr(...), $bytes)), $verdict['url']);
        }
    }

    public function testFieldsOfOneNameStandTogetherInTheirOrder(): void
    {
        $read = HeaderRules::read([['Accept', 'a'], ['1', 'x'], ['accept', 'b'], ['ACCEPT', 'a']]);
        self::assertSame([['accept', 'a'], ['accept', 'b'], ['accept', 'a'], ['1', 'x']], $read);
    }

    public function testMoreFieldsThanTheLibraryHoldsAreAnError(): void
    {
        $fields = array_map(static fn (int $number): array => ["x-$number", ''], range(1, 24577));
        $this->expectExceptionMessage('there are too many headers');
        HeaderRules::read($fields);
    }

    public function testNoTextRepeatsWhatTheCallerWrote(): void
    {
        $requests = [
            ['base_url' => 'https://c4n4ry@api.example.com/'],
            ['base_url' => 'https://c4n4ry%00/'],
            ['base_url' => 'c4n4ry://api.example.com/'],
            ['base_url' => 'https://c4n4ry.example/', 'policy' => ['allowed_hosts' => ['a.example']]],
            ['path' => 'c4n4ry/../b'],
            ['url' => 'https://api.example.com/c4n4ry'],
            ['url' => "https://api.example.com/v1?c4n4ry\x7Fc4n4ry"],
            ['headers' => [['c4n4ry x', 'c4n4ry']]],
            ['headers' => [['proxy-x', 'c4n4ry']]],
            ['headers' => [['x-a', "c4n4ry\x7F"]]],
            ['method' => 'c4n4ry'],
            ['policy' => ['allowed_paths' => ['c4n4ry']]],
            ['policy' => ['allowed_hosts' => ['c4n4ry:c4n4ry']]],
        ];
        foreach ($requests as $changes) {
            $message = self::judge($changes)['message'];
            self::assertNotNull($message, json_encode($changes));
            self::assertStringNotContainsString('c4n4ry', $message);
        }
    }

    /** With zend.exception_ignore_args=0, as in these tests, the trace of an exception holds the arguments of each function. */
    public function testARefusalShowsNeitherPathNorQueryNorHeader(): void
    {
        $requests = [
            ['path' => 'c4n4ry//b', 'query' => [['c4n4ry', 'c4n4ry']]],
            ['path' => '%2e%2e/c4n4ry'],
            ['path' => 'c4n4ry', 'policy' => ['allowed_paths' => ['/b']]],
            ['url' => "https://api.example.com/v1?c4n4ry\x7F", 'headers' => [['x-a', 'c4n4ry']]],
            ['url' => 'https://api.example.com/c4n4ry?c4n4ry'],
            ['headers' => [['x-a', "c4n4ry\n"]]],
            ['headers' => [['host', 'c4n4ry']]],
        ];
        foreach ($requests as $changes) {
            try {
                PolicyVectors::decision()->decide(PolicyVectors::request($changes), []);
                self::fail('The request is allowed.');
            } catch (OutboundException $refusal) {
                foreach ($refusal->getTrace() as $frame) {
                    if (str_contains($frame['class'] ?? '', '\\Transport\\Php\\')) {
                        self::assertStringNotContainsString('c4n4ry', print_r($frame['args'] ?? [], true));
                    }
                }
            }
        }
    }

    /**
     * @param array<string, mixed> $changes
     * @return array{code: string|null, message: string|null, url: string|null, template: string|null}
     */
    private static function judge(array $changes): array
    {
        return PolicyVectors::verdict(static function () use ($changes): array {
            $request = PolicyVectors::request($changes);
            $admitted = PolicyVectors::decision()->decide($request, PolicyVectors::credentials());
            return [$admitted->target->text($admitted->target->query), $admitted->pathTemplate];
        });
    }
}
