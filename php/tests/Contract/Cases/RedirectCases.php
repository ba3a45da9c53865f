<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Contract\Outcome;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * Redirects, which are returned to the caller as responses, or followed under the rules of the first request.
 */
trait RedirectCases
{
    public function testWithoutMaxRedirectsTheAnswerIsHandedOver(): void
    {
        foreach ([300, 301, 302, 303, 304, 305, 307, 308] as $status) {
            self::redirecting($status, ['https://elsewhere.example/']);
            $outcome = self::call(self::request('tls', policy: self::policy(allowHttp: false)));
            self::assertSame((string) $status, $outcome->brief(), $outcome->message());
            self::assertSame(['https://elsewhere.example/'], $outcome->values('location'));
            self::assertSame(1, self::requests('tls'));
        }
    }

    /**
     * @dataProvider versions
     */
    public function testEachStatusHasItsMethodAndBody(string $listener): void
    {
        foreach ([301, 302, 303, 307, 308] as $status) {
            foreach (['GET', 'HEAD', 'POST', 'PUT'] as $method) {
                $why = $status . ' after ' . $method . ': ';
                $next = match (true) {
                    $status >= 307, $method === 'GET', $method === 'HEAD' => $method,
                    $status === 303, $method === 'POST' => 'GET',
                    default => $method,
                };
                self::redirecting($status, ['/v1/to?a=b#c'], $listener);
                $outcome = self::call(self::following($method, $listener, credentials: [self::bearer()]));
                self::assertSame('200', $outcome->brief(), $why . $outcome->message());
                self::assertSame($method, $outcome->audit['method'], $why);
                $requests = self::$server->requests($listener);
                self::assertCount(2, $requests, $why);
                $hop = $requests[1];
                self::assertSame([$next, '/v1/to?a=b'], [$hop->method, $hop->target], $why);
                $hasBody = $next === 'POST' || $next === 'PUT';
                self::assertSame($hasBody ? 'data' : '', $hop->body, $why);
                // A request that has become a GET has no field that describes a body.
                self::assertSame($next === $method && $status !== 303, $hop->value('content-type') !== null, $why);
                self::assertSame('kept', $hop->value('x-mine'), $why);
                self::assertSame('Bearer tok-' . self::CANARY, $hop->value('authorization'), $why);
                self::assertSame([], $hop->values('referer'), $why);
                self::assertSame($method === 'POST' || $method === 'PUT' ? ($hasBody ? 8 : 4) : 0, $outcome->audit['bytes_out']);
            }
        }
    }

    public function testAnotherOriginGetsNothingThatWasMeantForTheFirst(): void
    {
        self::redirecting(307, [self::url('other') . '/to']);
        $outcome = self::call(self::following('GET', headers: [
            ['authorization', 'Basic eDp5'], ['cookie', 'a=b'], ['x-mine', 'kept'],
        ]));
        self::assertSame('200', $outcome->brief(), $outcome->message());
        $received = self::received('other');
        self::assertSame('localhost:' . self::$server->port('other'), $received->authority);
        self::assertSame([[], [], ['kept']], [
            $received->values('authorization'),
            $received->values('cookie'),
            $received->values('x-mine'),
        ]);
        self::assertSame('Basic eDp5', self::received('tls')->value('authorization'));
    }

    public function testWhatThePolicyDoesNotAllowIsNotFollowed(): void
    {
        $port = self::$server->port('tls');
        $bound = self::seal('bearer', ['token' => self::CANARY, 'binding' => ['paths' => ['/v1/x']]]);
        $inQuery = self::seal('secret', self::CANARY, Placement::query('key'));
        $cases = [
            'a credential for another origin' => [self::url('other') . '/to', ['credentials' => [self::bearer()]]],
            'a credential in the query' => ['/v1/to', ['credentials' => [$inQuery]]],
            'https to http' => [self::url('plain') . '/to', []],
            'another host' => ['https://other.example/v1/to', []],
            'another port' => ['https://localhost:9/v1/to', []],
            'a path outside the base path' => ['/v2/to', []],
            'a path outside the policy' => ['/v1/to', [], ['allowedPaths' => ['/v1/x']]],
            'a method outside the policy' => ['/v1/to', [], ['allowedMethods' => ['POST']]],
            'a path outside the binding' => ['/v1/to', ['credentials' => [$bound]]],
            'a blocked literal' => ['https://127.0.0.2:' . $port . '/v1/to', [], [
                'allowedHosts' => ['localhost:' . $port, '127.0.0.2:' . $port],
            ]],
            'dot segments in disguise' => ['/v1/%2e%2e/v1/to', []],
            'a backslash' => ['/v1\\to', []],
            'two slashes' => ['/v1//to', []],
            'userinfo' => ['https://a:b@localhost:' . $port . '/v1/to', []],
            'another scheme' => ['file:///etc/passwd', []],
            'not UTF-8' => ["/v1/\xE4", []],
            'a tab' => ["/v1/to?a\tb", []],
        ];
        foreach ($cases as $why => [$location, $more]) {
            self::redirecting(302, [$location]);
            self::$server->answers('plain', [FaultServer::answer()]);
            $policy = ($cases[$why][2] ?? []) + self::followingPolicy();
            $outcome = self::call(self::following('POST', ...$more + ['policy' => self::policy(...$policy)]));
            $this->assertNotFollowed($outcome, 302, $why);
            self::assertStringNotContainsString($location, $outcome->message());
            self::assertSame(1, self::requests('tls'), $why);
            self::assertSame([0, 0], [self::connections('other'), self::connections()], $why);
        }
    }

    public function testTheNumberOfRedirectsHasAnEnd(): void
    {
        self::$server->answers('tls', [FaultServer::answer(308, [['location', '/v1/x']])]);
        $this->assertNotFollowed(self::call(self::following('POST')), 308, 'a loop');
        self::assertSame(4, self::requests('tls'));

        self::redirecting(301, ['/v1/to']);
        $policy = self::policy(...['maxRedirects' => 1] + self::followingPolicy());
        self::assertSame('200', self::call(self::following('GET', policy: $policy))->brief(), 'one is allowed');
    }

    public function testLocationsAreRelativeMissingOrDouble(): void
    {
        $port = self::$server->port('tls');
        foreach (
            [
                'to' => '/v1/to',
                './to/' => '/v1/to/',
                '../v1/to' => '/v1/to',
                '?a=b' => '/v1/x?a=b',
                '//localhost:' . $port . '/v1/to' => '/v1/to',
                'HTTPS://LOCALHOST:' . $port . '/v1/to' => '/v1/to',
                '/v1/Bücher und mehr' => '/v1/B%C3%BCcher%20und%20mehr',
                "to?größe=ä b\u{85}" => '/v1/to?gr%C3%B6%C3%9Fe=%C3%A4%20b%C2%85',
            ] as $location => $target
        ) {
            self::redirecting(302, [$location]);
            self::assertSame('200', self::call(self::following('GET'))->brief(), $location);
            self::assertSame($target, self::$server->requests('tls')[1]->target, $location);
        }
        self::redirecting(302, []);
        self::assertSame('302', self::call(self::following('GET'))->brief(), 'without a location it is the caller\'s');
        self::redirecting(304, ['/v1/to']);
        self::assertSame('304', self::call(self::following('GET'))->brief());
        self::redirecting(302, ['/v1/to', '/v1/to']);
        $this->assertNotFollowed(self::call(self::following('GET')), 302, 'two locations');
        self::assertSame(1, self::requests('tls'));
    }

    public function testAFailureAfterARedirectKeepsTheWorstOfAllHops(): void
    {
        self::$server->script('tls', [
            ['read'], FaultServer::answer(307, [['location', self::url('other') . '/to']]), ['silence'],
        ]);
        self::$server->script('other', [['read'], ['cut']]);
        $outcome = self::call(self::following('POST'));

        self::assertSame('protocol.closed_early yes', $outcome->brief(), $outcome->message());
        self::assertSame(1, self::requests('other'));
    }

    /**
     * The listener responds with a redirect first, and with 200 to the next request.
     *
     * @param list<string> $locations
     */
    private static function redirecting(int $status, array $locations, string $listener = 'tls'): void
    {
        $fields = array_map(static fn (string $location): array => ['location', $location], $locations);
        self::$server->answers($listener, [FaultServer::answer($status, $fields)], [FaultServer::answer(200)]);
        self::$server->answers('other', [FaultServer::answer(200, [], 'elsewhere')]);
    }

    /** A request that may follow three redirects, to the origins of both listeners. */
    private static function following(string $method, string $listener = 'tls', mixed ...$more): RequestSpec
    {
        return self::request($listener, ...$more + [
            'method' => $method,
            'policy' => self::policy(...self::followingPolicy($listener)),
            'headers' => [['content-type', 'text/plain'], ['x-mine', 'kept']],
            'body' => $method === 'POST' || $method === 'PUT' ? 'data' : '',
        ]);
    }

    /**
     * @return array<string, mixed>
     */
    private static function followingPolicy(string $listener = 'tls'): array
    {
        $host = static fn (string $name): string => 'localhost:' . self::$server->port($name);
        return ['maxRedirects' => 3, 'allowedHosts' => [$host($listener), $host('other')]];
    }

    private function assertNotFollowed(Outcome $outcome, int $status, string $why): void
    {
        self::assertFailed('policy.redirect_not_allowed', 'yes', $outcome, $status, $why);
        self::assertFalse($outcome->retryable, $why);
    }
}
