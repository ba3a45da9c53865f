<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Cli;

/**
 * `secure-outbound diff`: what a registry allows that its earlier version did not.
 */
final class DiffTest extends CommandTestCase
{
    private const POLICY = ['allowed_methods' => ['GET', 'POST'], 'allowed_paths' => ['/v1/customers/{id}', '/v1/notes/**']];

    private const ENTRY = [
        'base_url' => 'https://api.example.com/v1',
        'policy' => self::POLICY,
        'credentials' => [['identifier' => 'vault:crm', 'type' => 'bearer']],
        'transport' => 'auto',
        'audit' => 'required',
    ];

    public function testNothingMore(): void
    {
        self::assertSame([0, "nothing more is allowed\n"], $this->text(self::ENTRY, self::ENTRY));
    }

    public function testAnotherTechnicalUserIsShownBothWays(): void
    {
        $other = self::entry(['technical_user' => 'svc_crm']);

        self::assertSame([1, [['technical_user', 'whoever calls', 'svc_crm']]], $this->changes(self::ENTRY, $other));
        self::assertSame([1, [['technical_user', 'svc_crm', 'whoever calls']]], $this->changes($other, self::ENTRY));
        self::assertSame([0, []], $this->changes($other, $other));
    }

    /**
     * In each pair the first entry allows less than the second. A change from the first to the second is shown, one from the
     * second to the first is not.
     *
     * @dataProvider wider
     * @param array<string, mixed> $less on top of the entry
     * @param array<string, mixed> $more
     * @param list<array{string, string, string}> $changes
     */
    public function testWhatIsWiderIsShownAndWhatIsNarrowerIsNot(array $less, array $more, array $changes): void
    {
        [$less, $more] = [self::entry($less), self::entry($more)];

        self::assertSame([1, $changes], $this->changes($less, $more));
        self::assertSame([0, []], $this->changes($more, $less));
    }

    /**
     * @return iterable<string, array{array<string, mixed>, array<string, mixed>, list<array{string, string, string}>}>
     */
    public static function wider(): iterable
    {
        $policy = static fn (string $key, mixed $less, mixed $more, string ...$entries): array => [
            ['policy' => $less === null ? [] : [$key => $less]],
            ['policy' => [$key => $more]],
            array_map(static fn (string $entry): array => ['policy.' . $key, '', $entry], $entries),
        ];
        $limit = static fn (string $key, mixed $less, mixed $more, string $was, string $now): array => [
            ['policy' => $less === null ? [] : [$key => $less]],
            ['policy' => $more === null ? [] : [$key => $more]],
            [['policy.' . $key, $was, $now]],
        ];
        yield 'a method' => $policy('allowed_methods', ['GET'], ['DELETE', 'GET'], 'DELETE');

        yield 'a path' => $policy('allowed_paths', ['/v1/a'], ['/v1/a', '/v1/b'], '/v1/b');
        yield 'a slash at its end' => $policy('allowed_paths', ['/v1/a'], ['/v1/a', '/v1/a/'], '/v1/a/');
        yield 'a placeholder' => $policy('allowed_paths', ['/v1/a', '/v1/b'], ['/v1/{x}'], '/v1/{x}');
        yield 'a rest' => $policy('allowed_paths', ['/v1/', '/v1/{a}', '/v1/{a}/{b}'], ['/v1/**'], '/v1/**');
        yield 'a rest that may be empty' => $policy('allowed_paths', ['/v1/{a}', '/v1/{a}/**'], ['/v1/**'], '/v1/**');
        yield 'all below the base path' => $policy('allowed_paths', ['/v1/**'], null, '/v1/**');
        yield 'a rest above the base path' => $policy('allowed_paths', ['/v1/a'], ['/**'], '/**');
        yield 'a placeholder in the base path' => $policy('allowed_paths', ['/v1/a'], ['/{version}/a', '/{version}/{x}'], '/{version}/{x}');

        yield 'a host' => $policy('allowed_hosts', null, ['api.example.com', 'b.example.com'], 'b.example.com');
        yield 'a wildcard' => $policy('allowed_hosts', ['api.example.com', '*.a.example.com'], ['*.example.com'], '*.example.com');
        yield 'a port' => $policy('allowed_hosts', ['api.example.com'], ['api.example.com:443', 'api.example.com:8443'], 'api.example.com:8443');

        yield 'redirects' => $limit('max_redirects', null, 2, '0', '2');
        yield 'plain http' => $limit('allow_http', null, true, 'false', 'true');
        yield 'encoded slashes' => $limit('allow_encoded_slash', null, true, 'false', 'true');
        yield 'attempts' => $limit('max_attempts', 2, 3, '2', '3');
        yield 'time' => $limit('timeout_ms', 1000, 30_000, '1000', '30000');
        yield 'time without a byte' => $limit('idle_timeout_ms', 1000, 2000, '1000', '2000');
        yield 'no limit of that' => $limit('idle_timeout_ms', 1000, null, '1000', 'of the configuration');
        yield 'a limit less' => $limit('request_bytes', 1, null, '1', 'of the configuration');
        yield 'size' => $limit('response_bytes', 5, 6, '5', '6');
        yield 'a version of HTTP' => $limit('http_versions', ['1.1'], ['2', '1.1'], '1.1', '2, 1.1');
        yield 'all versions of HTTP' => $limit('http_versions', ['2', '1.1'], null, '2, 1.1', 'of the configuration');
        yield 'HTTP/3' => $limit('http3', null, 'registered', 'none', 'registered');
        yield 'HTTP/3 by its own word' => $limit('http3', 'registered', 'alt-svc', 'registered', 'alt-svc');
        yield 'no breaker' => $limit('breaker', ['failures' => 3, 'open_ms' => 10], null, '{"failures":3,"open_ms":10}', 'none');
        yield 'a breaker that opens later' => $limit(
            'breaker',
            ['failures' => 3, 'open_ms' => 10],
            ['failures' => 4, 'open_ms' => 10],
            '{"failures":3,"open_ms":10}',
            '{"failures":4,"open_ms":10}',
        );

        yield 'a credential' => [
            ['credentials' => []],
            [],
            [['credentials', '', '{"identifier":"crm","type":"bearer"}']],
        ];
        yield 'an alternative' => [
            [],
            ['alternatives' => [['secret_suffix' => ':fx', 'base_url' => 'https://free.example.com']]],
            [['alternatives', '', '{"secret_suffix":":fx","base_url":"https://free.example.com"}']],
        ];
        yield 'a header' => [
            ['headers' => ['accept' => 'text/html']],
            ['headers' => ['Accept' => 'text/html', 'X-HTTP-Method-Override' => 'DELETE']],
            [['headers', '', 'X-HTTP-Method-Override']],
        ];
        yield 'a weaker transport' => [['transport' => 'rust'], [], [['transport', 'rust', 'auto']]];
        yield 'the weakest transport' => [[], ['transport' => 'php'], [['transport', 'auto', 'php']]];
        yield 'fewer records' => [['audit_sample' => 2], ['audit_sample' => 100], [['audit_sample', '2', '100']]];
        yield 'audit' => [[], ['audit' => 'standard'], [['audit', 'required', 'standard']]];

        $redirected = ['policy' => ['allowed_paths' => ['/v1/a'], 'max_redirects' => 1]];
        yield 'a path outside the base path, by a redirect' => [
            $redirected,
            array_replace_recursive($redirected, ['policy' => ['allowed_paths' => ['/v1/a', '/v2/{x}']]]),
            [['policy.allowed_paths', '', '/v2/{x}']],
        ];
        $root = static fn (string ...$paths): array => [
            'base_url' => 'https://api.example.com',
            'policy' => ['allowed_paths' => $paths],
        ];
        yield 'a placeholder at the root' => [$root('/a'), $root('/{x}'), [['policy.allowed_paths', '', '/{x}']]];
        yield 'a rest at the root' => [$root('/', '/{x}', '/{x}/'), $root('/**'), [['policy.allowed_paths', '', '/**']]];
        yield 'another base path' => [
            ['base_url' => 'https://api.example.com/v1/notes'],
            [],
            [['policy.allowed_paths', '', '/v1/customers/{id}']],
        ];
    }

    /**
     * @dataProvider other
     * @param array<string, mixed> $old on top of the entry
     * @param array<string, mixed> $new
     * @param list<array{string, string, string}> $changes
     */
    public function testWhatIsOther(array $old, array $new, array $changes): void
    {
        self::assertSame([$changes === [] ? 0 : 1, $changes], $this->changes(self::entry($old), self::entry($new)));
    }

    /**
     * @return iterable<string, array{array<string, mixed>, array<string, mixed>, list<array{string, string, string}>}>
     */
    public static function other(): iterable
    {
        yield 'more time than usual' => [
            [],
            ['policy' => ['timeout_ms' => 30_001]],
            [['policy.timeout_ms', 'of the configuration', '30001']],
        ];
        yield 'what the configuration says, which may be more' => [
            ['policy' => ['timeout_ms' => 30_001]],
            [],
            [['policy.timeout_ms', '30001', 'of the configuration']],
        ];
        yield 'less time than usual' => [[], ['policy' => ['timeout_ms' => 30_000]], []];
        yield 'more time without a byte than usual' => [
            [],
            ['policy' => ['idle_timeout_ms' => 60_001]],
            [['policy.idle_timeout_ms', 'of the configuration', '60001']],
        ];
        yield 'a limit of that where the whole time has one' => [
            ['policy' => ['timeout_ms' => 90_000]],
            ['policy' => ['timeout_ms' => 90_000, 'idle_timeout_ms' => 60_001]],
            [],
        ];
        // With http, the second entry allows port 80 as well.
        yield 'a host of both schemes' => [
            ['policy' => ['allow_http' => true, 'allowed_hosts' => ['api.example.com:443']]],
            ['policy' => ['allow_http' => true, 'allowed_hosts' => ['api.example.com']]],
            [['policy.allowed_hosts', '', 'api.example.com']],
        ];
        $hosts = ['policy' => ['allowed_hosts' => ['*.example.com']]];
        yield 'a base URL among the hosts' => [
            $hosts,
            $hosts + ['base_url' => 'https://b.example.com/v1'],
            [['base_url', 'https://api.example.com', 'https://b.example.com']],
        ];
        yield 'another value of a header' => [
            ['headers' => ['X-Tenant' => 'a']],
            ['headers' => ['x-tenant' => 'b']],
            [['headers', '', 'x-tenant']],
        ];
        yield 'another identifier' => [
            [],
            ['credentials' => [['identifier' => 'crm', 'type' => 'basic']]],
            [['credentials', '', '{"identifier":"crm","type":"basic"}']],
        ];
        yield 'the same in another spelling' => [
            ['policy' => ['allowed_hosts' => ['api.example.com', 'bücher.example'], 'allowed_paths' => ['/v1/Bücher/{id}', '/v1/x']]],
            [
                'base_url' => 'https://API.example.com:443/v1',
                'policy' => [
                    'allowed_hosts' => ['xn--bcher-kva.example', 'api.EXAMPLE.com.:443'],
                    'allowed_paths' => ['/v1/x', '/v1/B%C3%BCcher/{other}'],
                    'allowed_methods' => ['POST', 'GET'],
                    'max_redirects' => 0,
                ],
                'credentials' => [['identifier' => 'crm', 'type' => 'bearer']],
            ],
            [],
        ];
        yield 'a pattern that no call reaches' => [[], ['policy' => ['allowed_paths' => ['/v1/notes/x', '/v2/x']]], []];
        yield 'what no transport takes' => [[], ['policy' => ['allowed_hosts' => ['b.*.example.com', 'b.example.com']]], []];
        yield 'a base URL that no host allows' => [[], ['policy' => ['allowed_hosts' => ['b.example.com']]], []];
    }

    public function testAServiceThatIsNewIsShownWithAllThatItAllows(): void
    {
        $old = $this->json('old.json', ['version' => 1, 'services' => (object) []]);
        $result = self::command(['diff', $old, $this->registry('new.json', self::ENTRY)]);

        self::assertSame(1, $result['code']);
        self::assertSame(<<<'TEXT'
            crm
              + service                      https://api.example.com/v1
              + policy.allowed_methods       GET
              + policy.allowed_methods       POST
              + policy.allowed_paths         /v1/customers/{id}
              + policy.allowed_paths         /v1/notes/**
              + credentials                  {"identifier":"crm","type":"bearer"}

            TEXT, $result['output']);
    }

    public function testAFaultyEntryAllowsNothingAndIsNamed(): void
    {
        $faulty = ['base_url' => "https://user\e[31m@host"] + self::ENTRY;
        [$code, $output] = $this->text(self::ENTRY, $faulty);
        self::assertSame(0, $code);
        self::assertStringContainsString('NEW: "crm" is disabled: base_url must be', $output);
        self::assertStringNotContainsString("\e", $output);

        [$code, $output] = $this->text($faulty, self::ENTRY);
        self::assertSame(1, $code);
        self::assertStringContainsString('OLD: "crm" is disabled', $output);
        self::assertStringContainsString('+ service ', $output);
    }

    public function testNothingInARegistryDrivesTheTerminal(): void
    {
        $entry = self::entry(['policy' => ['allowed_paths' => ["/v1/\u{9b}2J\u{202e}", '/v1/ok']]]);
        [, $output] = $this->text(self::ENTRY, $entry);

        self::assertSame(0, preg_match('/[\x{80}-\x{9F}\x{202E}]/u', $output), $output);
    }

    public function testARegistryThatCannotBeReadIsNamed(): void
    {
        $good = $this->registry('good.json', self::ENTRY);
        $bad = $this->directory->write('bad.json', '{');

        $result = self::command(['diff', $good, $bad]);
        self::assertSame(64, $result['code']);
        self::assertStringContainsString('secure-outbound diff: NEW: the registry file is no JSON', $result['output']);
        $result = self::command(['diff', $bad . 'x', $good]);
        self::assertSame(64, $result['code']);
        self::assertStringContainsString('secure-outbound diff: OLD: the registry file cannot be read', $result['output']);
    }

    /**
     * @param array<string, mixed> $own
     * @return array<string, mixed>
     */
    private static function entry(array $own): array
    {
        $policy = ($own['policy'] ?? []) + self::POLICY;
        return ['policy' => array_filter($policy, static fn (mixed $value): bool => $value !== null)] + $own + self::ENTRY;
    }

    /**
     * @param array<string, mixed> $old
     * @param array<string, mixed> $new
     * @return array{int, string}
     */
    private function text(array $old, array $new): array
    {
        $result = self::command(['diff', $this->registry('old.json', $old), $this->registry('new.json', $new)]);
        return [$result['code'], $result['output']];
    }

    /**
     * @param array<string, mixed> $old
     * @param array<string, mixed> $new
     * @return array{int, list<array{string, string, string}>}
     */
    private function changes(array $old, array $new): array
    {
        $files = [$this->registry('old.json', $old), $this->registry('new.json', $new)];
        $result = self::command(['diff', ...$files, '--format=json']);
        $report = json_decode($result['output'], true);
        self::assertIsArray($report, $result['output']);
        self::assertSame([1, $report['changes'] !== []], [$report['version'], $report['more']]);
        self::assertSame([], array_diff(array_column($report['changes'], 'service'), ['crm']));
        return [$result['code'], array_map(
            static fn (array $change): array => [$change['field'], $change['was'], $change['now']],
            $report['changes'],
        )];
    }

    /**
     * @param array<string, mixed> $entry
     */
    private function registry(string $name, array $entry): string
    {
        return $this->json($name, ['version' => 1, 'services' => ['crm' => $entry]]);
    }
}
