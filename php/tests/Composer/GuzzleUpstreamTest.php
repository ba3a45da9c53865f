<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

use GuzzleHttp\Client;
use GuzzleHttp\Exception\RequestException;
use GuzzleHttp\HandlerStack;
use Netresearch\NrVault\Outbound\Guzzle\SecureHandler;
use Netresearch\NrVault\Outbound\Tests\Integration\SdkTestCase;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;
use Psr\Http\Client\NetworkExceptionInterface;

/**
 * Guzzle's handler on both transports, against a real server.
 *
 * @group composer
 */
final class GuzzleUpstreamTest extends SdkTestCase
{
    /**
     * @dataProvider transports
     */
    public function testTheKeyArrivesAndThePlaceholderDoesNot(string $transport): void
    {
        $response = self::guzzle($transport)->post('echo?a=1', [
            'headers' => ['Authorization' => 'Bearer ' . self::PLACEHOLDER],
            'form_params' => ['name' => 'Zoë'],
        ]);
        $seen = json_decode((string) $response->getBody(), true, 16, JSON_THROW_ON_ERROR);

        self::assertKeyArrivedIn('authorization', 'Bearer ' . self::CANARY, $seen);
        self::assertSame(['POST', '/v1/echo?a=1'], [$seen['method'], $seen['uri']]);
        self::assertSame('name=Zo%C3%AB', base64_decode($seen['body']));
        self::assertStringStartsWith('GuzzleHttp/', $seen['headers']['user-agent']);
    }

    /**
     * @dataProvider transports
     */
    public function testALargeBodyAsksForNoContinue(string $transport): void
    {
        $response = self::guzzle($transport)->post('echo', ['body' => str_repeat('x', 1_200_000)]);

        self::assertSame(200, $response->getStatusCode());
    }

    /**
     * @dataProvider transports
     */
    public function testARedirectOutOfTheServiceIsNotFollowed(string $transport): void
    {
        try {
            self::guzzle($transport)->get('mirror?x=1');
            self::fail('The redirect was followed.');
        } catch (\RuntimeException $thrown) {
            self::assertSame('policy.redirect_not_allowed', $thrown->getPrevious()?->errorCode());
        }
        $response = self::guzzle($transport)->get('mirror?x=1', ['allow_redirects' => false]);
        self::assertSame(['/elsewhere?x=1'], $response->getHeader('Location'));
    }

    /**
     * @dataProvider transports
     */
    public function testAPortThatIsNotAllowedIsNoFailureOfTheNetwork(string $transport): void
    {
        $key = self::seal('bearer', ['type' => 'bearer', 'token' => self::CANARY]);
        $url = 'https://localhost:' . Port::free() . '/v1/';
        $calls = self::sdkCalls($transport, $key, baseUrl: $url);
        $client = new Client(['handler' => HandlerStack::create(new SecureHandler($calls, ['sdk'])), 'base_uri' => $url]);
        try {
            $client->get('echo');
            self::fail('The call was answered.');
        } catch (RequestException $thrown) {
            self::assertNotInstanceOf(NetworkExceptionInterface::class, $thrown);
            self::assertSame('policy.port_not_allowed', $thrown->getPrevious()?->errorCode());
        }
    }

    private static function guzzle(string $transport): Client
    {
        $key = self::seal('bearer', ['type' => 'bearer', 'token' => self::CANARY]);
        $handler = new SecureHandler(self::sdkCalls($transport, $key), ['sdk'], 300);
        return new Client(['handler' => HandlerStack::create($handler), 'base_uri' => self::$upstream->url() . '/']);
    }
}
