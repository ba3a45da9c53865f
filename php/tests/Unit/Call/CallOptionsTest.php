<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Call;

use Netresearch\NrVault\Outbound\Call\CallOptions;
use Netresearch\NrVault\Outbound\Exception\RequestRefused;
use PHPUnit\Framework\TestCase;

final class CallOptionsTest extends TestCase
{
    /**
     * @dataProvider queries
     * @param array<mixed> $query
     * @param list<array{string, string}> $pairs
     */
    public function testAQueryBecomesPairs(array $query, array $pairs): void
    {
        self::assertSame($pairs, CallOptions::read(['query' => $query])->query);
    }

    /**
     * @return iterable<string, array{array<mixed>, list<array{string, string}>}>
     */
    public static function queries(): iterable
    {
        yield 'none' => [[], []];
        yield 'a map' => [['a' => 'b c', 'ä' => '&='], [['a', 'b c'], ['ä', '&=']]];
        yield 'numbers' => [['n' => 7, 'f' => 1.5, 3 => 'x'], [['n', '7'], ['f', '1.5'], ['3', 'x']]];
        yield 'booleans' => [['t' => true, 'f' => false], [['t', '1'], ['f', '0']]];
        yield 'null is left out' => [['a' => null, 'b' => ''], [['b', '']]];
        yield 'nested' => [
            ['a' => ['x', 'y'], 'b' => ['c' => ['d' => 'e']]],
            [['a[0]', 'x'], ['a[1]', 'y'], ['b[c][d]', 'e']],
        ];
        yield 'pairs' => [[['a', '1'], ['a', '2']], [['a', '1'], ['a', '2']]];
    }

    public function testHeadersAreAMapOrPairs(): void
    {
        $pairs = [['Accept', 'text/plain'], ['X-N', '7'], ['X-L', 'a'], ['X-L', 'b']];

        $map = ['Accept' => 'text/plain', 'X-N' => 7, 'X-L' => ['a', 'b']];
        self::assertSame($pairs, CallOptions::read(['headers' => $map])->headers);
        self::assertSame($pairs, CallOptions::read(['headers' => $pairs])->headers);
    }

    public function testJsonIsEncodedAsTheContractSays(): void
    {
        $value = ['url' => 'a/b', 'ä' => 1.0, 'o' => new \stdClass()];

        self::assertSame('{"url":"a/b","ä":1.0,"o":{}}', CallOptions::read(['json' => $value])->body);
        self::assertSame('[]', CallOptions::read(['json' => []])->body);
        self::assertSame('{"a":1}', CallOptions::read(['json' => (object) ['a' => 1]])->body);
        $serializable = new class implements \JsonSerializable {
            public function jsonSerialize(): mixed
            {
                return ['own'];
            }
        };
        self::assertSame('["own"]', CallOptions::read(['json' => $serializable])->body);
        self::assertTrue(CallOptions::read(['json' => []])->isJson);
        self::assertFalse(CallOptions::read(['body' => '[]'])->isJson);
    }

    /**
     * @dataProvider timeouts
     */
    public function testSecondsBecomeMilliseconds(int|float|null $seconds, ?int $milliseconds): void
    {
        self::assertSame($milliseconds, CallOptions::read(['timeout' => $seconds])->timeoutMs);
    }

    /**
     * @return iterable<array{int|float|null, int|null}>
     */
    public static function timeouts(): iterable
    {
        yield [10, 10000];
        yield [0.25, 250];
        yield [0.0001, 1];
        yield [1e300, 86400000];
        yield [PHP_INT_MAX, 86400000];
        yield [INF, 86400000];
        yield [null, null];
    }

    public function testWhatIsNullIsAbsent(): void
    {
        $all = ['query', 'headers', 'json', 'body', 'timeout', 'idempotencyKey', 'correlationId'];
        $options = CallOptions::read(array_fill_keys($all, null));

        self::assertEquals(CallOptions::read([]), $options);
        self::assertSame('', $options->body);
    }

    /**
     * @dataProvider faulty
     * @param array<mixed> $options
     */
    public function testWhatHasNoFormIsRefusedWithoutItsValue(array $options, string $message): void
    {
        try {
            CallOptions::read($options);
            self::fail('The options were read.');
        } catch (RequestRefused $refusal) {
            self::assertSame('invalid_request.malformed', $refusal->errorCode());
            self::assertStringContainsString($message, $refusal->getMessage());
            self::assertStringNotContainsString('hunter2', (string) $refusal);
            self::assertNull($refusal->getPrevious());
        }
    }

    /**
     * @return iterable<string, array{array<mixed>, string}>
     */
    public static function faulty(): iterable
    {
        yield 'a misspelt option' => [['tiemout' => 1], 'the call has the unknown option "tiemout": write "timeout"; known'];
        yield 'an option in another case' => [['Query' => []], 'unknown option "Query": write "query"'];
        yield 'an option in another style' => [['idempotency_key' => 'hunter2'], '"idempotency_key": write "idempotencyKey"'];
        yield 'an option with its unit' => [['timeout_ms' => 7], '"timeout_ms": write "timeout"'];
        yield 'an option that is none here' => [['verify' => false], '"verify": tls of the configuration is for that; known'];
        yield 'an option like no other' => [['wibble' => 1], 'unknown option "wibble"; known are query,'];
        yield 'a value as an option' => [['hunter2 ' => 1], 'the call has an unknown option; known are'];
        yield 'a list as options' => [['hunter2'], 'the call has an unknown option; known are'];
        yield 'json and body' => [['json' => [], 'body' => ''], 'both json and body'];
        yield 'a text as json' => [['json' => 'hunter2'], 'no array and no object'];
        yield 'json of bad UTF-8' => [['json' => ["hunter2\xFF"]], 'not UTF-8'];
        yield 'json of no number' => [['json' => [NAN]], 'infinite or none'];
        $thrower = new class implements \JsonSerializable {
            public function jsonSerialize(): never
            {
                throw new \LogicException('hunter2');
            }
        };
        yield 'json that throws' => [['json' => $thrower], 'jsonSerialize() threw'];
        yield 'an array as body' => [['body' => ['hunter2']], 'body is no string'];
        yield 'a text as query' => [['query' => 'a=hunter2'], 'query is no array'];
        yield 'a list of texts as query' => [['query' => ['hunter2']], 'not of pairs'];
        yield 'a text as headers' => [['headers' => 'x: hunter2'], 'headers is no array'];
        yield 'a list of texts as headers' => [['headers' => ['x: hunter2']], 'not of pairs'];
        yield 'a boolean as header' => [['headers' => ['x-a' => true]], 'the value of the header "x-a" is no string'];
        yield 'no name of a header' => [['headers' => ['hunter2 ' => true]], 'the value of a header is no string'];
        yield 'no timeout' => [['timeout' => 0], 'above 0'];
        yield 'a negative timeout' => [['timeout' => -0.5], 'above 0'];
        yield 'a text as timeout' => [['timeout' => '10'], 'above 0'];
        yield 'no number as timeout' => [['timeout' => NAN], 'above 0'];
        yield 'a number as key' => [['idempotencyKey' => 7], 'idempotencyKey'];
        yield 'a line break in the correlation id' => [['correlationId' => "a\nhunter2"], 'correlationId'];
        yield 'a number as correlation id' => [['correlationId' => 7], 'correlationId'];
    }
}
