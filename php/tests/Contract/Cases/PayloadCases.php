<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Transport\Placement;

/**
 * Which content of an envelope is accepted, and which of it cannot be placed into a request.
 */
trait PayloadCases
{
    public function testAPayloadMustHaveTheFormOfItsType(): void
    {
        $c = self::CANARY;
        $cases = [
            'bearer' => ['', $c, '"' . $c . '"', '{}', '[]', '{"token":7}', '{"token":null}', '{"token":["' . $c . '"]}',
                '{"token":"' . $c . '","token":"t"}', '{"token":"t","bindng":{}}', '{"token":"t","binding":null}',
                '{"token":"t","binding":{"host":["a"]}}', '{"token":"' . $c . '","type":"api_key"}',
                '{"token":"t","type":1}', '{"token":"' . $c . '"} x', '{"token":"\ud800"}', "{\"token\":\"\xFF\"}",
                '{"token":"t","username":"' . $c . '"}', '{"Token":"' . $c . '"}'],
            'api_key' => ['{"key":"' . $c . '","header":"Host"}', '{"key":"k","header":"a b"}',
                '{"key":"k","header":null}', '{"token":"' . $c . '"}'],
            'basic' => ['{"username":"' . $c . '"}', '{"username":"u","password":["' . $c . '"]}'],
            'secret' => ['{"token":"' . $c . '","binding":{"hosts":["a.example"]}}', ' {"binding":null}',
                '{"b\u0069nding":{}}', '{"type":"bearer","token":"' . $c . '"}', '{"type":"oauth2_client_credentials"}',
                '{"type":"x","type":"basic"}',
                '{"type":"secret","secret":"' . $c . '"}', '{"secret":"' . $c . '","binding":{"hosts":["localhost"]}}',
                '{"type":"secret","secret":7,"binding":{}}', '{"type":"secret","secret":"' . $c . '","binding":null}',
                '{"type":"secret","secret":"' . $c . '","binding":{},"token":"t"}',
                '{"type":"secret","secret":"' . $c . '","binding":{"host":["a"]}}',
                '{"type":"secret","secret":"' . $c . '","secret":"s","binding":{}}',
                '{"type":"bearer","secret":"' . $c . '","binding":{}}',
                '{"token":"' . $c . '"}', '{"key":"' . $c . '"}',
                '{"t\u006fken":"' . $c . '","beside":1}', '{"username":"u","password":"' . $c . '"}',
                '{"client_id":"c","client_secret":"' . $c . '","token_url":"https://a.example/"}',
                '{"client_id":"c","client_secret":"' . $c . '","token_url":"https://a.example/","scopes":["a"]}',
                '{"private_key":"' . $c . '","alg":"RS256","iss":"i","token_url":"https://a.example/"}',
                '{"private_key":"' . $c . '","alg":"ES256"}',
                '{"type":"oauth2_jwt_bearer"}', '{"type":"oauth2_refresh_token"}', '{"type":"jwt"}', '{"type":"hmac"}',
                '{"client_id":"c","refresh_token":"' . $c . '","token_url":"https://a.example/"}',
                '{"access_key_id":"k","secret_access_key":"' . $c . '","region":"r","service":"s3"}',
                '{"key":"' . $c . '","alg":"sha256","template":"{body}"}',
                '{"client_id":"c","private_key":"' . $c . '","alg":"RS256","token_url":"https://a.example/"}',
                '{"type":7,"token":"' . $c . '"}'],
        ];
        self::$server->answers('plain', [FaultServer::answer()]);
        foreach ($cases as $type => $payloads) {
            foreach ($payloads as $payload) {
                $placement = $type === 'secret' ? Placement::bearer() : null;
                $outcome = self::call(self::request(credentials: [self::seal($type, $payload, $placement)]));
                self::assertFailed('credential.payload_invalid', 'no', $outcome, why: $type . ' ' . $payload);
            }
        }
        self::assertSame(0, self::connections());
    }

    public function testASecretThatOnlyLooksLikeAPayloadIsASecret(): void
    {
        $payloads = ['123', '"quoted"', '{"type":"service_account","key":"x"}', '{"type":"secret"}', '{"Token":"t"}',
            '{"username":"u"}', '{"client_id":"c","client_secret":"s","token_uri":"https://a.example/"}',
            '{"a":{"token":"t"}}', '{"a":{"binding":1}}', '["binding"]', '{binding'];
        foreach ($payloads as $payload) {
            self::$server->answers('plain', [FaultServer::answer()]);
            self::call(self::request(credentials: [self::seal('secret', $payload, Placement::apiKey())]));
            self::assertSame($payload, self::received()->value('x-api-key'));
        }
    }

    public function testASecretMayBeSealedWithItsBinding(): void
    {
        $payload = static fn (array $binding): array => [
            'type' => 'secret', 'secret' => 'ä/"' . self::CANARY, 'binding' => $binding,
        ];
        $here = ['hosts' => ['localhost:' . self::$server->port('tls')]];
        $places = [
            'x-key' => Placement::header('X-Key', 'Key '),
            'authorization' => Placement::bearer(),
            'query' => Placement::query('key'),
        ];
        foreach ($places as $place => $placement) {
            self::$server->answers('tls', [FaultServer::answer()]);
            $outcome = self::call(self::request('tls', credentials: [self::seal('secret', $payload($here), $placement)]));
            self::assertSame('200', $outcome->brief(), $outcome->message());
            $received = self::received('tls');
            $text = $place === 'query' ? rawurldecode($received->target) : (string) $received->value($place);
            self::assertStringEndsWith('ä/"' . self::CANARY, $text);
        }
        self::$server->answers('tls', [FaultServer::answer()]);
        foreach (
            [
                [['hosts' => ['elsewhere.example']], 'policy.binding_violated'],
                [['methods' => ['GET']] + $here, 'policy.binding_violated'],
                [['expires_at' => 1] + $here, 'credential.expired'],
                [['hosts' => ['a b']], 'credential.payload_invalid'],
            ] as [$binding, $code]
        ) {
            $outcome = self::call(self::request('tls', credentials: [
                self::seal('secret', $payload($binding), Placement::bearer()),
            ]));
            self::assertFailed($code, 'no', $outcome);
        }
        self::assertSame(0, self::connections('tls'));
    }

    public function testAValueThatCannotStandInItsPlaceIsUnusable(): void
    {
        $c = self::CANARY;
        $header = Placement::header('X-Key');
        self::$server->answers('plain', [FaultServer::answer()]);
        foreach (
            [
                ['secret', '', Placement::bearer()],
                ['secret', $c . "\r\nX-Evil: 1", Placement::bearer()],
                ['secret', $c . "\n", $header],
                ['secret', $c . "\0", Placement::apiKey()],
                ['secret', $c . "\x7F", $header],
                ['secret', ' ' . $c, $header],
                ['secret', $c . ' ', $header],
                ['secret', $c, Placement::basic()],
                ['secret', ':', Placement::basic()],
                ['secret', 'user:' . $c . "\n", Placement::basic()],
                ['secret', '', Placement::query('k')],
                ['basic', ['username' => 'a:b', 'password' => $c], null],
                ['bearer', ['token' => ''], null],
            ] as $number => [$type, $payload, $placement]
        ) {
            $outcome = self::call(self::request(credentials: [self::seal($type, $payload, $placement)]));
            self::assertFailed('credential.unusable', 'no', $outcome, why: (string) $number);
        }
        $outcome = self::call(self::request(
            headers: [['content-type', 'application/json']],
            credentials: [self::seal('secret', "\xFF" . $c, Placement::bodyField('k'))],
        ));
        self::assertFailed('credential.unusable', 'no', $outcome, why: 'bytes in JSON');
        self::assertSame(0, self::connections());
    }
}
