<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

use Anthropic\Client;
use Anthropic\Foundry\Client as FoundryClient;
use Netresearch\NrVault\Outbound\Tests\Integration\SdkTestCase;

/**
 * Anthropic's SDK on a service whose credential goes into X-API-Key.
 *
 * @group composer
 */
final class AnthropicTest extends SdkTestCase
{
    /**
     * @dataProvider transports
     */
    public function testThePlaceholderInAuthorizationIsLeftOutWhereTheRowNamesIt(string $transport): void
    {
        $client = new Client(
            apiKey: self::PLACEHOLDER,
            baseUrl: self::baseUrl(),
            requestOptions: self::options($transport, ['authorization']),
        );
        self::assertTheMessageIsAnsweredWithTheKey($client);
    }

    /**
     * @dataProvider transports
     */
    public function testThePlaceholderInXApiKeyIsLeftOut(string $transport): void
    {
        $client = FoundryClient::withCredentials(
            apiKey: self::PLACEHOLDER,
            baseUrl: self::baseUrl(),
            requestOptions: self::options($transport),
        );
        self::assertTheMessageIsAnsweredWithTheKey($client);
    }

    private static function assertTheMessageIsAnsweredWithTheKey(Client|FoundryClient $client): void
    {
        $message = $client->messages->create(
            maxTokens: 16,
            messages: [['role' => 'user', 'content' => 'Zoë']],
            model: 'claude-sonnet-5',
        );
        $seen = json_decode($message->content[0]->text, true, 8, JSON_THROW_ON_ERROR);

        self::assertKeyArrivedIn('x-api-key', self::CANARY, $seen);
        self::assertSame('POST', $seen['method']);
        self::assertSame('/v1/messages', $seen['uri']);
        self::assertSame('Zoë', json_decode(base64_decode($seen['body']), true)['messages'][0]['content']);
        self::assertArrayHasKey('anthropic-version', $seen['headers']);
        self::assertSame(1, $message->usage->outputTokens);
    }

    /**
     * @param list<string> $placeholders
     * @return array<string, mixed>
     */
    private static function options(string $transport, array $placeholders = []): array
    {
        $key = self::seal('api_key', ['type' => 'api_key', 'key' => self::CANARY]);
        return ['transporter' => self::sdkClient($transport, $key, $placeholders), 'maxRetries' => 0];
    }

    /** The SDK puts /v1 in front of its paths. */
    private static function baseUrl(): string
    {
        return substr(self::$upstream->url(), 0, -strlen('/v1'));
    }
}
