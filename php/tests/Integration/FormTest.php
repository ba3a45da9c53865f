<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Call\FormPart;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Outbound\TransportFactory;
use Netresearch\NrVault\Service\SecureHttpClient;
use Netresearch\NrVault\Transport\Placement;

/**
 * Forms, and the client's methods with the names of HTTP methods, through both transports to nginx. PHP's own parser reads the forms.
 */
final class FormTest extends IntegrationTestCase
{
    private TempDir $directory;

    protected function setUp(): void
    {
        $this->directory = new TempDir('forms');
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    /**
     * @testWith ["rust"]
     *           ["php"]
     */
    public function testFilesAndFieldsArrive(string $transport): void
    {
        $bytes = random_bytes(300_000);
        $file = $this->directory->write('Bericht.pdf', $bytes);
        $seen = $this->client($transport)->post('my-api', '/echo', ['multipart' => [
            'note' => '@/etc/passwd',
            'lines' => "a\r\n--b\r\n",
            'report' => FormPart::file($file, 'Ü "1".pdf', 'application/pdf'),
            'memory' => FormPart::contents("\0\xFF", 'm.bin'),
        ]])->json();

        self::assertSame(['note' => '@/etc/passwd', 'lines' => "a\r\n--b\r\n"], $seen['fields']);
        self::assertSame([
            'report' => ['name' => 'Ü %221%22.pdf', 'type' => 'application/pdf', 'sha1' => sha1($bytes)],
            'memory' => ['name' => 'm.bin', 'type' => 'application/octet-stream', 'sha1' => sha1("\0\xFF")],
        ], $seen['files']);
        self::assertSame('Bearer ' . self::CANARY, $seen['headers']['authorization']);
    }

    /**
     * @testWith ["rust"]
     *           ["php"]
     */
    public function testTheFieldsOfAFormArrive(string $transport): void
    {
        $fields = ['name' => 'Zoë & Co. + 1', 'list' => ['a', 'b'], 'empty' => ''];
        $seen = $this->client($transport)->post('my-api', '/echo', ['form_params' => $fields])->json();

        self::assertSame($fields, $seen['fields']);
        self::assertSame('application/x-www-form-urlencoded', $seen['headers']['content-type']);
    }

    /**
     * The service's default content type, here that of JSON, does not replace the content type of a form.
     *
     * @testWith ["rust"]
     *           ["php"]
     */
    public function testACredentialInTheBodyIsAFieldOfTheForm(string $transport): void
    {
        $client = $this->client($transport, [
            'credentials' => [['identifier' => 'key', 'type' => 'secret', 'placement' => ['type' => 'body_field', 'name' => 'api_key']]],
            'headers' => ['content-type' => 'application/json'],
        ]);
        $seen = $client->post('my-api', '/echo', ['form_params' => ['a' => '1']])->json();

        self::assertSame(['a' => '1', 'api_key' => self::CANARY], $seen['fields']);
    }

    /**
     * @testWith ["rust"]
     *           ["php"]
     */
    public function testEachMethodArrives(string $transport): void
    {
        $client = $this->client($transport);
        foreach (['get', 'post', 'put', 'patch', 'delete'] as $method) {
            self::assertSame(strtoupper($method), $client->$method('my-api', '/echo')->json()['method']);
        }
        self::assertSame([200, ''], [$client->head('my-api', '/echo')->statusCode(), $client->head('my-api', '/echo')->body()]);
        self::assertTrue($client->get('my-api', '/status/404')->isClientError());
        self::assertTrue($client->get('my-api', '/status/503')->isServerError());
        self::assertTrue($client->get('my-api', '/status/204')->isOk());
    }

    /**
     * The file is larger than any memory, so reading it would be a fatal error.
     *
     * @testWith ["rust"]
     *           ["php"]
     */
    public function testOfARefusedCallNoFileIsRead(string $transport): void
    {
        $handle = fopen($this->directory->write('large', ''), 'r+');
        self::assertTrue(ftruncate($handle, 1 << 40));
        $parts = ['multipart' => ['a' => FormPart::file($this->directory->path . '/large')]];
        $limit = ini_set('memory_limit', '-1');
        $refusal = function (string $method, array $service = []) use ($transport, $parts): string {
            try {
                $this->client($transport, $service)->request('my-api', $method, '/echo', $parts);
            } catch (OutboundException $refusal) {
                self::assertSame('no', $refusal->sent());
                return $refusal->getMessage();
            }
            return 'answered';
        };

        self::assertStringEndsWith('[policy.method_not_allowed]', $refusal('OPTIONS'));
        self::assertMatchesRegularExpression('/limits\.request_bytes.*\[policy\.request_too_large\]$/', $refusal('POST'));
        $policy = ['policy' => ['allowed_methods' => ['POST'], 'request_bytes' => 1000]];
        self::assertMatchesRegularExpression(
            '/policy\.request_bytes.*\[policy\.request_too_large\]$/',
            $refusal('POST', $policy),
        );
        ini_set('memory_limit', (string) $limit);
    }

    /**
     * One copy of the file's 24 MiB fits into the memory limit, a second one does not.
     *
     * @testWith ["rust"]
     *           ["php"]
     */
    public function testALargeFileGoesOutWithOneCopyInPhp(string $transport): void
    {
        $script = $this->directory->write('script.php', <<<'PHP'
            <?php
            require $argv[1] . '/tests/bootstrap.php';
            use Netresearch\NrVault\Outbound\Call\{FormPart, ServiceCalls};
            use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
            [, , $setup, $file] = $argv;
            $setup = json_decode(file_get_contents($setup), true);
            $client = new Netresearch\NrVault\Service\SecureHttpClient(new ServiceCalls(
                new Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry(['my-api' => $setup['service']]),
                new Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider([]),
                new Netresearch\NrVault\Outbound\TransportFactory($setup['config'], $setup['library']),
                new MemoryAuditSink(),
            ));
            $response = $client->post('my-api', '/bytes/10', ['multipart' => ['a' => FormPart::file($file)]]);
            echo $response->statusCode() . ' ' . ($response->audit()->record['bytes_out'] >> 20);
            PHP);
        $setup = $this->directory->write('setup.json', (string) json_encode([
            'config' => self::$upstream->config(),
            'library' => Build::library(),
            'service' => [
                'base_url' => self::$upstream->url('1.1'),
                'policy' => ['allowed_methods' => ['POST']],
                'transport' => $transport,
            ],
        ]));
        $file = $this->directory->write('large', str_repeat('0123456789abcdef', 24 << 16));
        $result = Process::run([PHP_BINARY, '-d', 'memory_limit=40M', $script, Build::php(), $setup, $file]);

        self::assertSame(['code' => 0, 'output' => '201 24'], $result);
    }

    /**
     * @param array<string, mixed> $service
     */
    private function client(string $transport, array $service = []): SecureHttpClient
    {
        $registry = new ArrayServiceRegistry(['my-api' => $service + [
            'base_url' => self::$upstream->url(),
            'policy' => ['allowed_methods' => ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']],
            'credentials' => [['identifier' => 'token', 'type' => 'bearer']],
            'transport' => $transport,
        ]]);
        $envelopes = [
            'token' => self::seal('bearer', ['token' => self::CANARY], identifier: 'token')->sealed,
            'key' => self::seal('secret', self::CANARY, Placement::bodyField('api_key'), 'key')->sealed,
        ];
        $keys = ['master_keys' => [['provider' => 'raw', 'key_base64' => self::masterKey()]]];
        $transports = new TransportFactory(self::$upstream->config($keys), Build::library());
        $credentials = new ArrayCredentialProvider($envelopes);
        return new SecureHttpClient(new ServiceCalls($registry, $credentials, $transports, new MemoryAuditSink()));
    }
}
