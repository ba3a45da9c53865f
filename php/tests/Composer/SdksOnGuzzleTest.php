<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

use Aws\BedrockRuntime\BedrockRuntimeClient;
use Aws\Handler\Guzzle\GuzzleHandler;
use Aws\Token\Token;
use Google\Auth\HttpHandler\HttpHandlerFactory;
use Google\Auth\OAuth2;
use GuzzleHttp\Client;
use GuzzleHttp\HandlerStack;
use League\OAuth2\Client\Provider\GenericProvider;
use Netresearch\NrVault\Outbound\Guzzle\SecureHandler;
use Netresearch\NrVault\Outbound\Tests\Integration\SdkTestCase;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * SDKs that bring Guzzle, on its handler: none of them has the key.
 *
 * @group composer
 */
final class SdksOnGuzzleTest extends SdkTestCase
{
    /**
     * @dataProvider transports
     */
    public function testLeaguesOAuthClientWithTheSecretInTheForm(string $transport): void
    {
        $url = self::tokenUrl();
        $provider = new GenericProvider([
            'clientId' => 'league-' . $transport,
            'clientSecret' => self::PLACEHOLDER,
            'urlAuthorize' => $url,
            'urlAccessToken' => $url,
            'urlResourceOwnerDetails' => $url,
        ], ['httpClient' => self::guzzle($transport, self::secretOfForms())]);
        $token = $provider->getAccessToken('client_credentials', ['scope' => 'read']);

        self::assertSame('issued', $token->getToken());
        self::assertTheFormHasTheSecret(['client_id' => 'league-' . $transport, 'scope' => 'read']);
    }

    /**
     * @dataProvider transports
     */
    public function testGooglesAuthWithTheSecretInTheForm(string $transport): void
    {
        $oauth = new OAuth2([
            'tokenCredentialUri' => self::tokenUrl(),
            'clientId' => 'google-' . $transport,
            'clientSecret' => self::PLACEHOLDER,
            'refresh_token' => 'refresh-1',
        ]);
        $token = $oauth->fetchAuthToken(HttpHandlerFactory::build(self::guzzle($transport, self::secretOfForms())));

        self::assertSame('issued', $token['access_token']);
        self::assertTheFormHasTheSecret(['refresh_token' => 'refresh-1', 'client_id' => 'google-' . $transport]);
    }

    /**
     * @dataProvider transports
     */
    public function testAwsBedrockWithABearerToken(string $transport): void
    {
        $key = self::seal('bearer', ['type' => 'bearer', 'token' => self::CANARY]);
        $client = new BedrockRuntimeClient([
            'region' => 'eu-central-1',
            'endpoint' => self::$upstream->url(),
            'token' => new Token(self::PLACEHOLDER),
            'auth_scheme_preference' => ['smithy.api#httpBearerAuth'],
            'http_handler' => new GuzzleHandler(self::guzzle($transport, $key)),
            'retries' => 0,
        ]);
        $body = '{"prompt":"Zoë"}';
        $result = $client->invokeModel(['modelId' => 'model.v1', 'contentType' => 'application/json', 'body' => $body]);
        $seen = json_decode((string) $result['body'], true, 16, JSON_THROW_ON_ERROR);

        self::assertKeyArrivedIn('authorization', 'Bearer ' . self::CANARY, $seen);
        self::assertSame(['POST', '/v1/model/model.v1/invoke'], [$seen['method'], $seen['uri']]);
        self::assertSame($body, base64_decode($seen['body']));
    }

    /**
     * @param array<string, string> $others
     */
    private static function assertTheFormHasTheSecret(array $others): void
    {
        $body = Poll::until(static function () use ($others): ?string {
            foreach (array_column(self::$upstream->nginx->received(), 'body') as $body) {
                if (str_contains($body, 'client_id=' . $others['client_id'])) {
                    return $body;
                }
            }
            return null;
        }, 'the form in the log of nginx');
        parse_str($body, $form);
        self::assertSame(self::CANARY, $form['client_secret'] ?? null);
        self::assertSame($others, array_intersect_key($form, $others));
        self::assertStringNotContainsString(self::PLACEHOLDER, $body);
    }

    private static function secretOfForms(): SealedCredential
    {
        return self::seal('secret', self::CANARY, Placement::bodyField('client_secret'));
    }

    /** An endpoint that issues the token "issued". */
    private static function tokenUrl(): string
    {
        return self::$upstream->url() . '/token/' . rtrim(base64_encode('issued'), '=');
    }

    private static function guzzle(string $transport, SealedCredential $credential): Client
    {
        $handler = new SecureHandler(self::sdkCalls($transport, $credential), ['sdk'], 60);
        return new Client(['handler' => HandlerStack::create($handler)]);
    }
}
