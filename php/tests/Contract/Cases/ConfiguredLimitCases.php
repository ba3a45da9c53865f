<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\Policy;

/**
 * Limits of the configuration, which no policy can lift: those who may edit policies may not edit the configuration.
 */
trait ConfiguredLimitCases
{
    public function testNoPolicyAllowsAHostThatTheConfigurationDoesNotName(): void
    {
        $named = 'localhost:' . self::$server->port('plain');
        $transport = self::make(['limits' => ['hosts' => ['api.example.com', '*.example.org', $named]]]);
        self::$server->answers('plain', [FaultServer::answer()]);
        self::assertSame('200', self::call(self::request(), $transport)->brief());
        self::$server->answers('plain', [FaultServer::answer()]);
        self::$server->answers('tls', [FaultServer::answer()]);
        foreach ([self::url('tls'), self::url('plain', '127.0.0.1'), 'https://example.org/v1'] as $url) {
            $everything = [parse_url($url, PHP_URL_HOST) . ':' . (parse_url($url, PHP_URL_PORT) ?? 443)];
            foreach ([null, $everything] as $hosts) {
                $request = self::request(baseUrl: $url, policy: self::policy(allowedHosts: $hosts));
                $outcome = self::call($request, $transport);
                self::assertFailed('policy.host_not_allowed', 'no', $outcome, why: $url);
                self::assertStringContainsString('limits.hosts', $outcome->message());
                self::assertSame('policy.host_not_allowed', self::decide($request, $transport));
            }
        }
        foreach (['https://api.example.com/v1', 'https://a.b.example.org/v1'] as $url) {
            self::assertSame($url . '/x', self::decide(self::request(baseUrl: $url), $transport));
        }
        self::assertSame([0, 0], [self::connections(), self::connections('tls')]);
    }

    public function testAnEmptyListOfHostsAllowsNone(): void
    {
        $transport = self::make(['limits' => ['hosts' => []]]);
        self::assertSame('policy.host_not_allowed', self::decide(self::request(), $transport));
        self::assertSame('policy.scheme_not_allowed', self::decide(self::request(policy: new Policy(['POST'])), $transport));
        self::assertSame('policy.host_not_allowed', self::decide(self::request(method: 'TRACE'), $transport));
    }

    public function testNoRedirectLeadsToAHostThatTheConfigurationDoesNotName(): void
    {
        $limits = ['limits' => ['hosts' => ['localhost:' . self::$server->port('tls')]]];
        self::redirecting(302, [self::url('other') . '/to']);
        $outcome = self::call(self::following('POST'), self::make($limits));
        $this->assertNotFollowed($outcome, 302, 'another port');
        self::assertStringContainsString('limits.hosts', $outcome->message());
        self::assertSame([1, 0], [self::requests('tls'), self::connections('other')]);

        self::redirecting(302, ['/v1/to']);
        self::assertSame('200', self::call(self::following('POST'), self::make($limits))->brief());
    }

    public function testEveryCredentialMayHaveToBeBoundToHosts(): void
    {
        $transport = self::make(['limits' => ['require_binding' => true]]);
        $token = ['token' => self::CANARY];
        $here = ['hosts' => ['localhost:' . self::$server->port('tls')]];
        $bound = self::seal('bearer', $token + ['binding' => $here]);
        self::$server->answers('tls', [FaultServer::answer()]);
        $refused = [
            'no binding' => [self::bearer()],
            'a binding without hosts' => [self::seal('bearer', $token + ['binding' => ['methods' => ['POST']]])],
            'a key' => [self::seal('api_key', ['key' => self::CANARY])],
            'a pair' => [self::seal('basic', ['username' => 'u', 'password' => self::CANARY])],
            'a plain secret' => [self::seal('secret', self::CANARY, Placement::bearer())],
            'the second of two' => [$bound, self::seal('secret', self::CANARY, Placement::query('q'), 'second')],
        ];
        foreach ($refused as $why => $credentials) {
            $outcome = self::call(self::request('tls', credentials: $credentials), $transport);
            self::assertFailed('policy.binding_violated', 'no', $outcome, why: $why);
            self::assertStringContainsString('limits.require_binding', $outcome->message());
        }
        self::assertSame(0, self::connections('tls'));

        $secret = ['type' => 'secret', 'secret' => self::CANARY, 'binding' => $here];
        foreach ([[], [$bound], [$bound, self::seal('secret', $secret, Placement::query('q'), 'second')]] as $credentials) {
            self::$server->answers('tls', [FaultServer::answer()]);
            $outcome = self::call(self::request('tls', credentials: $credentials), $transport);
            self::assertSame('200', $outcome->brief(), $outcome->message());
        }
        $elsewhere = self::seal('bearer', $token + ['binding' => ['hosts' => ['elsewhere.example']]]);
        $outcome = self::call(self::request('tls', credentials: [$elsewhere]), $transport);
        self::assertFailed('policy.binding_violated', 'no', $outcome);
    }
}
