<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Client;

use GuzzleHttp\Psr7\HttpFactory;
use GuzzleHttp\Psr7\Request;
use Netresearch\NrVault\Outbound\Psr18\OutboundClientFactory;

/**
 * Which headers of an SDK's requests the PSR-18 client of a service leaves out, and that it leaves out no others.
 */
final class SdkHeadersTest extends ClientTestCase
{
    private const CREDENTIAL = ['identifier' => 'key'];

    /**
     * @dataProvider filled
     * @param list<array<string, mixed>> $credentials
     * @param list<string> $names
     */
    public function testAPlaceholderGivesWayToTheCredential(array $credentials, array $names): void
    {
        $all = ['Authorization', 'X-API-Key', 'X-Secret', 'Cookie', 'X-Other', 'X-Amz-Date', 'X-Amz-Security-Token', 'X-Amz-Content-Sha256'];
        $left = $this->sent(array_fill_keys($all, 'placeholder'), ['credentials' => $credentials]);

        self::assertSame(array_values(array_diff($all, $names)), array_column($left, 0));
    }

    /**
     * @return iterable<string, array{list<array<string, mixed>>, list<string>}>
     */
    public static function filled(): iterable
    {
        yield 'none' => [[], []];
        foreach (['bearer', 'basic', 'oauth2_client_credentials', 'oauth2_jwt_bearer', 'oauth2_refresh_token', 'jwt'] as $type) {
            yield $type => [[self::CREDENTIAL + ['type' => $type]], ['Authorization']];
        }
        $aws = ['Authorization', 'X-Amz-Date', 'X-Amz-Security-Token'];
        yield 'aws_sigv4' => [[self::CREDENTIAL + ['type' => 'aws_sigv4']], $aws];
        yield 'aws_sigv4 for S3' => [
            [self::CREDENTIAL + ['type' => 'aws_sigv4', 'service' => 's3']],
            [...$aws, 'X-Amz-Content-Sha256'],
        ];
        yield 'hmac' => [[self::CREDENTIAL + ['type' => 'hmac']], []];
        yield 'api_key' => [[self::CREDENTIAL + ['type' => 'api_key']], ['X-API-Key']];
        $placements = [
            'bearer' => ['Authorization'],
            'basic' => ['Authorization'],
            'api_key' => ['X-API-Key'],
            'header X-Secret' => ['X-Secret'],
            'header x-secret' => ['X-Secret'],
            'header Authorization' => ['Authorization'],
            'query X-Secret' => [],
            'body_field X-Secret' => [],
        ];
        foreach ($placements as $placement => $names) {
            [$type, $name] = [...explode(' ', $placement), null];
            yield 'secret: ' . $placement => [
                [self::CREDENTIAL + ['type' => 'secret', 'placement' => array_filter(['type' => $type, 'name' => $name])]],
                $names,
            ];
        }
        yield 'several' => [
            [
                self::CREDENTIAL + ['type' => 'bearer'],
                self::CREDENTIAL + ['type' => 'secret', 'placement' => ['type' => 'header', 'name' => 'X-Secret']],
            ],
            ['Authorization', 'X-Secret'],
        ];
    }

    public function testARowNamesThePlaceholdersOfItsSdk(): void
    {
        $row = [
            'credentials' => [self::CREDENTIAL + ['type' => 'api_key']],
            'placeholder_headers' => ['x-goog-api-key', 'X-Absent'],
            'headers' => ['X-Goog-Api-Key' => 'of the row'],
        ];
        $left = $this->sent(['Authorization' => 'a', 'X-Goog-Api-Key' => 'b', 'X-Goog-User' => 'c', 'x-api-key' => 'd'], $row);

        self::assertSame([['Authorization', 'a'], ['X-Goog-User', 'c'], ['X-Goog-Api-Key', 'of the row']], $left);
    }

    public function testWhatBelongsToTheConnectionIsLeftOut(): void
    {
        $left = $this->sent([
            'Connection' => ['close, X-Hop', ' x-last '],
            'X-Hop' => '1',
            'X-Last' => '1',
            'Keep-Alive' => 'timeout=5',
            'Proxy-Connection' => 'keep-alive',
            'TE' => 'trailers',
            'Trailer' => 'X-Sum',
            'Transfer-Encoding' => 'chunked',
            'Upgrade' => 'h2c',
            'HTTP2-Settings' => 'AAMAAABkAARAAAAAAAIAAAAA',
            'Expect' => '100-continue',
            'Accept-Encoding' => 'gzip, deflate',
            'Accept' => '*/*',
            'X-Hop-Count' => '1',
        ]);

        self::assertSame([['Accept', '*/*'], ['X-Hop-Count', '1']], $left);
    }

    public function testWhatIsTheConnectionsAndASecretIsStillRefused(): void
    {
        $left = $this->sent(['Proxy-Authorization' => 'Basic eDp5', 'Host' => 'other.example']);

        self::assertEqualsCanonicalizing([['Proxy-Authorization', 'Basic eDp5'], ['Host', 'other.example']], $left);
    }

    public function testTheClientOfTheServiceItselfLeavesOutNothing(): void
    {
        $this->transport->respond();
        $headers = ['Authorization' => 'placeholder', 'Connection' => 'close', 'Accept-Encoding' => 'gzip'];
        $this->client(['placeholder_headers' => ['X-Own']])->request('my-api', 'GET', '/', [
            'headers' => $headers + ['X-Own' => '1'],
        ]);

        self::assertSame(
            ['Authorization', 'Connection', 'Accept-Encoding', 'X-Own'],
            array_column($this->transport->requests()[0]->headers, 0),
        );
    }

    /**
     * Sends a request with these headers, and returns those that reach the transport.
     *
     * @param array<string, string|list<string>> $headers
     * @param array<string, mixed> $service
     * @return list<array{string, string}>
     */
    private function sent(array $headers, array $service = []): array
    {
        $this->transport->respond();
        $factory = new HttpFactory();
        (new OutboundClientFactory($this->calls($service), $factory, $factory))->forService('my-api')
            ->sendRequest(new Request('POST', 'https://api.example.com/v1/x', $headers));
        return $this->transport->requests()[0]->headers;
    }
}
