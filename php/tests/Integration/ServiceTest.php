<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use GuzzleHttp\Psr7\HttpFactory;
use Netresearch\NrVault\Outbound\Audit\StaticCallContext;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Credential\CredentialProvider;
use Netresearch\NrVault\Outbound\Credential\DirectoryCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Psr18\OutboundClientFactory;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;
use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Double\ExampleSdk;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Outbound\TransportFactory;
use Netresearch\NrVault\Service\SecureHttpClient;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\SealedCredential;
use Psr\Http\Client\NetworkExceptionInterface;
use Psr\Http\Client\RequestExceptionInterface;

/**
 * Calls of services from a registry file, with envelopes from files, through the library to nginx.
 */
final class ServiceTest extends IntegrationTestCase
{
    private const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

    private TempDir $directory;
    private MemoryAuditSink $audit;
    private TransportFactory $transports;
    private ServiceCalls $calls;

    protected function setUp(): void
    {
        $this->directory = new TempDir('service');
        $this->audit = new MemoryAuditSink();
        $token = self::seal('bearer', ['type' => 'bearer', 'token' => self::CANARY], identifier: 'token');
        $this->directory->write('envelopes/token', $token->sealed);
        $entry = [
            'base_url' => self::$upstream->url(),
            'policy' => [
                'allowed_methods' => ['GET', 'POST'],
                'allowed_paths' => ['/v1/{what}', '/v1/status/**', '/v1/silent'],
            ],
            'headers' => ['X-Version' => '3', 'Accept' => 'application/json'],
            'idempotency_header' => 'X-Idem',
            'credentials' => [['identifier' => 'vault:token', 'type' => 'bearer']],
            'transport' => 'rust',
            'audit' => 'required',
        ];
        $missing = ['credentials' => [['identifier' => 'vault:none', 'type' => 'bearer']]] + $entry;
        $registry = $this->directory->write('services.json', (string) json_encode([
            'version' => 1,
            'services' => ['my-api' => $entry, 'missing' => $missing],
        ]));
        $keys = ['master_keys' => [['provider' => 'raw', 'key_base64' => self::masterKey()]]];
        $this->transports = new TransportFactory(self::$upstream->config($keys), Build::library());
        $this->calls = new ServiceCalls(
            new JsonFileServiceRegistry($registry),
            new DirectoryCredentialProvider($this->directory->path . '/envelopes'),
            $this->transports,
            $this->audit,
            new StaticCallContext('cli', '0', 'req-1', self::TRACE),
        );
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    public function testAnAuthorNeverSeesEndpointOrCredential(): void
    {
        $response = (new SecureHttpClient($this->calls))->request('my-api', 'POST', '/echo', [
            'query' => ['include' => 'meta data', 'list' => ['a', 'b&c'], 'ä' => '~/:'],
            'json' => ['n' => 1.0, 'u' => 'a/ä'],
            'headers' => ['X-Version' => '4'],
            'idempotencyKey' => 'order-17',
        ]);
        $seen = $response->json();

        self::assertSame(200, $response->statusCode());
        self::assertSame('application/json', $response->header('content-type'));
        self::assertSame(
            '/v1/echo?include=meta%20data&list%5B0%5D=a&list%5B1%5D=b%26c&%C3%A4=~%2F%3A',
            $seen['uri'],
            'as http_build_query encodes',
        );
        self::assertSame('{"n":1.0,"u":"a/ä"}', base64_decode($seen['body']));
        self::assertSame('Bearer ' . self::CANARY, $seen['headers']['authorization']);
        self::assertSame('4', $seen['headers']['x-version']);
        self::assertSame('application/json', $seen['headers']['content-type']);
        self::assertSame('application/json', $seen['headers']['accept']);
        self::assertSame('order-17', $seen['headers']['x-idem']);
        self::assertSame(self::TRACE, $seen['headers']['traceparent']);
        self::assertArrayNotHasKey('idempotency-key', $seen['headers']);
    }

    public function testTheRecordIsTheLibrarysAndTheCallers(): void
    {
        $options = ['correlationId' => 'order-17', 'query' => ['q' => 'hunter2'], 'body' => 'hunter2'];
        $response = (new SecureHttpClient($this->calls))->request('my-api', 'POST', '/echo', $options);

        self::assertSame(['begin', 'complete'], $this->audit->steps());
        self::assertCount(1, $this->audit->entries());
        $record = $response->audit()->toArray();
        self::assertSame('order-17', $record['correlation_id']);
        self::assertSame('localhost', $record['host']);
        self::assertSame('/v1/{what}', $record['path_template']);
        self::assertSame(200, $record['status']);
        self::assertSame('rust-ffi', $record['transport']);
        self::assertSame(['token'], $record['credentials']);
        self::assertSame('cli', $record['actor_type']);
        self::assertSame(self::class . '::' . __FUNCTION__, $record['caller']);
        self::assertStringNotContainsString('hunter2', (string) json_encode($record));
        self::assertShowsNoSecret($record);
    }

    public function testAnHttpErrorIsAResponse(): void
    {
        $client = new SecureHttpClient($this->calls);

        self::assertSame(404, $client->request('my-api', 'GET', '/status/404')->statusCode());
        self::assertSame(500, $client->request('my-api', 'GET', '/status/500')->statusCode());
    }

    public function testARefusalIsDecidedBeforeTheCredentialIsAskedFor(): void
    {
        $client = new SecureHttpClient($this->calls);

        self::assertSame('policy.path_not_allowed', self::code(fn () => $client->request('missing', 'GET', '/a/b')));
        self::assertSame('credential.not_found', self::code(fn () => $client->request('missing', 'GET', '/a')));
        self::assertSame(['write', 'begin', 'complete'], $this->audit->steps());
        self::assertSame('credential.not_found', $this->audit->entries()[1]->record['error_code']);
        self::assertSame('localhost', $this->audit->entries()[1]->record['host']);
    }

    public function testOfAServiceThatIsLeftAloneNothingIsFetchedOrOpened(): void
    {
        $provider = new class implements CredentialProvider {
            public int $fetched = 0;
            public string $envelope = '';

            public function fetch(CredentialReference $reference): SealedCredential
            {
                $this->fetched++;
                return $reference->seal($this->envelope);
            }
        };
        $provider->envelope = self::seal('bearer', ['token' => self::CANARY], identifier: 'token')->sealed;
        $client = new SecureHttpClient(new ServiceCalls(
            new ArrayServiceRegistry(['failing' => [
                'base_url' => self::$upstream->url(),
                'policy' => [
                    'allowed_methods' => ['GET'],
                    'allowed_paths' => ['/v1/status/**'],
                    'breaker' => ['failures' => 1, 'open_ms' => 86400000],
                ],
                'credentials' => [['identifier' => 'token', 'type' => 'bearer']],
                'transport' => 'rust',
                'audit' => 'required',
            ]]),
            $provider,
            $this->transports,
            $this->audit,
        ));

        self::assertSame(500, $client->request('failing', 'GET', '/status/500')->statusCode());
        $provider->envelope = 'no envelope';
        $code = self::code(fn () => $client->request('failing', 'GET', '/status/500'));

        self::assertSame(['policy.circuit_open', 1], [$code, $provider->fetched]);
        self::assertSame(['begin', 'complete', 'write'], $this->audit->steps(), 'no intent of what is not sent');
        $entry = $this->audit->entries()[1];
        self::assertSame(['refused', 'policy.circuit_open'], [$entry->outcome, $entry->record['error_code']]);
        self::assertSame(['/v1/status/**', 0], [$entry->record['path_template'], $entry->record['attempts']]);
        self::assertSame(['token'], $entry->record['credentials']);
    }

    public function testADeadlineIsAFailureWithItsRecord(): void
    {
        $client = new SecureHttpClient($this->calls);
        $code = self::code(fn () => $client->request('my-api', 'POST', '/silent', ['timeout' => 0.3]));

        self::assertSame('timeout.total', $code);
        self::assertSame('timeout.total', $this->audit->entries()[0]->record['error_code']);
        self::assertGreaterThanOrEqual(300000, $this->audit->entries()[0]->record['duration_us']);
    }

    public function testAnSdkRunsThroughPolicyAndAudit(): void
    {
        $factory = new HttpFactory();
        $client = (new OutboundClientFactory($this->calls, $factory, $factory))->forService('my-api');
        $sdk = new ExampleSdk($client, $factory, $factory, self::$upstream->url());

        $seen = $sdk->create('echo', ['name' => 'x']);
        self::assertSame('Bearer ' . self::CANARY, $seen['headers']['authorization']);
        self::assertSame('example-sdk/1', $seen['headers']['user-agent']);
        self::assertSame('{"name":"x"}', base64_decode($seen['body']));
        self::assertSame('/v1/echo?expand%5B%5D=all', $seen['uri'], 'byte for byte');
        self::assertSame('/v1/{what}', $this->audit->entries()[0]->record['path_template']);

        $elsewhere = new ExampleSdk($client, $factory, $factory, 'https://other.example/v1');
        try {
            $elsewhere->create('echo', []);
            self::fail('The request went elsewhere.');
        } catch (RequestExceptionInterface $refusal) {
            self::assertSame('other.example', $refusal->getRequest()->getUri()->getHost());
            self::assertStringContainsString('[policy.', $refusal->getMessage());
        }
        try {
            $sdk->create('short', []);
            self::fail('The body was complete.');
        } catch (NetworkExceptionInterface $failure) {
            self::assertStringContainsString('[protocol.closed_early]', $failure->getMessage());
        }
        self::assertCount(3, $this->audit->entries());
    }

    private static function code(\Closure $call): string
    {
        try {
            $call();
        } catch (OutboundException $exception) {
            self::assertShowsNoSecret($exception);
            return $exception->errorCode();
        }
        self::fail('The call was answered.');
    }
}
