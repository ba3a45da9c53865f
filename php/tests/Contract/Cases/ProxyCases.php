<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Contract\OwnNetwork;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Tinyproxy;

/**
 * Proxies: a real one, one that refuses in every way, and those in environment variables.
 */
trait ProxyCases
{
    public function testATunnelReachesTheServer(): void
    {
        $target = 'localhost:' . self::$server->port('tls');
        foreach (['' => '', 'us%65r:p%61ss@' => 'BasicAuth user pass'] as $userinfo => $lines) {
            $proxy = new Tinyproxy(self::$directory, $lines);
            self::$server->answers('tls', [FaultServer::answer(200, [], 'behind')]);
            $transport = self::make(['proxy' => ['url' => $proxy->url($userinfo)]]);
            $outcome = self::call(self::request('tls', credentials: [self::bearer()]), $transport);
            $tunnels = $proxy->tunnels();
            $proxy->stop();

            self::assertSame(['200', 'behind'], [$outcome->brief(), $outcome->body], $outcome->message());
            self::assertSame('local', $outcome->audit['proxy_resolve']);
            self::assertSame([$target], array_values(array_unique($tunnels)));
            $received = self::received('tls');
            self::assertSame([[], []], [
                $received->values('proxy-authorization'),
                $received->values('proxy-connection'),
            ]);
            self::assertSame('/v1/x', $received->target);
        }
    }

    public function testHttp2GoesThroughATunnel(): void
    {
        $proxy = new Tinyproxy(self::$directory);
        self::$server->answers('h2', [FaultServer::answer()]);
        $outcome = self::call(self::request('h2'), self::make(['proxy' => ['url' => $proxy->url()]]));
        $proxy->stop();

        self::assertSame(static::httpVersion('h2'), $outcome->httpVersion, $outcome->message());
    }

    public function testATunnelThatIsCreated(): void
    {
        $proxy = ['proxy' => ['url' => 'http://127.0.0.1:' . self::$server->port('plain')]];
        self::$server->script('plain', [['read-head'], FaultServer::write("HTTP/1.1 201 Created\r\n\r\n"), ['close']]);
        $outcome = self::call(self::request('tls'), self::make($proxy));

        // PhpTransport takes every 2xx for an open tunnel, so for it the TLS handshake fails.
        $code = self::deviates('tunnel-status') ? 'tls.handshake_failed' : 'connect.proxy_refused';
        self::assertFailed($code, 'no', $outcome);
    }

    public function testAProxyThatDoesNotOpenATunnel(): void
    {
        $refusals = [
            "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=x\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno",
            "HTTP/1.0 500 Error\r\n\r\n",
            "HTTP/1.1 301 Moved\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n",
        ];
        $proxy = ['proxy' => ['url' => 'http://user:pass-' . self::CANARY . '@127.0.0.1:' . self::$server->port('plain')]];
        foreach ($refusals as $answer) {
            self::$server->answers('tls', [FaultServer::answer()]);
            self::$server->script('plain', [['read-head'], FaultServer::write($answer)]);
            $outcome = self::call(self::request('tls', credentials: [self::bearer()]), self::make($proxy));

            self::assertFailed('connect.proxy_refused', 'no', $outcome, why: $answer);
            self::assertSame(0, self::connections('tls'));
            $seen = self::$server->seen('plain');
            self::assertCount(1, $seen, 'the proxy is asked once');
            $head = $seen[0]['requests'][0]['head'];
            $target = 'localhost:' . self::$server->port('tls');
            self::assertStringStartsWith('CONNECT ' . $target . " HTTP/1.1\r\n", $head);
            self::assertStringContainsStringIgnoringCase(
                'proxy-authorization: Basic ' . base64_encode('user:pass-' . self::CANARY),
                $head,
            );
            self::assertStringNotContainsString('tok-' . self::CANARY, $seen[0]['received']);
            self::assertStringNotContainsString('/v1', $seen[0]['received']);
        }
    }

    public function testAProxyThatBreaks(): void
    {
        $proxy = ['proxy' => ['url' => 'http://127.0.0.1:' . self::$server->port('plain')]];
        foreach ([['close'], ['reset'], FaultServer::write("garbage\r\n\r\n")] as $number => $step) {
            self::$server->script('plain', [['read-head'], $step]);
            $outcome = self::call(self::request('tls'), self::make($proxy));
            self::assertSame('no', $outcome->sent, $number . $outcome->brief());
            self::assertContains($outcome->code, ['connect.proxy_refused', 'connect.failed'], (string) $number);
        }
        $nobody = ['proxy' => ['url' => 'http://127.0.0.1:' . Port::free()]];
        self::assertFailed('connect.refused', 'no', self::call(self::request('tls'), self::make($nobody)));
        self::$server->script('plain', [['silence']]);
        $slow = self::make($proxy + ['defaults' => ['connect_timeout_ms' => 150]]);
        self::assertFailed('timeout.connect', 'no', self::call(self::request('tls'), $slow));
    }

    public function testATargetIsJudgedBeforeTheProxyIsAsked(): void
    {
        self::$server->script('plain', [['read-head'], ['close']]);
        foreach (['local', 'proxy'] as $resolve) {
            $transport = self::make([
                'internal_hosts' => [],
                'proxy' => ['url' => 'http://127.0.0.1:' . self::$server->port('plain'), 'resolve' => $resolve],
            ]);
            foreach (['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', 'localhost', 'metadata.google.internal'] as $host) {
                $outcome = self::call(self::request(baseUrl: 'https://' . $host . '/v1'), $transport);
                self::assertFailed('policy.address_not_allowed', 'no', $outcome, why: $resolve . ' ' . $host);
            }
        }
        self::assertSame(0, self::connections());
    }

    /**
     * @group own-network
     */
    public function testAProxyThatResolvesIsTheOnlyOneThatDoes(): void
    {
        $answer = OwnNetwork::run(
            self::$directory,
            [
                'hosts' => "127.0.0.1 the.proxy\n",
                'listen' => ['proxy' => ['address' => '127.0.0.1', 'port' => 3128, 'answer' => [
                    FaultServer::write("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"),
                ]]],
                'transport' => static::transportName(),
                'config' => ['proxy' => ['url' => 'http://the.proxy:3128', 'resolve' => 'proxy']],
            ],
            [self::request(baseUrl: 'https://known.to.the.proxy.example/v1')],
        );
        self::assertSame('connect.proxy_refused no', $answer['outcomes'][0]['brief'], $answer['outcomes'][0]['message']);
        self::assertSame('proxy', $answer['outcomes'][0]['audit']['proxy_resolve']);
        self::assertSame(['known.to.the.proxy.example:443'], $answer['targets']['proxy']);
    }

    public function testHostsOfNoProxyAreJudgedAndDialledHere(): void
    {
        self::$server->script('plain', [['read-head'], ['close']]);
        self::$server->answers('tls', [FaultServer::answer()]);
        foreach (['LOCALHOST.', 'localhost'] as $entry) {
            $outcome = self::call(self::request('tls'), self::make(['proxy' => [
                'url' => 'http://127.0.0.1:' . self::$server->port('plain'),
                'no_proxy' => ['*.example', $entry],
                'resolve' => 'proxy',
            ]]));
            self::assertSame('200', $outcome->brief(), $entry . $outcome->message());
            self::assertNull($outcome->audit['proxy_resolve']);
        }
        self::assertSame(0, self::connections());
    }

    public function testPlainHttpGoesToItsHostDirectly(): void
    {
        self::$server->answers('plain', [FaultServer::answer()]);
        self::$server->script('other', [['close']]);
        $outcome = self::call(self::request(), self::make(['proxy' => [
            'url' => 'http://127.0.0.1:' . self::$server->port('other'),
        ]]));
        self::assertSame('200', $outcome->brief(), $outcome->message());
        self::assertNull($outcome->audit['proxy_resolve']);
        self::assertSame('/v1/x', self::received()->target);
        self::assertSame(0, self::connections('other'));
    }

    public function testProxiesOfTheEnvironmentHaveNoSay(): void
    {
        $names = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'];
        self::$server->script('other', [['close']]);
        foreach ($names as $name) {
            putenv($name . '=http://127.0.0.1:' . self::$server->port('other'));
        }
        try {
            foreach (['plain', 'tls', 'h2'] as $listener) {
                self::$server->answers($listener, [FaultServer::answer()]);
                $outcome = self::call(self::request($listener), self::make(['user_agent' => 'environment/1']));
                self::assertSame('200', $outcome->brief(), $outcome->message());
                self::assertNull($outcome->audit['proxy_resolve']);
            }
        } finally {
            array_map(putenv(...), $names);
        }
        self::assertSame(0, self::connections('other'));
    }
}
