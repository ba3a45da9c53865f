<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

use GuzzleHttp\Psr7\HttpFactory;
use Meilisearch\Client;
use Netresearch\NrVault\Outbound\Tests\Integration\SdkTestCase;

/**
 * Meilisearch's SDK, which puts its key into Authorization.
 *
 * @group composer
 */
final class MeilisearchTest extends SdkTestCase
{
    /**
     * @dataProvider transports
     */
    public function testItNeedsNoKey(string $transport): void
    {
        $psr = self::sdkClient($transport, self::seal('bearer', ['type' => 'bearer', 'token' => self::CANARY]));
        $factory = new HttpFactory();
        $client = new Client(self::$upstream->url(), self::PLACEHOLDER, $psr, $factory, [], $factory);

        $seen = $client->index('movies')->rawSearch('prince', ['limit' => 3]);
        self::assertKeyArrivedIn('authorization', 'Bearer ' . self::CANARY, $seen);
        self::assertSame('POST', $seen['method']);
        self::assertSame('/v1/indexes/movies/search', $seen['uri']);
        self::assertSame(['limit' => 3, 'q' => 'prince'], self::body($seen));
        self::assertStringStartsWith('Meilisearch PHP', $seen['headers']['user-agent']);

        self::assertKeyArrivedIn('authorization', 'Bearer ' . self::CANARY, (array) $client->health());
    }

    /**
     * @param array<string, mixed> $seen
     * @return array<string, mixed>
     */
    private static function body(array $seen): array
    {
        $body = json_decode(base64_decode($seen['body']), true, 8, JSON_THROW_ON_ERROR);
        ksort($body);
        return $body;
    }
}
