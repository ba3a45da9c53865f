<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Contract\Vectors;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\TransportInterface;

/**
 * The URLs and policies of tests/vectors/policy.json: the form that is judged is also the one that is shown and sent.
 */
trait UrlCases
{
    private const HEAD = [
        'version' => 1,
        'service_id' => 'test',
        'method' => 'GET',
        'base_url' => 'https://api.example.com/v1',
        'policy' => ['allowed_methods' => ['GET', 'POST']],
    ];

    /**
     * @dataProvider decisions
     * @param array<string, mixed> $case
     */
    public function testDecisionOfTheVectors(array $case): void
    {
        $head = self::merge(self::HEAD, $case['request']);
        self::assertSame(self::ofHead($head, $case['url'] ?? $case['code']), self::judged($head));
    }

    /**
     * @return iterable<string, array{array<string, mixed>}>
     */
    public static function decisions(): iterable
    {
        foreach (Vectors::read('policy.json')['requests'] as $title => $cases) {
            foreach ($cases as $number => $case) {
                yield $title . ' ' . $number => [$case];
            }
        }
    }

    public function testTheFirstErrorOfTheVectorsCounts(): void
    {
        ['request' => $changes, 'steps' => $steps] = Vectors::read('policy.json')['first_error'];
        $head = self::merge(self::HEAD, $changes);
        foreach ($steps as $step) {
            self::assertSame(self::ofHead($head, $step['code']), self::judged($head), json_encode($head));
            $head = self::merge($head, $step['fix']);
        }
        self::assertStringStartsWith('https://', self::judged($head));
    }

    public function testHostsOfTheVectors(): void
    {
        foreach (Vectors::read('policy.json')['hosts'] as [$host, $canonical]) {
            if (strpbrk($host, '/?#\\@') !== false) {
                // In a URL, one of these characters ends the host.
                continue;
            }
            $literal = is_string($canonical) && str_contains($canonical, ':') && $canonical[0] !== '[';
            $expected = match (true) {
                $canonical === null => 'invalid_request.malformed',
                $literal => 'https://[' . $canonical . ']/',
                default => 'https://' . $canonical . '/',
            };
            $head = self::merge(self::HEAD, ['base_url' => 'https://' . $host . '/', 'path' => '']);
            self::assertSame($expected, self::judged($head), json_encode($host));
        }
    }

    public function testCharactersOfARecentUnicodeInAName(): void
    {
        foreach (["a\u{1C89}b", "a\u{A7CB}b", "a\u{105C0}b", "a\u{2132}b", "a\u{2F868}b", 'xn--ab-kur'] as $host) {
            $judged = self::judged(self::merge(self::HEAD, ['base_url' => 'https://' . $host . '.example/', 'path' => '']));
            if (self::deviates('unicode') && $judged === 'invalid_request.malformed') {
                continue;
            }
            self::assertStringStartsWith('https://xn--', $judged, $host);
        }
    }

    public function testPathsOfTheVectors(): void
    {
        $base = self::deviates('registry') ? 'https://api.example.com' : null;
        foreach (Vectors::read('policy.json')['paths'] as [$path, $encodedSlash, $canonical]) {
            $expected = $canonical === null
                ? 'policy.path_not_canonical'
                : 'https://api.example.com' . $canonical;
            $head = self::merge(self::HEAD, ['base_url' => $base, 'url' => 'https://api.example.com' . $path, 'policy' => [
                'allowed_hosts' => ['api.example.com'],
                'allow_encoded_slash' => $encodedSlash,
            ]]);
            if (str_starts_with($path, '/') && strpbrk($path, '?#') === false) {
                self::assertSame($expected, self::judged($head), json_encode($path));
            }
        }
    }

    public function testPatternsOfTheVectors(): void
    {
        $base = self::deviates('registry') ? 'https://api.example.com' : null;
        foreach (Vectors::read('policy.json')['patterns'] as [$pattern, $path, $matches]) {
            $head = self::merge(self::HEAD, ['base_url' => $base, 'url' => 'https://api.example.com' . $path, 'policy' => [
                'allowed_hosts' => ['api.example.com'],
                'allowed_paths' => [$pattern],
                'allow_encoded_slash' => true,
            ]]);
            $expected = match (true) {
                $matches => 'https://api.example.com' . $path,
                str_contains($path, '//') => 'policy.path_not_canonical',
                default => 'policy.path_not_allowed',
            };
            self::assertSame($expected, self::judged($head), $pattern . ' ' . $path);
        }
        foreach (Vectors::read('policy.json')['bad_patterns'] as $pattern) {
            $head = self::merge(self::HEAD, ['policy' => ['allowed_paths' => [$pattern]]]);
            self::assertSame('invalid_request.malformed', self::judged($head), $pattern);
        }
    }

    /** The request target is the path and query of the canonical URL; no client library may normalise it again. */
    public function testTheCanonicalUrlIsSentByteForByte(): void
    {
        $paths = ['/a%2e%2Eb', '/%41', '/a;p=1,2', '/x:y@z', '/~', "/!$&'()*+,;=", '/%c3%bc', '/ü ö', '/{id}', '/a|b', '/a"b',
            '/...', '/.a', '/a.', '/%E2%82%AC', '/[x]'];
        foreach ($paths as $path) {
            foreach (['plain', 'h2'] as $listener) {
                $request = self::request($listener, path: $path);
                self::$server->answers($listener, [FaultServer::answer()]);
                $outcome = self::call($request);
                self::assertSame('200', $outcome->brief(), $path . $outcome->message());
                $origin = substr(self::url($listener), 0, -strlen('/v1'));
                self::assertSame(self::decide($request), $origin . self::received($listener)->target, $path);
            }
        }
        foreach (['a=b#', "a\tb", "a\n"] as $query) {
            self::assertSame('invalid_request.malformed', self::decide(self::request(url: self::url('plain') . '?' . $query)));
        }
        foreach (['', 'a=%zz&{y}=`|^\\&c=%2F%2f?\'', '&&=', 'a[]=1', '%', '?', '/../'] as $query) {
            foreach (['plain', 'h2'] as $listener) {
                self::$server->answers($listener, [FaultServer::answer()]);
                self::call(self::request($listener, url: self::url($listener) . '/x?' . $query));
                self::assertSame('/v1/x?' . $query, self::received($listener)->target);
            }
        }
        self::$server->answers('plain', [FaultServer::answer()]);
        self::call(self::request(url: self::url('plain') . '/x?q=ä b"<c>&%zz'));
        self::assertSame('/v1/x?q=%C3%A4%20b%22%3Cc%3E&%zz', self::received()->target);
    }

    public function testAUrlOfEightKibibytesIsSentAndALongerOneIsNot(): void
    {
        $room = 8192 - strlen(self::url('plain')) - 1;
        self::$server->answers('plain', [FaultServer::answer()]);

        self::assertSame('200', self::call(self::request(path: str_repeat('a', $room)))->brief());
        self::assertSame('/v1/' . str_repeat('a', $room), self::received()->target);
        $outcome = self::call(self::request(path: str_repeat('a', $room + 1)));
        self::assertFailed('policy.path_not_canonical', 'no', $outcome);
    }

    /** The canonical URL or the code of the refusal, after asserting that send() refuses it with the same code. */
    private static function judged(array $head): string
    {
        try {
            $request = RequestSpec::fromWire(json_encode($head, JSON_THROW_ON_ERROR), str_repeat('x', 100));
        } catch (OutboundException $refusal) {
            return $refusal->errorCode();
        }
        $credential = new \Netresearch\NrVault\Transport\CredentialReference('my_api_key', 'bearer');
        try {
            return self::deciding()->decide($request, [$credential])->url;
        } catch (OutboundException $refusal) {
            self::assertSame('no', $refusal->sent());
            $sent = self::call($request->withCredentials([self::bearer()]), self::deciding());
            self::assertFailed($refusal->errorCode(), 'no', $sent);
            return $refusal->errorCode();
        }
    }

    /** The URL of S3 takes the form in which it is signed before it is matched. */
    public function testDecisionsAboutUrlsOfS3(): void
    {
        $signing = [new CredentialReference('my_key', CredentialReference::AWS_SIGV4, service: CredentialReference::S3)];
        foreach (Vectors::read('policy.json')['s3_requests'] as $case) {
            $request = RequestSpec::fromWire(
                json_encode(self::merge(self::HEAD, $case['request']), JSON_THROW_ON_ERROR),
                str_repeat('x', 100),
            );
            try {
                $judged = self::deciding()->decide($request, $signing)->url;
            } catch (OutboundException $refusal) {
                $judged = $refusal->errorCode();
            }
            self::assertSame($case['url'] ?? $case['code'], $judged, json_encode($case['request']));
        }
    }

    public function testADecisionTellsHostAndPortOfItsUrl(): void
    {
        foreach (
            [
                'https://API.example.com/v1' => ['api.example.com', 443],
                'https://bücher.example:8443' => ['xn--bcher-kva.example', 8443],
                'https://[2001:DB8::1]/' => ['[2001:db8::1]', 443],
                'http://ollama.internal:11434' => ['ollama.internal', 11434],
            ] as $baseUrl => $expected
        ) {
            $policy = new Policy(['GET'], allowHttp: true);
            $decision = self::deciding()->decide(new RequestSpec('my-api', 'GET', $policy, $baseUrl));

            self::assertSame($expected, [$decision->host, $decision->port], $baseUrl);
        }
    }

    /**
     * The URL or code that is expected of a request: an entry may have too little for a registry.
     *
     * @param array<string, mixed> $head
     */
    private static function ofHead(array $head, string $expected): string
    {
        return isset($head['base_url']) && ($head['policy']['allowed_methods'] ?? []) !== [] ? $expected : self::ofEntry($expected);
    }

    private static function deciding(): TransportInterface
    {
        static $transports = [];
        return $transports[static::transportName()] ??= self::make(['limits' => ['request_bytes' => 1000], 'internal_hosts' => [
            ['host' => 'ollama.internal', 'networks' => ['172.18.0.0/16'], 'ports' => [11434, 8443]],
        ]]);
    }

    /**
     * Objects are merged key by key; null removes a key.
     *
     * @param array<string, mixed> $into
     * @param array<string, mixed> $changes
     * @return array<string, mixed>
     */
    private static function merge(array $into, array $changes): array
    {
        foreach ($changes as $key => $change) {
            if ($change === null) {
                unset($into[$key]);
            } elseif (is_array($change) && $change !== [] && !array_is_list($change)) {
                $into[$key] = self::merge(is_array($into[$key] ?? null) ? $into[$key] : [], $change);
            } else {
                $into[$key] = $change;
            }
        }
        return $into;
    }
}
