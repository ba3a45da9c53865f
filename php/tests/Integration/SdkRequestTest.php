<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use GuzzleHttp\Psr7\HttpFactory;
use GuzzleHttp\Psr7\Request;
use Netresearch\NrVault\Outbound\Psr18\ServiceRequestException;
use Netresearch\NrVault\Transport\Placement;
use Psr\Http\Client\ClientInterface;
use Psr\Http\Message\RequestInterface;

/**
 * Requests of SDKs that cannot be used without a key: which of their fields arrive at the server.
 */
final class SdkRequestTest extends SdkTestCase
{
    /**
     * @dataProvider transports
     */
    public function testAsDeepLsSdkMakesThem(string $transport): void
    {
        $placement = Placement::header('Authorization', 'DeepL-Auth-Key ');
        $client = self::sdkClient($transport, self::seal('secret', self::CANARY, $placement));
        $factory = new HttpFactory();
        $headers = [
            'Authorization' => 'DeepL-Auth-Key ' . self::PLACEHOLDER,
            'User-Agent' => 'deepl-php/1.11.0 (Linux) php/8.2.0',
            'Content-Type' => 'application/x-www-form-urlencoded',
        ];
        $request = $factory->createRequest('POST', self::$upstream->url() . '/translate');
        foreach ($headers as $name => $value) {
            $request = $request->withHeader($name, $value);
        }
        $seen = self::seenBy($client, $request->withBody($factory->createStream('text=a&text=b&target_lang=DE')));

        self::assertKeyArrivedIn('authorization', 'DeepL-Auth-Key ' . self::CANARY, $seen);
        self::assertSame('deepl-php/1.11.0 (Linux) php/8.2.0', $seen['headers']['user-agent']);
        self::assertSame('text=a&text=b&target_lang=DE', base64_decode($seen['body']));
    }

    /**
     * @dataProvider transports
     */
    public function testAsOpenAisSdkMakesThem(string $transport): void
    {
        $client = self::sdkClient($transport, self::seal('bearer', ['type' => 'bearer', 'token' => self::CANARY]));
        $body = '{"model":"gpt-4o","input":"Zoë"}';
        $seen = self::seenBy($client, new Request('POST', self::$upstream->url() . '/responses', [
            'Authorization' => 'Bearer ' . self::PLACEHOLDER,
            'OpenAI-Organization' => 'org-1',
            'Content-Type' => 'application/json',
        ], $body));

        self::assertKeyArrivedIn('authorization', 'Bearer ' . self::CANARY, $seen);
        self::assertSame('org-1', $seen['headers']['openai-organization']);
        self::assertSame($body, base64_decode($seen['body']));
    }

    /**
     * @dataProvider transports
     */
    public function testWhatAnSdkSaysOfItsConnectionStaysBehind(string $transport): void
    {
        $client = self::sdkClient($transport, self::seal('bearer', ['type' => 'bearer', 'token' => self::CANARY]));
        $seen = self::seenBy($client, new Request('POST', self::$upstream->url() . '/echo', [
            'Authorization' => 'Bearer ' . self::PLACEHOLDER,
            'Connection' => 'close, X-Hop',
            'X-Hop' => '1',
            'Keep-Alive' => 'timeout=5',
            'TE' => 'trailers',
            'Expect' => '100-continue',
            'Accept-Encoding' => 'sdk-own',
        ], 'x'));

        self::assertKeyArrivedIn('authorization', 'Bearer ' . self::CANARY, $seen);
        self::assertNotSame('sdk-own', $seen['headers']['accept-encoding'] ?? null);
    }

    /**
     * @dataProvider transports
     */
    public function testOfAnApiKeyTheRowNamesThePlaceholder(string $transport): void
    {
        $payload = ['type' => 'api_key', 'key' => self::CANARY, 'header' => 'X-Goog-Api-Key'];
        $key = self::seal('api_key', $payload);
        $request = new Request('GET', self::$upstream->url() . '/models', ['X-Goog-Api-Key' => self::PLACEHOLDER]);

        $seen = self::seenBy(self::sdkClient($transport, $key, ['x-goog-api-key']), $request);
        self::assertKeyArrivedIn('x-goog-api-key', self::CANARY, $seen);
        try {
            self::sdkClient($transport, $key)->sendRequest($request);
            self::fail('The placeholder was left out unnamed.');
        } catch (ServiceRequestException $refusal) {
            self::assertSame('policy.header_not_allowed', $refusal->failure()->errorCode());
            self::assertSame('no', $refusal->failure()->sent());
        }
    }

    /**
     * @return array<string, mixed>
     */
    private static function seenBy(ClientInterface $client, RequestInterface $request): array
    {
        return json_decode((string) $client->sendRequest($request)->getBody(), true, 16, JSON_THROW_ON_ERROR);
    }
}
