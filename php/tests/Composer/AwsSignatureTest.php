<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

use Aws\Credentials\Credentials;
use Aws\Handler\Guzzle\GuzzleHandler;
use Aws\S3\S3Client;
use Aws\Signature\S3SignatureV4;
use Aws\Signature\SignatureV4;
use GuzzleHttp\Client;
use GuzzleHttp\HandlerStack;
use GuzzleHttp\Middleware;
use GuzzleHttp\Psr7\Request;
use GuzzleHttp\Psr7\Response;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider;
use Netresearch\NrVault\Outbound\Guzzle\SecureHandler;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
use Netresearch\NrVault\Outbound\Tests\Integration\IntegrationTestCase;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Double\SdkClock;
use Netresearch\NrVault\Outbound\Tests\Support\Double\UnhashedS3Signature;
use Netresearch\NrVault\Outbound\TransportFactory;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\SealedCredential;
use Psr\Http\Message\ResponseInterface;
use Random\Engine\Mt19937;
use Random\Randomizer;

/**
 * Generated requests as they arrive at a server, and the signatures that the AWS SDK for PHP makes for them.
 *
 * @group composer
 */
final class AwsSignatureTest extends IntegrationTestCase
{
    private const KEY_ID = 'AKIDEXAMPLE';
    private const TOKEN = 'AQoDYXdz//8=+a';
    private const REGION = 'eu-central-1';
    private const LETTERS = 'abcXYZ019-._~';
    private const ODD = self::LETTERS . ' !$&\'()*+,;=:@?#%äß€"<>[]{}|^`';

    /** Fields that a signature fills. */
    private const FILLED = ['authorization', 'x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256'];

    private Randomizer $random;

    public static function setUpBeforeClass(): void
    {
        parent::setUpBeforeClass();
        SdkClock::set();
    }

    public function testTheSdkSignsAlike(): void
    {
        $calls = (int) (getenv('SECURE_OUTBOUND_CALLS') ?: 200);
        $this->random = new Randomizer(new Mt19937(20150830));
        $transport = self::transport();
        $count = ['header' => 0, 'query' => 0];
        for ($i = 0; $i < $calls; $i++) {
            $place = $this->oneOf('header', 'query');
            $service = $this->oneOf('s3', 's3', 'ses', 'execute-api', 'es');
            $token = $this->random->getInt(0, 2) === 0 ? self::TOKEN : null;
            $isUnsigned = $service === 's3' && ($place === 'query' || $this->random->getInt(0, 2) === 0);
            $signed = $transport->send(self::request(
                $this->path(),
                method: $this->oneOf('GET', 'POST'),
                query: $this->query(),
                headers: $this->headers($place),
                body: $this->random->getInt(0, 1) === 0 ? '' : $this->text(self::ODD, 40),
                credentials: [self::key($service, $place, $token, $isUnsigned)],
            ));
            $seen = self::seen($signed);
            $credentials = new Credentials(self::KEY_ID, self::CANARY, $token);
            $place === 'header'
                ? self::assertHeader($seen, $credentials, $service, $isUnsigned)
                : self::assertQuery($seen, $credentials, $service);
            $count[$place]++;
        }
        self::assertSame($calls, array_sum($count));
        self::assertGreaterThan($calls / 3, min($count));
        if ($calls > 200) {
            fwrite(STDERR, "\n{$count['header']} requests signed in the header and {$count['query']} in the query as by the SDK for PHP\n");
        }
    }

    /**
     * What an extension has: the SDK's client for S3 on Guzzle, without a key or with one that it must not use.
     *
     * @testWith [false]
     *           [{"key": "AKIDOTHER", "secret": "another secret", "token": "t"}]
     * @param array<string, string>|false $credentials
     */
    public function testTheSdksClientForS3IsSignedByTheLibrary(array|false $credentials): void
    {
        $key = self::key('s3', 'header', self::TOKEN, false);
        $service = [
            'base_url' => self::$upstream->url(),
            'policy' => ['allowed_methods' => ['PUT'], 'allowed_paths' => ['/v1/media/a%20(b/{name}']],
            'credentials' => [$key->reference->toWire()],
        ];
        $keys = ['master_keys' => [['provider' => 'raw', 'key_base64' => self::masterKey()]]];
        $records = new MemoryAuditSink();
        $calls = new ServiceCalls(
            new ArrayServiceRegistry(['s3' => $service]),
            new ArrayCredentialProvider([$key->reference->identifier => $key->sealed]),
            new TransportFactory(self::$upstream->config($keys), Build::library()),
            $records,
        );
        $seen = [];
        $stack = HandlerStack::create(new SecureHandler($calls, ['s3'], 60));
        $stack->push(Middleware::mapResponse(static function (ResponseInterface $response) use (&$seen): ResponseInterface {
            $seen = json_decode((string) $response->getBody(), true, 16, JSON_THROW_ON_ERROR);
            return new Response(200);
        }));
        $client = new S3Client([
            'region' => self::REGION,
            'endpoint' => self::$upstream->url(),
            'use_path_style_endpoint' => true,
            'credentials' => $credentials,
            'retries' => 0,
            'http_handler' => new GuzzleHandler(new Client(['handler' => $stack])),
        ]);
        $client->putObject(['Bucket' => 'media', 'Key' => 'a (b/ä+.txt', 'Body' => 'the body', 'Metadata' => ['a' => 'b']]);

        self::assertSame('/v1/media/a%20%28b/%C3%A4%2B.txt', explode('?', $seen['uri'])[0]);
        self::assertSame(['the body', 'b'], [base64_decode($seen['body'], true), $seen['headers']['x-amz-meta-a']]);
        self::assertSame(self::TOKEN, $seen['headers']['x-amz-security-token']);
        self::assertStringNotContainsString('AKIDOTHER', (string) json_encode($seen));
        self::assertHeader($seen, new Credentials(self::KEY_ID, self::CANARY, self::TOKEN), 's3', false);
        self::assertSame('/v1/media/a%20(b/{name}', $records->entries()[0]->record['path_template']);
    }

    /**
     * @param array{method: string, uri: string, headers: array<string, string>, body: string} $seen
     */
    private static function assertHeader(array $seen, Credentials $credentials, string $service, bool $isUnsigned): void
    {
        $signature = $service === 's3'
            ? new S3SignatureV4($service, self::REGION, ['unsigned-body' => $isUnsigned])
            : new SignatureV4($service, self::REGION);
        SdkClock::$now = self::moment($seen['headers']['x-amz-date']);
        $unsigned = self::unsigned($seen, $seen['uri']);
        if ($isUnsigned) {
            // As the SDK's client for S3 gives it to the signature.
            $unsigned = $unsigned->withHeader(SignatureV4::AMZ_CONTENT_SHA256_HEADER, SignatureV4::UNSIGNED_PAYLOAD);
        }
        $request = $signature->signRequest($unsigned, $credentials);
        self::assertSame($request->getHeaderLine('Authorization'), $seen['headers']['authorization'], (string) json_encode($seen));
    }

    /**
     * @param array{method: string, uri: string, headers: array<string, string>, body: string} $seen
     */
    private static function assertQuery(array $seen, Credentials $credentials, string $service): void
    {
        [$path, $query] = explode('?', $seen['uri'], 2);
        $parameters = explode('&', $query);
        $isOfAws = static fn (string $pair): bool => str_starts_with($pair, 'X-Amz-');
        $filled = array_column(array_map(static fn (string $pair): array => explode('=', $pair, 2), array_filter($parameters, $isOfAws)), 1, 0);
        $own = implode('&', array_filter($parameters, static fn (string $pair): bool => !$isOfAws($pair)));
        $signature = $service === 's3' ? new UnhashedS3Signature($service, self::REGION) : new SignatureV4($service, self::REGION);
        $now = self::moment($filled['X-Amz-Date']);
        $expires = $now + (int) $filled['X-Amz-Expires'];
        $unsigned = self::unsigned($seen, $path . ($own === '' ? '' : '?' . $own));
        parse_str($signature->presign($unsigned, $credentials, $expires, ['start_time' => $now])->getUri()->getQuery(), $presigned);
        foreach ($filled as $name => $value) {
            self::assertSame($presigned[$name], rawurldecode($value), $name . ' of ' . $seen['uri']);
        }
        self::assertCount($credentials->getSecurityToken() === null ? 6 : 7, $filled);
    }

    /**
     * What the SDK is to sign: the fields that are signed, and none that it adds.
     *
     * @param array{method: string, uri: string, headers: array<string, string>, body: string} $seen
     */
    private static function unsigned(array $seen, string $uri): Request
    {
        $isSigned = static fn (string $name): bool => ($name === 'content-type' || str_starts_with($name, 'x-amz-'))
            && !in_array($name, self::FILLED, true);
        $origin = substr(self::$upstream->url(), 0, -strlen('/v1'));
        return new Request(
            $seen['method'],
            $origin . $uri,
            array_filter($seen['headers'], $isSigned, ARRAY_FILTER_USE_KEY),
            base64_decode($seen['body'], true),
        );
    }

    private static function moment(string $date): int
    {
        return \DateTimeImmutable::createFromFormat('Ymd\THisp', $date)->getTimestamp();
    }

    private static function key(string $service, string $place, ?string $token, bool $isUnsigned): SealedCredential
    {
        $payload = [
            'access_key_id' => self::KEY_ID,
            'secret_access_key' => self::CANARY,
            'region' => self::REGION,
            'service' => $service,
            'in' => $place,
            'unsigned_payload' => $isUnsigned,
            'binding' => ['hosts' => [parse_url(self::$upstream->url(), PHP_URL_HOST) . ':' . parse_url(self::$upstream->url(), PHP_URL_PORT)]],
        ] + ($token === null ? [] : ['session_token' => $token]);
        $sealed = self::seal(CredentialReference::AWS_SIGV4, $payload);
        return (new CredentialReference('my_api_key', CredentialReference::AWS_SIGV4, service: $service))->seal($sealed->sealed);
    }

    private function path(): string
    {
        $path = '/echo';
        for ($segments = $this->random->getInt(0, 3); $segments > 0; $segments--) {
            $segment = $this->text(str_replace(['?', '#', '%'], '', self::ODD), 8);
            $path .= '/' . (trim($segment, '.') === '' || $segment[0] === '.' ? 'x' : $segment);
        }
        return $path;
    }

    /**
     * Each name once: the SDK sorts the values of one name before they are encoded.
     *
     * @return list<array{string, string}>
     */
    private function query(): array
    {
        $pairs = [];
        for ($count = $this->random->getInt(0, 4); $count > 0; $count--) {
            $name = 'q' . $this->text(self::ODD, 5);
            $pairs[$name] = [$name, $this->random->getInt(0, 3) === 0 ? '' : $this->text(self::ODD, 8)];
        }
        return array_values($pairs);
    }

    /**
     * In the query form none: the SDK signs no content-type there, and moves the x-amz- fields into the query.
     *
     * @return list<array{string, string}>
     */
    private function headers(string $place): array
    {
        if ($place === 'query') {
            return [];
        }
        $headers = [];
        if ($this->random->getInt(0, 1) === 0) {
            $headers[] = ['content-type', $this->oneOf('application/json', 'text/plain;  charset=utf-8', 'a/b')];
        }
        foreach (['x-amz-target', 'x-amz-meta-b', 'x-amz-meta-a', 'x-amz-acl'] as $name) {
            if ($this->random->getInt(0, 2) === 0) {
                $headers[] = [$name, 'a' . $this->text(self::LETTERS . '  :,', 10) . 'b'];
            }
        }
        return $headers;
    }

    private function oneOf(string ...$words): string
    {
        return $words[$this->random->getInt(0, count($words) - 1)];
    }

    private function text(string $characters, int $longest): string
    {
        $letters = mb_str_split($characters);
        $text = '';
        for ($length = $this->random->getInt(1, $longest); $length > 0; $length--) {
            $text .= $letters[$this->random->getInt(0, count($letters) - 1)];
        }
        return $text;
    }
}
