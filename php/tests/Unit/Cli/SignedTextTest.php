<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Cli;

use Netresearch\NrVault\Outbound\Cli\AwsText;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Cli\HmacText;
use Netresearch\NrVault\Outbound\Cli\TriedRequest;
use Netresearch\NrVault\Outbound\Tests\Contract\Vectors;
use Netresearch\NrVault\Transport\Php\Policy\Destination;
use Netresearch\NrVault\Transport\Text\JsonObject;
use PHPUnit\Framework\TestCase;

/**
 * The text that `secure-outbound seal --try` shows is the one of which others make their signatures.
 */
final class SignedTextTest extends TestCase
{
    public function testTheSuiteOfAws(): void
    {
        $vectors = Vectors::read('sigv4.json');
        $compared = 0;
        foreach ($vectors['suite'] as $case) {
            // Its URL rules refuse dots and empty segments.
            if (preg_match('~/\.|//~', parse_url($case['url'], PHP_URL_PATH)) === 1) {
                continue;
            }
            $compared++;
            $request = self::request($vectors, $case, false);
            $key = self::key($vectors, $case);
            $token = $case['token'] ?? "\0";
            $secret = static fn (string $text): string => str_replace([$token, rawurlencode($token)], '[secret]', $text);
            $inQuery = ['in' => 'query', 'lifetime' => $case['lifetime']] + $key;
            self::assertSame($secret($case['canonical']), AwsText::of(new JsonObject($key), $request), $case['name']);
            self::assertSame($secret($case['query_canonical']), AwsText::of(new JsonObject($inQuery), $request), $case['name']);
        }
        self::assertGreaterThan(10, $compared);
    }

    public function testTheRequestsOfBotocore(): void
    {
        $vectors = Vectors::read('sigv4.json');
        $compared = 0;
        foreach ($vectors['botocore'] as $case) {
            // With a token the text has "[secret]" in its place. Some paths are none here.
            if ($case['token'] !== null || preg_match('~/\.\.?(;|/|\?|\z)~', $case['url']) === 1) {
                continue;
            }
            $compared++;
            $key = ['unsigned_payload' => $case['unsigned']] + self::key($vectors, $case);
            $key = $case['lifetime'] === null ? $key : ['in' => 'query', 'lifetime' => $case['lifetime']] + $key;
            $text = AwsText::of(new JsonObject($key), self::request($vectors, $case, $case['service'] === 's3'));
            $scope = [gmdate('Ymd', $vectors['time']), $case['region'], $case['service'], 'aws4_request'];
            $time = gmdate('Ymd\THis\Z', $vectors['time']);
            $toSign = implode("\n", ['AWS4-HMAC-SHA256', $time, implode('/', $scope), hash('sha256', $text)]);
            $signing = 'AWS4' . $vectors['secret'];
            foreach ($scope as $part) {
                $signing = hash_hmac('sha256', $part, $signing, true);
            }
            $expected = $case['authorization'] ?? $case['signed_query'];
            self::assertStringEndsWith('Signature=' . hash_hmac('sha256', $toSign, $signing), $expected, $text);
        }
        self::assertGreaterThan(100, $compared);
    }

    /** The examples of Standard Webhooks and of Google's signed URLs, with the signatures on their pages. */
    public function testHmacs(): void
    {
        $webhook = [
            'template' => '{id}.{time}.{body}',
            'headers' => ['webhook-id' => '{id}', 'webhook-timestamp' => '{time}', 'webhook-signature' => 'v1,{signature}'],
        ];
        $text = HmacText::of(new JsonObject($webhook), self::plain('https://hooks.example/', '{"test": 2432232314}', 'msg_p5jXN8AQM9LWM0D4loKWxJek'));
        $key = (string) base64_decode('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', true);
        self::assertSame('g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=', base64_encode(hash_hmac('sha256', $text, $key, true)));

        $maps = 'https://maps.googleapis.com/maps/api/geocode/json?address=New+York&client=clientID';
        $text = HmacText::of(new JsonObject(['template' => '{target}', 'query' => ['signature' => '{signature}']]), self::plain($maps));
        $key = (string) base64_decode(strtr('vNIXE0xscrmjlyV-12Nj_BvUPaw=', '-_', '+/'), true);
        self::assertSame('chaRF2hTJKOScPr-RQCEhZbSzIE=', strtr(base64_encode(hash_hmac('sha1', $text, $key, true)), '+/', '-_'));
    }

    public function testEveryPartOfATemplate(): void
    {
        $template = implode("\n", [
            '{method} {host} {path} {query}', '{target} {url}', '{id} {nonce} {time} {time:ms} {time:rfc3339} {time:http}',
            '{body} {body:sha1:hex} {body:sha256:base64url_unpadded}', '{header:X-A} {header:authorization} {{}}',
        ]);
        $payload = ['template' => $template, 'query' => ['t' => '{time}', 's' => '{signature}'], 'headers' => ['x-a' => 'v{time}']];
        self::assertSame(implode("\n", [
            'PUT a.example:8443 /b/c d=e&t=1614265330',
            '/b/c?d=e&t=1614265330 https://a.example:8443/b/c?d=e&t=1614265330',
            'order-7 n0nce 1614265330 1614265330000 2021-02-25T15:02:10Z Thu, 25 Feb 2021 15:02:10 GMT',
            'body 02083f4579e08a612425c0c1a17ee47add783b94 Iw2DWNyOiJC0xY3utikS7i8gNXrpKlzIYbmOaP4xrLU',
            'v1614265330 [secret] {}',
        ]), HmacText::of(new JsonObject($payload), self::plain('https://a.example:8443/b/c?d=e', 'body', 'order-7')));
    }

    public function testWhatIsMissingIsToldWithTheOptionThatGivesIt(): void
    {
        foreach (['{id}' => '--id=', '{header:x-b}' => '--header=x-b:'] as $template => $option) {
            try {
                HmacText::of(new JsonObject(['template' => $template]), self::plain('https://a.example/'));
                self::fail($template);
            } catch (UsageError $error) {
                self::assertStringContainsString($option, $error->getMessage());
            }
        }
    }

    /**
     * @param array<string, mixed> $vectors
     * @param array<string, mixed> $case
     * @return array<string, mixed>
     */
    private static function key(array $vectors, array $case): array
    {
        $key = ['access_key_id' => $vectors['key_id'], 'region' => $case['region'], 'service' => $case['service']];
        return $key + ($case['token'] === null ? [] : ['session_token' => TriedRequest::SECRET]);
    }

    /**
     * @param array<string, mixed> $vectors
     * @param array<string, mixed> $case
     */
    private static function request(array $vectors, array $case, bool $ofS3): TriedRequest
    {
        [$target] = Destination::read(null, $case['url'], ofS3: $ofS3)->canonical(true);
        return new TriedRequest($case['method'], $target, $case['headers'], $case['body'], null, $vectors['time'], 'n0nce');
    }

    private static function plain(string $url, string $body = '', ?string $id = null): TriedRequest
    {
        [$target] = Destination::read(null, $url)->canonical(false);
        return new TriedRequest('PUT', $target, [], $body, $id, 1_614_265_330, 'n0nce');
    }
}
