<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Contract\Transports;
use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Transport\Alternative;
use Netresearch\NrVault\Transport\CredentialCheck;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * Several base URLs, of which the secret names the one to use. All are judged before the envelope is opened, and one is chosen
 * afterwards.
 */
trait AlternativeCases
{
    public function testTheSecretsEndChoosesTheHost(): void
    {
        foreach (
            [
                'free' => [$this->plain('key-' . self::CANARY . ':fx'), 'other'],
                'paid' => [$this->plain('key-' . self::CANARY), 'tls'],
                'in the middle' => [$this->plain('key:fx-' . self::CANARY), 'tls'],
                'bearer' => [self::seal('bearer', ['token' => self::CANARY . ':fx']), 'other'],
                'api_key' => [self::seal('api_key', ['key' => self::CANARY . ':fx']), 'other'],
                'basic' => [self::seal('basic', ['username' => 'u', 'password' => self::CANARY . ':fx']), 'other'],
                'the user of a basic' => [self::seal('basic', ['username' => 'u-eu', 'password' => self::CANARY]), 'tls'],
            ] as $name => [$credential, $listener]
        ) {
            foreach (['tls', 'other'] as $each) {
                self::$server->answers($each, [FaultServer::answer()]);
            }
            $outcome = self::call($this->twoPlaces($credential));

            self::assertSame('200', $outcome->brief(), $name . ' ' . $outcome->message());
            self::assertSame('/v1/x', self::received($listener)->target, $name);
            self::assertSame(0, self::requests($listener === 'tls' ? 'other' : 'tls'), $name);
            self::assertSame(self::$server->port($listener), $outcome->audit['port'] ?? null, $name);
        }
    }

    public function testTheFirstThatFitsCounts(): void
    {
        self::$server->answers('other', [FaultServer::answer()]);
        $request = self::request(
            'tls',
            credentials: [$this->plain(self::CANARY . ':eu:fx')],
            alternatives: [
                new Alternative(':us', self::url('plain')),
                new Alternative(':fx', self::url('other')),
                new Alternative(':eu:fx', self::url('plain')),
            ],
        );

        self::assertSame('200', self::call($request)->brief());
        self::assertSame(1, self::requests('other'));
    }

    public function testWhatFollowsTheBaseUrlFollowsTheAlternative(): void
    {
        foreach (
            [
                ['/v2', '', '/v1', '/v2'],
                ['/v2', '/a%20b/c', '/v1/a%20b/c', '/v2/a%20b/c'],
                ['/', '/x', '/v1/x', '/x'],
                ['', '/x', '/v1/x', '/x'],
                ['/v2/', '/x', '/v1/x', '/v2/x'],
            ] as [$base, $path, $whole, $target]
        ) {
            $other = substr(self::url('other'), 0, -strlen('/v1')) . $base;
            $more = ['credentials' => [$this->plain(self::CANARY . ':fx')], 'alternatives' => [new Alternative(':fx', $other)]];
            $origin = substr(self::url('tls'), 0, -strlen('/v1'));
            foreach (
                [
                    self::request('tls', ...$more + ['path' => $path, 'query' => [['q', 'ä b']]]),
                    self::request('tls', ...$more + ['url' => $origin . $whole . '?q=%C3%A4%20b']),
                ] as $request
            ) {
                self::$server->answers('other', [FaultServer::answer()]);
                $outcome = self::call($request);
                self::assertSame('200', $outcome->brief(), $outcome->message());
                self::assertSame($target . '?q=%C3%A4%20b', self::received('other')->target);
            }
        }
    }

    public function testEachAlternativeIsInsideThePolicyWhateverTheSecretIs(): void
    {
        $hosts = static fn (string ...$listeners): array
            => array_map(static fn (string $name): string => 'localhost:' . self::$server->port($name), $listeners);
        foreach (
            [
                'policy.port_not_allowed' => [self::policy(allowedHosts: $hosts('tls')), self::url('other')],
                'policy.host_not_allowed' => [self::policy(allowedHosts: $hosts('tls')), 'https://evil.example'],
                'policy.path_not_allowed' => [self::policy(allowedPaths: ['/v1/x']), str_replace('/v1', '/v2', self::url('other'))],
                'policy.scheme_not_allowed' => [self::policy(allowHttp: false), self::url('plain')],
                'policy.path_not_canonical' => [self::policy(), self::url('other') . '/../x'],
            ] as $code => [$policy, $url]
        ) {
            foreach ([':fx', ''] as $end) {
                $request = self::request(
                    'tls',
                    policy: $policy,
                    credentials: [$this->plain(self::CANARY . $end)],
                    alternatives: [new Alternative(':fx', $url)],
                );
                self::$server->answers('tls', [FaultServer::answer()]);
                try {
                    self::$transport->decide($request, $request->references());
                    self::fail('It was allowed.');
                } catch (OutboundException $refusal) {
                    self::assertSame($code, $refusal->errorCode());
                }
                $outcome = self::call($request);
                self::assertFailed($code, 'no', $outcome);
                self::assertStringStartsWith('an alternative is refused: ', $outcome->message());
                self::assertSame(0, self::requests('tls'));
            }
        }
    }

    public function testTheCeilingOfTheConfigurationHoldsForEach(): void
    {
        $transport = self::make(['limits' => ['hosts' => ['localhost:' . self::$server->port('tls')]]]);

        self::assertFailed('policy.host_not_allowed', 'no', self::call($this->twoPlaces($this->plain(self::CANARY)), $transport));
    }

    public function testABindingIsHeldAgainstWhatWasChosen(): void
    {
        $bound = static fn (string $secret, string $listener): SealedCredential => self::seal('bearer', [
            'type' => 'bearer',
            'token' => $secret,
            'binding' => ['hosts' => ['localhost:' . self::$server->port($listener)]],
        ]);
        self::$server->answers('other', [FaultServer::answer()]);

        self::assertSame('200', self::call($this->twoPlaces($bound(self::CANARY . ':fx', 'other')))->brief());
        self::assertFailed('policy.binding_violated', 'no', self::call($this->twoPlaces($bound(self::CANARY . ':fx', 'tls'))));
        self::assertFailed('policy.binding_violated', 'no', self::call($this->twoPlaces($bound(self::CANARY, 'other'))));
    }

    public function testACheckChoosesAsACallDoes(): void
    {
        if (self::deviates('check')) {
            self::assertNotInstanceOf(CredentialCheck::class, self::$transport);
            return;
        }
        $key = random_bytes(32);
        $config = ['master_keys' => [['provider' => 'raw', 'key_base64' => base64_encode($key)]]];
        foreach (['a:fx' => 'policy.binding_violated', 'a' => null] as $token => $code) {
            $payload = '{"token":"' . $token . '","binding":{"hosts":["api.example.com"]}}';
            $sealed = (new CredentialReference('id', 'bearer'))->seal((new Sealer($key))->seal('id', $payload));
            $request = self::request(
                baseUrl: 'https://api.example.com',
                credentials: [$sealed],
                alternatives: [new Alternative(':fx', 'https://free.example.com')],
            );
            self::assertSame($code, Transports::check(static::transportName(), $config, $request));
        }
    }

    public function testAlternativesAreAboutOneSecret(): void
    {
        $fx = [new Alternative(':fx', self::url('other'))];
        $client = ['client_id' => 'c', 'client_secret' => self::CANARY, 'token_url' => self::url('tls')];
        foreach (
            [
                'no credential' => ['alternatives' => $fx],
                'two' => ['alternatives' => $fx, 'credentials' => [$this->plain('a'), self::bearer()]],
                'a client' => ['alternatives' => $fx, 'credentials' => [self::seal('oauth2_client_credentials', $client)]],
                'no base URL' => ['alternatives' => $fx, 'credentials' => [self::bearer()], 'baseUrl' => null, 'url' => self::url('tls')],
                'too many' => ['alternatives' => array_fill(0, 9, $fx[0]), 'credentials' => [self::bearer()]],
                'no URL' => ['alternatives' => [new Alternative(':fx', 'other')], 'credentials' => [self::bearer()]],
                'a query' => ['alternatives' => [new Alternative(':fx', self::url('other') . '?a')], 'credentials' => [self::bearer()]],
            ] as $name => $more
        ) {
            $outcome = self::call(self::request('tls', ...$more));
            $code = $name === 'no base URL' ? self::ofEntry('invalid_request.malformed') : 'invalid_request.malformed';
            self::assertFailed($code, 'no', $outcome, why: $name);
        }
    }

    private function plain(string $secret): SealedCredential
    {
        return self::seal('secret', $secret, Placement::header('Authorization', 'DeepL-Auth-Key '));
    }

    private function twoPlaces(SealedCredential $credential): RequestSpec
    {
        return self::request('tls', credentials: [$credential], alternatives: [
            new Alternative(':fx', self::url('other')),
            new Alternative('-eu', self::url('other')),
        ]);
    }
}
