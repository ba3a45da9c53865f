<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

use GuzzleHttp\Client;
use GuzzleHttp\Cookie\CookieJar;
use GuzzleHttp\Exception\RequestException;
use GuzzleHttp\HandlerStack;
use GuzzleHttp\Psr7\Utils;
use GuzzleHttp\RequestOptions;
use GuzzleHttp\TransferStats;
use Netresearch\NrVault\Outbound\Guzzle\OptionRules;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\RequestSpec;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;

/**
 * What becomes of each request option of the installed version of Guzzle.
 *
 * @group composer
 */
final class GuzzleOptionsTest extends GuzzleTestCase
{
    public function testEveryOptionOfTheInstalledVersionHasItsRule(): void
    {
        $options = array_values((new \ReflectionClass(RequestOptions::class))->getConstants());

        self::assertSame([], array_diff($options, array_keys(OptionRules::RULES)));
        // The factories came with Guzzle 8.
        $newer = getenv('GUZZLE') === '7' ? ['request_factory', 'response_factory', 'stream_factory', 'uri_factory'] : [];
        self::assertEqualsCanonicalizing([...$options, ...$newer], array_keys(OptionRules::RULES));
    }

    public function testThePageHasEveryOptionWithItsRule(): void
    {
        $page = (string) file_get_contents(dirname(Build::php()) . '/docs/guzzle.md');
        preg_match_all('/^\| `(\w+)` \| (\w+) \|/m', $page, $rows);

        self::assertSame(OptionRules::RULES, array_combine($rows[1], $rows[2]));
    }

    /**
     * @dataProvider refused
     */
    public function testWhatTheLibraryDoesNotDoIsRefusedByItsName(string $name, mixed $value): void
    {
        $refusal = self::refusal(fn () => $this->client()->get(self::BASE, [$name => $value, 'http_errors' => false]));

        self::assertSame(['invalid_request.malformed', 'no'], [$refusal->errorCode(), $refusal->sent()]);
        self::assertStringContainsString("the option $name of Guzzle is refused", $refusal->getMessage());
        self::assertSame([], $this->services());
    }

    /**
     * @return iterable<string, array{string, mixed}>
     */
    public static function refused(): iterable
    {
        yield 'verify false' => ['verify', false];
        yield 'verify by a file' => ['verify', __FILE__];
        yield 'cert' => ['cert', __FILE__];
        yield 'cert_type' => ['cert_type', 'PEM'];
        yield 'ssl_key' => ['ssl_key', [__FILE__, 'x']];
        yield 'ssl_key_type' => ['ssl_key_type', 'PEM'];
        yield 'crypto_method' => ['crypto_method', STREAM_CRYPTO_METHOD_TLSv1_2_CLIENT];
        yield 'crypto_method_max' => ['crypto_method_max', STREAM_CRYPTO_METHOD_TLSv1_3_CLIENT];
        yield 'curl' => ['curl', [CURLOPT_INTERFACE => 'lo']];
        yield 'stream_context' => ['stream_context', ['ssl' => ['verify_peer' => false]]];
        yield 'force_ip_resolve' => ['force_ip_resolve', 'v4'];
        yield 'proxy' => ['proxy', 'http://127.0.0.1:3128'];
        yield 'proxies' => ['proxy', ['https' => 'http://127.0.0.1:3128']];
        yield 'debug' => ['debug', true];
        yield 'decode_content' => ['decode_content', false];
        yield 'expect' => ['expect', true];
        yield 'expect by size' => ['expect', 1000];
        yield 'on_trailers' => ['on_trailers', strlen(...)];
        yield 'multiplex none' => ['multiplex', 'none'];
        yield 'multiplex' => ['multiplex', 'require_wait'];
        yield 'version 1.0' => ['version', '1.0'];
        yield 'version 3' => ['version', '3'];
        yield 'read_timeout' => ['read_timeout', -1];
        yield 'connect_timeout' => ['connect_timeout', -1];
        yield 'protocols' => ['protocols', ['http']];
    }

    public function testDigestIsRefusedAsSoonAsItIsNamed(): void
    {
        $client = $this->client();
        if (getenv('GUZZLE') !== '7') {
            // The middleware of Guzzle 8 takes the option, and asks the server first.
            $this->transport->respond(401, '', [['www-authenticate', 'Digest realm="r", nonce="n", qop="auth"']]);
        }
        $refusal = self::refusal(static fn () => $client->get(self::BASE, ['auth' => ['u', 'p', 'digest']]));

        self::assertStringContainsString('auth of Guzzle is refused', $refusal->getMessage());
    }

    public function testWhatAsksForNothingPasses(): void
    {
        $this->transport->respond();
        putenv('HTTPS_PROXY=http://127.0.0.1:3128');
        putenv('NO_PROXY=localhost, .example.org');
        try {
            $client = $this->client();
            self::assertSame('http://127.0.0.1:3128', ($client->getConfig('proxy') ?? [])['https'] ?? null);
            $client->get(self::BASE, [
                'verify' => true,
                'auth' => null,
                'cert' => null,
                'curl' => [CURLOPT_TCP_KEEPALIVE => 1, CURLOPT_TCP_KEEPIDLE => 60],
                'debug' => false,
                'decode_content' => 'gzip',
                'expect' => false,
                'multiplex' => 'wait',
                'stream' => false,
                'stream_context' => [],
                'timeout' => 0,
                'connect_timeout' => 0,
                'read_timeout' => 0,
                'version' => '2',
                'idn_conversion' => true,
                'cookies' => new CookieJar(),
            ]);
        } finally {
            putenv('HTTPS_PROXY');
            putenv('NO_PROXY');
        }

        self::assertNull($this->transport->requests()[0]->timeoutMs);
    }

    public function testTimes(): void
    {
        $client = $this->client();
        $this->transport->respond()->respond();
        $client->get(self::BASE, ['timeout' => 2.5, 'connect_timeout' => 1.5, 'read_timeout' => 3]);
        $client->get(self::BASE, ['connect_timeout' => 60]);
        self::assertSame([[2500, 3000, 1500], [null, null, 60_000]], array_map(
            static fn (RequestSpec $sent): array => [$sent->timeoutMs, $sent->idleTimeoutMs, $sent->connectTimeoutMs],
            $this->transport->requests(),
        ));
        self::assertStringContainsString(
            'connect_timeout',
            self::refusal(static fn () => $client->get(self::BASE, ['connect_timeout' => -1]))->getMessage(),
        );
    }

    public function testADelayIsWaitedFor(): void
    {
        $this->transport->respond();
        $begun = hrtime(true);
        $this->client()->get(self::BASE, ['delay' => 30]);

        self::assertGreaterThan(30e6, hrtime(true) - $begun);
    }

    public function testOnHeadersComesBeforeTheSink(): void
    {
        $directory = new TempDir('sink');
        $file = $directory->path . '/body';
        $this->transport->respond(200, 'the body', [['x-a', '1']]);
        $seen = [];
        $this->client()->get(self::BASE . '/x', [
            'sink' => $file,
            'on_headers' => static function (ResponseInterface $response, ?RequestInterface $request = null) use (&$seen, $file): void {
                $seen = [$response->getHeaderLine('X-A'), (string) $request?->getUri(), is_file($file)];
            },
        ]);
        self::assertSame(['1', self::BASE . '/x', false], $seen);
        self::assertStringEqualsFile($file, 'the body');

        $this->transport->respond(200, 'the body');
        $thrown = self::thrown(fn () => $this->client()->get(self::BASE, [
            'sink' => $directory->path . '/none',
            'on_headers' => static fn () => throw new \DomainException('too large'),
        ]));
        self::assertInstanceOf(RequestException::class, $thrown);
        self::assertInstanceOf(\DomainException::class, $thrown->getPrevious());
        self::assertFileDoesNotExist($directory->path . '/none');
        $directory->remove();
    }

    public function testASinkOfTheCallerStaysOpen(): void
    {
        $file = fopen('php://temp', 'w+');
        self::assertNotFalse($file);
        $stream = Utils::streamFor('');
        foreach ([$file, $stream] as $sink) {
            $this->transport->respond(200, 'the body');
            self::assertSame('the body', (string) $this->client()->get(self::BASE, ['sink' => $sink])->getBody());
        }

        rewind($file);
        self::assertSame('the body', stream_get_contents($file));
        self::assertSame('the body', (string) $stream);
    }

    public function testStatsAndProgress(): void
    {
        $stats = [];
        $progress = [];
        $options = [
            'body' => 'abc',
            'http_errors' => false,
            'on_stats' => static function (TransferStats $of) use (&$stats): void {
                $stats[] = [$of->getResponse()?->getStatusCode(), $of->getTransferTime() > 0, $of->getHandlerErrorData() !== null];
            },
            'progress' => static function (int ...$bytes) use (&$progress): void {
                $progress[] = $bytes;
            },
        ];
        $this->transport->respond(404, 'hello')->fail('dns.not_found');
        $this->client()->post(self::BASE, $options);
        self::thrown(fn () => $this->client()->post(self::BASE, $options));

        self::assertSame([[404, true, false], [null, true, true]], $stats);
        self::assertSame([[0, 0, 3, 0], [5, 5, 3, 3], [0, 0, 3, 0]], $progress);
        $thrown = self::thrown(fn () => $this->client()->get(self::BASE, ['progress' => static fn (): bool => true]));
        self::assertInstanceOf(RequestException::class, $thrown);
        self::assertCount(2, $this->services());
    }

    public function testCookiesAreGuzzles(): void
    {
        $this->transport->respond(200, '', [['set-cookie', 'a=1; Path=/']])->respond();
        $client = $this->client(['cookies' => true]);
        $client->get(self::BASE);
        $client->get(self::BASE);

        $headers = array_map(
            static fn (array $headers): ?string => array_column($headers, 1, 0)['Cookie'] ?? null,
            array_column($this->transport->requests(), 'headers'),
        );
        self::assertSame([null, 'a=1'], $headers);
    }
}
