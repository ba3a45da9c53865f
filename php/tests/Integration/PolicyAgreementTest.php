<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\RequestGenerator;
use Netresearch\NrVault\Outbound\Tests\Unit\Php\Policy\PolicyVectors;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;
use PHPUnit\Framework\TestCase;

/**
 * The library and PHP decide about the same requests and must agree in code, message, URL and path template.
 */
final class PolicyAgreementTest extends TestCase
{
    /** The default seed. A run with other requests: SECURE_OUTBOUND_SEED=1234 phpunit … */
    private const SEED = 0x5ec0;

    private const REQUESTS = 10000;

    private static RustFfiTransport $library;

    public static function setUpBeforeClass(): void
    {
        self::$library = new RustFfiTransport(PolicyVectors::configuration(), Build::library());
    }

    /**
     * @dataProvider requests
     * @param array<string, mixed> $case
     */
    public function testTheSharedRequests(array $case): void
    {
        self::assertAgreed(static fn (): RequestSpec => PolicyVectors::request($case['request']));
    }

    /** @return array<string, array{array<string, mixed>}> */
    public static function requests(): array
    {
        return PolicyVectors::requests();
    }

    /**
     * @dataProvider lists
     * @param \Closure(string): array<string, mixed> $changes
     */
    public function testEveryTextOfTheVectorsInAWholeRequest(string $section, \Closure $changes): void
    {
        $cases = PolicyVectors::section($section);
        self::assertNotSame([], $cases);
        foreach ($cases as $case) {
            $text = is_array($case) ? $case[0] : $case;
            self::assertAgreed(static fn (): RequestSpec => PolicyVectors::request($changes($text)));
        }
    }

    /** @return iterable<string, array{string, \Closure}> */
    public static function lists(): iterable
    {
        $lists = [
            'hosts' => static fn (string $host): array => ['base_url' => "https://$host/"],
            'ports' => static fn (string $host): array => ['base_url' => "https://$host"],
            'paths' => static fn (string $path): array => ['base_url' => 'https://a.example', 'path' => $path],
            'queries' => static fn (string $query): array => ['url' => 'https://api.example.com/v1?' . $query],
            'patterns' => static fn (string $pattern): array => ['policy' => ['allowed_paths' => [$pattern]]],
            'bad_patterns' => static fn (string $pattern): array => ['policy' => ['allowed_paths' => [$pattern]]],
            'methods' => static fn (string $method): array => ['method' => $method],
            'header_names' => static fn (string $name): array => ['headers' => [[$name, 'x']]],
            'header_values' => static fn (string $value): array => ['headers' => [['x-a', $value]]],
        ];
        foreach ($lists as $section => $changes) {
            yield $section => [$section, $changes];
        }
        yield 'hosts as rules' => ['hosts', static fn (string $host): array => [
            'policy' => ['allowed_hosts' => ['*.' . $host, $host, $host . ':8443']],
        ]];
        yield 'names of the idempotency header' => ['header_names', static fn (string $name): array => [
            'idempotency_header' => $name,
            'idempotency_key' => 'k',
            'headers' => [['accept', 'x']],
        ]];
    }

    /** @dataProvider forms */
    public function testWhatIsWrongWithARequestAsADocument(RequestSpec $request): void
    {
        self::assertAgreed(static fn (): RequestSpec => $request);
    }

    /** @return iterable<string, array{RequestSpec}> */
    public static function forms(): iterable
    {
        $request = static fn (mixed ...$more): array => [new RequestSpec(...$more + [
            'serviceId' => 'test',
            'method' => 'GET',
            'policy' => new Policy(['GET'], ['api.example.com']),
            'baseUrl' => 'https://api.example.com',
        ])];
        yield 'sound' => $request();
        yield 'service id' => $request(serviceId: 'a b');
        yield 'long service id' => $request(serviceId: str_repeat('a', 129));
        yield 'line break behind the service id' => $request(serviceId: "a\n");
        yield 'no correlation id' => $request(correlationId: '');
        yield 'no idempotency key' => $request(idempotencyKey: '');
        yield 'long idempotency key' => $request(idempotencyKey: str_repeat('k', 256));
        yield 'longest idempotency key' => $request(idempotencyKey: str_repeat('k', 255));
        yield 'idempotency key of two lines' => $request(idempotencyKey: "a\n");
        yield 'bytes in the path' => $request(path: "/\xff");
        yield 'a surrogate in the path' => $request(path: "/\xed\xa0\x80");
        yield 'bytes in the query' => $request(query: [["\xff", '']]);
        yield 'bytes in the URL' => $request(url: "https://api.example.com/\xff");
        yield 'bytes in a rule' => $request(policy: new Policy(['GET'], ["\xff"]));
        yield 'bytes in a header' => $request(headers: [['x-a', "\xff\x80"]]);
        yield 'bytes in the name of a header' => $request(headers: [["x-\xff", '']]);
        yield 'body of the size that is allowed' => $request(body: str_repeat('b', PolicyVectors::REQUEST_BYTES));
        yield 'body above it' => $request(body: str_repeat('b', PolicyVectors::REQUEST_BYTES + 1));
        yield 'name of a header as long as may be' => $request(headers: [[str_repeat('n', 65535), '']]);
        yield 'longer' => $request(headers: [[str_repeat('n', 65536), '']]);
        yield 'longest URL' => $request(path: str_repeat('a', 8192 - strlen('https://api.example.com/')));
        yield 'longer URL' => $request(path: str_repeat('a', 8193 - strlen('https://api.example.com/')));
        yield 'faults of every kind' => $request(method: 'lower', path: '//', headers: [['host', 'x']], policy: null);
    }

    /** The only difference that is allowed: an intl extension may have older Unicode tables than the library. */
    public function testANameThatIntlDoesNotKnowYetIsRefused(): void
    {
        foreach (["a\u{1C89}b", "a\u{2132}b", "a\u{2061}b", "a\u{A7CB}b", "a\u{105C0}b", 'xn--ab-kur'] as $name) {
            $request = PolicyVectors::request(['base_url' => "https://$name.example/"]);
            $url = self::$library->decide($request)->url;
            $php = PolicyVectors::verdict(static function () use ($request): array {
                $target = PolicyVectors::decision()->decide($request, [])->target;
                return [$target->text($target->query), null];
            });
            self::assertSame($php['code'] === null ? $url : null, $php['url'], $name);
            self::assertContains($php['code'], [null, 'invalid_request.malformed'], $name);
        }
    }

    public function testGeneratedRequests(): void
    {
        $seed = (int) (getenv('SECURE_OUTBOUND_SEED') ?: self::SEED);
        $generator = new RequestGenerator($seed);
        $codes = [];
        for ($index = 0; $index < self::REQUESTS; $index++) {
            $changes = $generator->changes();
            $verdict = self::assertAgreed(
                static fn (): RequestSpec => PolicyVectors::request($changes),
                "seed $seed, request $index: " . json_encode($changes),
            );
            $code = $verdict['code'] ?? 'allowed';
            $codes[$code] = ($codes[$code] ?? 0) + 1;
        }
        // Every rule has to refuse some of the requests; if one rule refused most of them, the others would not be tested.
        foreach (RequestGenerator::CODES as $code) {
            self::assertGreaterThan(self::REQUESTS / 400, $codes[$code] ?? 0, "seed $seed: $code");
        }
    }

    /**
     * @param \Closure(): RequestSpec $request
     * @return array{code: string|null, message: string|null, url: string|null, template: string|null}
     */
    private static function assertAgreed(\Closure $request, string $what = ''): array
    {
        $library = PolicyVectors::verdict(static function () use ($request): array {
            $decision = self::$library->decide($request(), PolicyVectors::credentials());
            return [$decision->url, $decision->pathTemplate];
        });
        $php = PolicyVectors::verdict(static function () use ($request): array {
            $admitted = PolicyVectors::decision()->decide($request(), PolicyVectors::credentials());
            return [$admitted->target->text($admitted->target->query), $admitted->pathTemplate];
        });
        self::assertNotSame('internal.panic', $library['code']);
        self::assertSame(self::comparable($library), self::comparable($php), $what);
        return $php;
    }

    /**
     * For an IPv4 address in another notation whose number is too large, the library's message is the one about any malformed host.
     *
     * @param array<string, string|null> $verdict
     * @return array<string, string|null>
     */
    private static function comparable(array $verdict): array
    {
        $noHost = 'a host is neither a name nor an address [invalid_request.malformed]';
        $message = preg_replace('/an IPv4 address must be four .*$/', $noHost, $verdict['message'] ?? '');
        return ['message' => $message] + $verdict;
    }
}
