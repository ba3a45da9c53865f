<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

use Aws\Handler\Guzzle\GuzzleHandler;
use Aws\S3\S3Client;
use GuzzleHttp\Client;
use GuzzleHttp\HandlerStack;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Guzzle\SecureHandler;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Outbound\TransportFactory;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;
use Netresearch\NrVault\Transport\SealedCredential;
use PHPUnit\Framework\TestCase;

/**
 * Servers that verify what the library signs for AWS: s3s-fs, which is a store that speaks S3's language, and moto. .ci/signing-servers
 * fetches them for `.ci/hardening --only=signing`.
 *
 * @group aws-servers
 */
final class AwsServersTest extends TestCase
{
    private const SERVERS = __DIR__ . '/../../../target/signing-servers';
    private const MASTER_KEY = 'kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk';
    private const KEY_ID = 'AKIDEXAMPLE';
    private const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';

    /** A key that paths spell in several ways. */
    private const OBJECT = 'a b/(ü)+~=&\'!*.txt';

    private static TempDir $directory;
    private static Process $server;
    private static int $port;

    public static function setUpBeforeClass(): void
    {
        self::$directory = new TempDir('aws-servers');
    }

    protected function tearDown(): void
    {
        self::$server->stop();
    }

    public static function tearDownAfterClass(): void
    {
        self::$directory->remove();
    }

    /**
     * @return iterable<string, array{array<string, mixed>}>
     */
    public static function forms(): iterable
    {
        yield 'in the header' => [[]];
        yield 'in the header, without the body' => [['unsigned_payload' => true]];
        yield 'in the header, with a session token' => [['session_token' => 'AQoDYXdz//8=+a']];
        yield 'in the query' => [['unsigned_payload' => true, 'in' => 'query']];
        yield 'in the query, with a session token' => [['unsigned_payload' => true, 'in' => 'query', 'session_token' => 'AQoDYXdz//8=+a']];
    }

    /**
     * @dataProvider forms
     * @param array<string, mixed> $form
     */
    public function testAStoreVerifiesBothForms(array $form): void
    {
        $this->store();
        $key = self::key(['service' => 's3'] + $form);
        self::assertStatus(200, self::call($key, 'PUT', '/media'));
        self::assertStatus(200, self::call($key, 'PUT', '/media/' . self::OBJECT, 'the body', [['x-amz-meta-a', 'b  c']]));
        $got = self::call($key, 'GET', '/media/' . rawurlencode('a b') . '/' . rawurlencode(substr(self::OBJECT, 4)));
        self::assertStatus(200, $got);
        self::assertSame('the body', $got->body);
        $list = self::call($key, 'GET', '/media', query: [['list-type', '2'], ['prefix', 'a b/(ü']]);
        self::assertStatus(200, $list);
        self::assertSame(self::OBJECT, (string) simplexml_load_string($list->body)->Contents->Key);

        $flipped = self::key(['service' => 's3', 'secret_access_key' => self::flipped(self::SECRET)] + $form);
        $refused = self::call($flipped, 'PUT', '/media/other', 'the body');
        self::assertStatus(403, $refused);
        self::assertStringContainsString('SignatureDoesNotMatch', $refused->body);
        self::assertStatus(404, self::call($key, 'GET', '/media/other'));
    }

    public function testMotoVerifiesTheHeader(): void
    {
        [$id, $secret] = $this->moto();
        $s3 = ['access_key_id' => $id, 'secret_access_key' => $secret, 'service' => 's3', 'region' => 'us-east-1'];
        $sts = ['service' => 'sts'] + $s3;
        self::assertStatus(200, self::call(self::key($s3), 'PUT', '/media'));
        self::assertStatus(200, self::call(self::key($s3), 'PUT', '/media/' . self::OBJECT, 'the body'));
        self::assertSame('the body', self::call(self::key($s3), 'GET', '/media/' . self::OBJECT)->body);
        $form = [['content-type', 'application/x-www-form-urlencoded']];
        $asked = 'Action=GetCallerIdentity&Version=2011-06-15';
        $identity = self::call(self::key($sts), 'POST', '/', $asked, $form);
        self::assertStatus(200, $identity);
        self::assertStringContainsString('user/caller', $identity->body);

        $flipped = ['secret_access_key' => self::flipped($secret)];
        $refused = self::call(self::key($flipped + $s3), 'GET', '/media/' . self::OBJECT);
        self::assertStatus(403, $refused);
        self::assertStringContainsString('SignatureDoesNotMatch', $refused->body);
        self::assertStatus(403, self::call(self::key($flipped + $sts), 'POST', '/', $asked, $form));
    }

    public function testMotoVerifiesTheKeysOfARole(): void
    {
        [$id, $secret] = $this->moto(2);
        self::manage(['Action' => 'CreateRole', 'RoleName' => 'media', 'AssumeRolePolicyDocument' => self::policy(['Principal' => ['AWS' => 'arn:aws:iam::123456789012:user/caller']])]);
        self::manage(['Action' => 'PutRolePolicy', 'RoleName' => 'media', 'PolicyName' => 'all', 'PolicyDocument' => self::policy()]);
        $sts = 'http://localhost:' . self::$port . '/';
        $role = ['exchange' => ['url' => $sts, 'role_arn' => 'arn:aws:iam::123456789012:role/media', 'session_name' => 'importer']];
        $user = ['access_key_id' => $id, 'secret_access_key' => $secret, 'region' => 'us-east-1'];
        $s3 = $role + ['service' => 's3'] + $user;
        foreach ([['PUT', '/media', ''], ['PUT', '/media/' . self::OBJECT, 'the body'], ['GET', '/media/' . self::OBJECT, '']] as [$method, $path, $body]) {
            $got = self::call(self::key($s3), $method, $path, $body);
            self::assertStatus(200, $got);
        }
        self::assertSame('the body', $got->body);

        foreach ([[self::flipped($secret), '/media', 'oauth.token_endpoint_rejected'], [$secret, '/', 'policy.binding_violated']] as [$key, $path, $code]) {
            try {
                self::call(self::key(['secret_access_key' => $key] + $s3), 'GET', $path);
                self::fail($code);
            } catch (OutboundException $refusal) {
                self::assertSame($code, $refusal->errorCode());
            }
        }
    }

    /** What an extension has: the SDK's client for S3 on Guzzle, without a key. */
    public function testTheSdksClientForS3WithoutCredentials(): void
    {
        $this->store();
        $client = self::sdk(self::key(['service' => 's3']), false);
        $client->createBucket(['Bucket' => 'media']);
        $client->putObject(['Bucket' => 'media', 'Key' => self::OBJECT, 'Body' => 'the body', 'Metadata' => ['a' => 'b']]);
        $got = $client->getObject(['Bucket' => 'media', 'Key' => self::OBJECT]);
        self::assertSame('the body', (string) $got['Body']);
        self::assertSame(['a' => 'b'], $got['Metadata']);
        $listed = $client->listObjectsV2(['Bucket' => 'media', 'Prefix' => 'a b/(ü'])['Contents'] ?? [];
        self::assertSame([self::OBJECT], array_column($listed, 'Key'));
        $client->deleteObject(['Bucket' => 'media', 'Key' => self::OBJECT]);
        self::assertFalse($client->doesObjectExistV2('media', self::OBJECT));
    }

    /** Its own signature gives way. */
    public function testTheSdksClientForS3WithOtherCredentials(): void
    {
        $this->store();
        $client = self::sdk(self::key(['service' => 's3']), ['key' => 'AKIDOTHER', 'secret' => 'no secret of ours', 'token' => 't']);
        $client->createBucket(['Bucket' => 'media']);
        $client->putObject(['Bucket' => 'media', 'Key' => self::OBJECT, 'Body' => 'the body']);
        self::assertSame('the body', (string) $client->getObject(['Bucket' => 'media', 'Key' => self::OBJECT])['Body']);
    }

    private function store(): void
    {
        $root = self::$directory->path . '/' . bin2hex(random_bytes(4));
        mkdir($root);
        self::$port = Port::free();
        self::$server = new Process([
            self::SERVERS . '/s3s/bin/s3s-fs', '--host', '127.0.0.1', '--port', (string) self::$port,
            '--access-key', self::KEY_ID, '--secret-key', self::SECRET, $root,
        ], self::$directory->path . '/s3s.log');
        self::$server->waitUntil(static fn (): bool => Port::isOpen(self::$port), 's3s-fs');
    }

    /**
     * @param int $more further actions that are not verified
     * @return array{string, string} id and secret of a user, who may do everything
     */
    private function moto(int $more = 0): array
    {
        self::$port = Port::free();
        self::$server = new Process(
            [self::SERVERS . '/pypi/bin/moto_server', '-H', '127.0.0.1', '-p', (string) self::$port],
            self::$directory->path . '/moto.log',
            ['INITIAL_NO_AUTH_ACTION_COUNT' => (string) (3 + $more), 'HOME' => self::$directory->path],
        );
        self::$server->waitUntil(static fn (): bool => Port::isOpen(self::$port), 'moto');
        self::manage(['Action' => 'CreateUser', 'UserName' => 'caller']);
        self::manage(['Action' => 'PutUserPolicy', 'UserName' => 'caller', 'PolicyName' => 'all', 'PolicyDocument' => self::policy()]);
        $made = self::manage(['Action' => 'CreateAccessKey', 'UserName' => 'caller']);
        self::assertSame(1, preg_match('~<AccessKeyId>(.+?)</AccessKeyId>~', $made, $id), $made);
        self::assertSame(1, preg_match('~<SecretAccessKey>(.+?)</SecretAccessKey>~', $made, $secret));
        return [$id[1], $secret[1]];
    }

    /**
     * @param array<string, string> $more in its one statement
     */
    private static function policy(array $more = ['Resource' => '*']): string
    {
        return (string) json_encode(['Version' => '2012-10-17', 'Statement' => [['Effect' => 'Allow', 'Action' => '*'] + $more]]);
    }

    /**
     * An action that moto does not verify yet.
     *
     * @param array<string, string> $form
     */
    private static function manage(array $form): string
    {
        $context = stream_context_create(['http' => [
            'method' => 'POST',
            'header' => "Content-Type: application/x-www-form-urlencoded\r\n"
                . 'Authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x',
            'content' => http_build_query($form + ['Version' => '2010-05-08']),
        ]]);
        return (string) file_get_contents('http://127.0.0.1:' . self::$port . '/', false, $context);
    }

    /**
     * @param array<string, mixed> $payload
     */
    private static function key(array $payload): SealedCredential
    {
        $payload += [
            'access_key_id' => self::KEY_ID,
            'secret_access_key' => self::SECRET,
            'region' => 'us-east-1',
            'binding' => ['hosts' => ['http://localhost:' . self::$port]],
        ];
        $sealed = (new Sealer(self::MASTER_KEY))->credential(CredentialReference::AWS_SIGV4, $payload, null, 'signer');
        return (new CredentialReference('signer', CredentialReference::AWS_SIGV4, service: $payload['service']))->seal($sealed->sealed);
    }

    /**
     * @param list<array{string, string}> $headers
     * @param list<array{string, string}> $query
     */
    private static function call(
        SealedCredential $key,
        string $method,
        string $path,
        string $body = '',
        array $headers = [],
        array $query = [],
    ): ResponseSpec {
        return (new RustFfiTransport(self::config(), Build::library()))->send(new RequestSpec(
            'test',
            $method,
            new Policy(['GET', 'PUT', 'POST'], allowHttp: true),
            'http://localhost:' . self::$port,
            $path,
            query: $query,
            headers: $headers,
            body: $body,
            credentials: [$key],
        ));
    }

    /**
     * @param array<string, string>|false $credentials
     */
    private static function sdk(SealedCredential $key, array|false $credentials): S3Client
    {
        $service = [
            'base_url' => 'http://localhost:' . self::$port,
            'policy' => ['allowed_methods' => ['GET', 'HEAD', 'PUT', 'DELETE'], 'allow_http' => true],
            'credentials' => [$key->reference->toWire()],
        ];
        $calls = new ServiceCalls(
            new ArrayServiceRegistry(['s3' => $service]),
            new ArrayCredentialProvider(['signer' => $key->sealed]),
            new TransportFactory(self::config(), Build::library()),
            new MemoryAuditSink(),
        );
        return new S3Client([
            'region' => 'us-east-1',
            'endpoint' => 'http://localhost:' . self::$port,
            'use_path_style_endpoint' => true,
            'credentials' => $credentials,
            'retries' => 0,
            'http_handler' => new GuzzleHandler(new Client(['handler' => HandlerStack::create(new SecureHandler($calls, ['s3'], 60))])),
        ]);
    }

    /**
     * @return array<string, mixed>
     */
    private static function config(): array
    {
        return [
            'version' => 1,
            'master_keys' => [['provider' => 'raw', 'key_base64' => base64_encode(self::MASTER_KEY)]],
            'internal_hosts' => [['host' => 'localhost', 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => [self::$port]]],
        ];
    }

    private static function assertStatus(int $status, ResponseSpec $response): void
    {
        self::assertSame($status, $response->status, $response->body);
    }

    private static function flipped(string $secret): string
    {
        return substr($secret, 0, -1) . ($secret[-1] ^ "\1");
    }
}
