<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Integration;

use Netresearch\NrSecureOutbound\DropIn\AdditionalSecretVaultClient;
use Netresearch\NrSecureOutbound\DropIn\DropInHttpClientFactory;
use Netresearch\NrSecureOutbound\Tests\Support\OtherVault;
use Netresearch\NrSecureOutbound\Tests\Support\Site;
use Netresearch\NrVault\Crypto\EncryptionService;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Service\VaultService;
use PHPUnit\Framework\Attributes\Depends;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * The drop-in with the features that nr-vault's HTTP client has in later releases: time limits, cancellation, streaming, further
 * secrets.
 */
final class NextVaultTest extends TestCase
{
    private const FAILED = 'Netresearch\NrVault\Exception\VaultException';
    private const CANCELLED = 'Netresearch\NrVault\Exception\RequestCancelledException';

    /** Methods of nr-vault's own client in later releases, before the one whose declaration follows. */
    private const METHODS = <<<'PHP'
        public function withTimeout(int $seconds): static
            {
                return $this;
            }

            public function sendCancellable(RequestInterface $request, CancellationSignalInterface $signal): ResponseInterface
            {
                return new \GuzzleHttp\Psr7\Response(200, [], $this->reason . ' cancellable ' . json_encode($signal->isCancelled()));
            }

            public function withAdditionalBodyField(string $secretIdentifier, string $bodyField): static
            {
                return $this->withReason("$bodyField=$secretIdentifier");
            }

            public function supportsCancellation(): bool
            {
                return true;
            }

            public function sendStreaming(RequestInterface $request, ?CancellationSignalInterface $signal = null): ResponseInterface
            {
                return new \GuzzleHttp\Psr7\Response(200, [], 'streaming ' . json_encode($signal?->isCancelled()));
            }

            public function supportsStreaming(): bool
            {
                return true;
            }

        PHP;

    private static Upstream $upstream;
    private static TempDir $directory;
    private static FaultServer $parts;
    private static Site $site;

    public static function setUpBeforeClass(): void
    {
        self::$upstream = new Upstream();
        self::$directory = new TempDir('parts');
        self::$parts = new FaultServer(self::$directory);
        $tls = self::$upstream->tls;
        $port = self::$parts->listen('parts', ['certificate' => $tls->certificate, 'key' => $tls->key, 'alpn' => ['http/1.1']]);
        $part = [['read-head'], FaultServer::write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst")];
        self::$parts->script('parts', [...$part, ['silence']], [...$part, ['cut']]);
        $idle = self::$parts->listen('idle', ['certificate' => $tls->certificate, 'key' => $tls->key, 'alpn' => ['http/1.1']]);
        self::$parts->script('idle', [['read-head'], ['silence']], [['read-head'], ['silence']], [...$part, ['silence']]);
        $host = ['host' => 'localhost', 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => [$port, $idle, ...self::$upstream->nginx->ports()]];
        self::$site = new Site('next', [
            'HTTP' => ['verify' => self::$upstream->tls->authority],
            'SYS' => ['nrVault' => ['outbound' => [
                'drop_in' => 'origin',
                'internal_hosts' => [$host],
            ]]],
        ]);
        $method = 'public function withReason(string $reason): static';
        $class = 'final readonly class VaultHttpClient implements VaultHttpClientInterface';
        OtherVault::in(self::$site, [
            'Http/VaultHttpClientInterface' => ["$method;" => "$method;\n\n    public function withTimeout(int \$seconds): static;"],
            'Http/VaultHttpClient' => [
                $class => "final readonly class VaultHttpClient implements AdditionalSecretHttpClientInterface, CancellableHttpClientInterface, StreamingHttpClientInterface",
                $method => self::METHODS . $method,
            ],
        ], [dirname(__DIR__) . '/Stubs/http-clients.stub', dirname(__DIR__) . '/Stubs/technical-actors.stub']);
        self::$site->typo3('cache:flush');
        self::$site->typo3('outbound-test:prepare', self::$site->write('prepare.json', (string) json_encode(['services' => [[
            'id' => 'crm',
            'base_url' => "https://localhost:$idle",
            'secret' => 'tok-0',
            'fields' => ['idle_timeout_ms' => 200],
        ]]])));
    }

    public static function tearDownAfterClass(): void
    {
        self::$site->remove();
        self::$parts->stop();
        self::$directory->remove();
        self::$upstream->stop();
    }

    #[Test]
    public function itHasWhatTheInterfacesAskFor(): void
    {
        $file = self::$site->path . '/http.json';
        self::$site->typo3(
            'outbound-test:http',
            self::$upstream->url() . '/echo',
            $file,
            self::$upstream->url() . '/silent',
            'https://localhost:' . self::$parts->port('parts') . '/',
            'https://localhost:' . self::$parts->port('idle') . '/',
        );
        $result = json_decode((string) file_get_contents($file), true);
        self::assertIsArray($result);

        self::assertSame(AdditionalSecretVaultClient::class, $result['client']);
        self::assertSame(
            [VaultService::class, EncryptionService::class, DropInHttpClientFactory::class],
            $result['services'],
        );
        self::assertSame([true, true], $result['supports']);
        foreach (['cancellable', 'streaming', 'streaming without a signal', 'limited'] as $call) {
            self::assertStringContainsString('"authorization":"Bearer tok-1"', self::text($result[$call] ?? null), $call);
        }
        self::assertSame([[self::CANCELLED, 1786579201], [self::CANCELLED, 1790475701]], $result['cancelled']);
        self::assertSame([[self::CANCELLED, 1786579202], [self::CANCELLED, 1790475702]], $result['cancelled while it waits']);
        self::assertSame(['first', [self::CANCELLED, 1790475704]], $result['cancelled while it is read']);
        self::assertSame(['first', [self::FAILED, 1790475706], false], $result['broken']);
        self::assertSame([
            'whole' => [self::FAILED, 1786579206],
            'stream' => [self::FAILED, 1790487201],
            'body' => [self::FAILED, 1790487202],
        ], $result['idle']);
        self::assertSame(['OAuth2 API call cancellable false', 'streaming false', [self::CANCELLED, 1790475701]], $result['by nr-vault itself']);
        self::assertSame('subject=crm_other cancellable false', $result['fields by nr-vault itself']);
        $seen = json_decode(self::text($result['fields'] ?? null), true);
        self::assertIsArray($seen);
        self::assertSame(
            '{"a":1,"subject":"tok-1","client_secret":"tok-2"}',
            base64_decode(self::text($seen['body'] ?? null), true),
        );

        $count = self::number(...);
        self::assertSame(8, $count("SELECT COUNT(*) FROM tx_nrvault_audit_log WHERE action = 'http_call' AND success = 1"));
        self::assertSame(2, $count("SELECT COUNT(*) FROM tx_nrvault_audit_log WHERE action = 'http_call' AND success = 0"));
        self::assertSame(2, $count("SELECT COUNT(*) FROM tx_nrvault_audit_log WHERE action = 'http_call_cancelled' AND success = 0"));
        self::assertSame(3, $count("SELECT COUNT(*) FROM tx_nrvault_audit_log WHERE action = 'http_call_cancelled_before_send'"));
        self::assertSame(15, $count('SELECT COUNT(*) FROM tx_nrvault_outbound_audit'));
        self::assertSame(3, $count("SELECT COUNT(*) FROM tx_nrvault_outbound_audit WHERE transport = 'nr-vault'"));
        self::assertSame(3, $count("SELECT COUNT(*) FROM tx_nrvault_outbound_audit WHERE error_code = 'cancelled.requested'"));
        self::assertSame(3, $count("SELECT COUNT(*) FROM tx_nrvault_outbound_audit WHERE error_code = 'timeout.idle' AND service_id = 'crm'"));
        self::assertSame(13, $count("SELECT COUNT(*) FROM tx_nrvault_audit_log WHERE action = 'read'"));
    }

    /**
     * nr-vault judges the read of a service's secret by its technical user, whoever calls nr-vault's client; the record has the
     * caller.
     */
    #[Test]
    #[Depends('itHasWhatTheInterfacesAskFor')]
    public function theTechnicalUserOfARowReadsForNrVaultsClient(): void
    {
        $this->prepare(['users' => [['name' => 'robot', 'password' => Site::PASSWORD, 'modules' => '', 'rights' => '']]]);
        $robot = self::number("SELECT uid FROM be_users WHERE username = 'robot'");
        $service = static fn (string $id, string $http, array $fields): array => [
            'id' => $id,
            'base_url' => self::$upstream->url($http),
            'secret' => "tok-of-$id",
            'options' => ['owner' => $robot],
            'fields' => $fields,
        ];
        $admin = self::number("SELECT uid FROM be_users WHERE username = '" . Site::ADMIN . "'");
        $this->prepare(['services' => [
            $service('robots', '2', ['technical_user' => $robot]),
            $service('nobodys', '1.1', []),
            $service('rooted', '1.1', ['technical_user' => $admin, 'allowed_paths' => '/v1/rooted']),
        ]]);

        $said = self::$site->typo3('outbound-test:send', self::$upstream->url() . '/echo', 'robots_token');
        self::assertStringContainsString('"authorization":"Bearer tok-of-robots"', $said);
        $said = self::$site->typo3('outbound-test:send', self::$upstream->url('1.1') . '/echo', 'nobodys_token');
        self::assertSame('Netresearch\NrVault\Exception\AccessDeniedException', $said);

        $refused = self::$site->calls('rooted')['rooted'] ?? [];
        self::assertSame('policy.service_disabled', $refused['code'] ?? null);
        self::assertStringContainsString('technical_user names an administrator', self::text($refused['message'] ?? null));
        self::assertSame(0, self::number("SELECT COUNT(*) FROM tx_nrvault_audit_log WHERE secret_identifier = 'rooted_token' AND action = 'read'"));
        self::$site->database()->update('tx_nrvault_service', ['deleted' => 1], ['identifier' => 'rooted']);

        $by = "actor_type = 'cli' AND actor_id = 'outbound-test:send'";
        self::assertSame(1, self::number("SELECT COUNT(*) FROM tx_nrvault_outbound_audit WHERE service_id = 'robots' AND status = 200 AND $by"));
        self::assertSame(
            $robot,
            self::number("SELECT actor_uid FROM tx_nrvault_audit_log WHERE action = 'read' AND secret_identifier = 'robots_token'"),
        );
    }

    /**
     * @param array<string, mixed> $wanted
     */
    private function prepare(array $wanted): void
    {
        self::$site->typo3('outbound-test:prepare', self::$site->write('more.json', (string) json_encode($wanted)));
    }

    private static function number(string $sql): int
    {
        $files = glob(self::$site->path . '/var/sqlite/*.sqlite');
        self::assertIsArray($files);
        $statement = (new \PDO('sqlite:' . $files[0]))->query($sql);
        return (int) ($statement ?: throw new \LogicException($sql))->fetchColumn();
    }

    /**
     * A file has the name of a technical user, whose number another installation has for somebody else.
     */
    #[Test]
    #[Depends('theTechnicalUserOfARowReadsForNrVaultsClient')]
    public function aTechnicalUserIsExportedAndImportedByName(): void
    {
        $this->prepare(['users' => [['name' => 'porter', 'password' => Site::PASSWORD, 'modules' => '', 'rights' => '']]]);
        $porter = self::number("SELECT uid FROM be_users WHERE username = 'porter'");
        $others = $this->services();
        $entry = static fn (string $user, string $secret): array => [
            'base_url' => 'https://api.example.com',
            'policy' => ['allowed_methods' => ['GET']],
            'credentials' => [['identifier' => $secret, 'type' => 'bearer', 'set' => $secret]],
            'technical_user' => $user,
        ];
        $file = static fn (array $services): string => self::$site->write(
            'services.json',
            (string) json_encode(['version' => 1, 'services' => $services]),
        );
        self::$site->feedTypo3('{"type": "bearer", "token": "tok-9"}', 'outbound:credential:set', 'porter_token');
        $services = [
            'porters' => $entry('porter', 'porter_token'),
            'lost' => $entry('nobody', 'gone_token'),
            'rooted' => $entry(Site::ADMIN, 'porter_token'),
        ];

        $dry = self::$site->tryTypo3('outbound:import', '--dry-run', $file($services));
        self::assertSame(1, $dry['code'], $dry['output']);
        self::assertStringContainsString('service porters: technical_user: none → "porter"', $dry['output']);
        self::assertStringContainsString('missing: service lost: the secret "gone_token"', $dry['output']);
        self::assertStringContainsString('missing: service lost: the user "nobody"', $dry['output']);
        self::assertStringContainsString('refused: service rooted: technical_user names an administrator', $dry['output']);
        self::assertSame($others, $this->services());

        self::assertSame(1, self::$site->tryTypo3('outbound:import', $file($services))['code']);
        self::assertEqualsCanonicalizing([...$others, 'porters'], $this->services());
        self::assertSame($porter, self::number("SELECT technical_user FROM tx_nrvault_service WHERE identifier = 'porters'"));
        $exported = self::$site->typo3('outbound:export');
        self::assertStringContainsString('"technical_user": "porter"', $exported);
        self::assertSame(
            [0, "nothing differs\n"],
            array_values(self::$site->tryTypo3('outbound:import', '--dry-run', self::$site->write('exported.json', $exported))),
        );

        $porters = $file(['porters' => $services['porters']]);
        $pruned = self::$site->tryTypo3('outbound:import', '--prune', '--dry-run', $porters);
        $disabled = array_map(static fn (mixed $id): string => "service " . self::text($id) . ": hidden: false → true\n", $others);
        self::assertSame([1, implode('', $disabled)], array_values($pruned));
        self::assertContains('crm', $others);
        self::assertEqualsCanonicalizing([...$others, 'porters'], $this->services());
        self::assertSame(0, self::$site->tryTypo3('outbound:import', $porters)['code']);
        self::assertEqualsCanonicalizing([...$others, 'porters'], $this->services());
        self::assertSame(0, self::$site->tryTypo3('outbound:import', '--prune', $porters)['code']);
        self::assertSame(['porters'], $this->services());
    }

    /**
     * @return list<mixed> the ids of the services that are not disabled
     */
    private function services(): array
    {
        return self::$site->database()
            ->fetchFirstColumn('SELECT identifier FROM tx_nrvault_service WHERE deleted = 0 AND hidden = 0 ORDER BY identifier');
    }

    private static function text(mixed $value): string
    {
        self::assertIsString($value);
        return $value;
    }
}
