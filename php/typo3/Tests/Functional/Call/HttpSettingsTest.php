<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Call;

use Netresearch\NrSecureOutbound\Call\Transports;
use Netresearch\NrSecureOutbound\Tests\Functional\CallTestCase;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Tinyproxy;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;

/**
 * TYPO3's HTTP settings, and what they change in a call of either transport.
 */
final class HttpSettingsTest extends CallTestCase
{
    /**
     * @return array<string, array{string}>
     */
    public static function transports(): array
    {
        return ['rust' => ['rust'], 'php' => ['php']];
    }

    #[Test]
    #[DataProvider('transports')]
    public function certificatesAreCheckedWhateverIsSet(string $transport): void
    {
        $this->serviceWithSecret('crm', 's3cr3t', ['transport' => $transport]);

        foreach ([false, 0, 'false', true] as $verify) {
            self::setting(['HTTP', 'verify'], $verify);

            $failure = self::failure(fn () => $this->callAnew());

            self::assertSame('tls.certificate_invalid', $failure->errorCode(), json_encode($verify, JSON_THROW_ON_ERROR));
        }
    }

    #[Test]
    #[DataProvider('transports')]
    public function allowedHostsThatAreTextsAreACeiling(string $transport): void
    {
        $this->serviceWithSecret('crm', 's3cr3t', ['transport' => $transport]);

        self::setting(['HTTP', 'allowed_hosts'], ['api.example.com']);
        self::assertSame('policy.host_not_allowed', self::failure(fn () => $this->callAnew())->errorCode());

        self::setting(['HTTP', 'allowed_hosts'], ['webhooks' => ['api.example.com']]);
        self::assertSame('Bearer s3cr3t', $this->callAnew());

        self::setting(['HTTP', 'allowed_hosts'], ['api.example.com', self::host()]);
        self::assertSame('Bearer s3cr3t', $this->callAnew());
    }

    #[Test]
    #[DataProvider('transports')]
    public function aHostThatIsAllowedIsStillInside(string $transport): void
    {
        $this->serviceWithSecret('crm', 's3cr3t', ['transport' => $transport]);
        self::setting(['HTTP', 'allowed_hosts'], [self::host()]);
        self::setting(['SYS', 'nrVault', 'outbound', 'internal_hosts'], []);

        self::assertSame('policy.address_not_allowed', self::failure(fn () => $this->callAnew())->errorCode());
    }

    #[Test]
    #[DataProvider('transports')]
    public function theProxyIsTheOneThatIsSet(string $transport): void
    {
        $this->serviceWithSecret('crm', 's3cr3t', ['transport' => $transport]);
        $directory = new TempDir('proxy');
        $proxy = new Tinyproxy($directory);
        try {
            self::setting(['HTTP', 'proxy'], ['https' => $proxy->url(), 'no' => ['localhost']]);
            self::assertSame('Bearer s3cr3t', $this->callAnew());
            self::assertSame([], $proxy->tunnels());

            foreach ([$proxy->url(), ['https' => $proxy->url()]] as $setting) {
                self::setting(['HTTP', 'proxy'], $setting);
                self::assertSame('Bearer s3cr3t', $this->callAnew());
            }
            // The library keeps a tunnel for the next call.
            self::assertSame(array_fill(0, $transport === 'rust' ? 1 : 2, self::host()), $proxy->tunnels());
        } finally {
            $proxy->stop();
            $directory->remove();
        }
    }

    #[Test]
    #[DataProvider('transports')]
    public function noProxyOfTheEnvironmentIsUsed(string $transport): void
    {
        $this->serviceWithSecret('crm', 's3cr3t', ['transport' => $transport]);
        $closed = 'http://127.0.0.1:' . Port::free();
        $names = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'];
        array_map(static fn (string $name): bool => putenv("$name=$closed"), $names);
        try {
            self::assertSame('Bearer s3cr3t', $this->callAnew());
        } finally {
            array_map(putenv(...), $names);
        }
    }

    #[Test]
    #[DataProvider('transports')]
    public function aTimeAboveZeroIsALimit(string $transport): void
    {
        $this->serviceWithSecret('crm', 's3cr3t', ['transport' => $transport]);

        self::setting(['HTTP', 'timeout'], 0.2);
        self::assertSame('timeout.total', self::failure(fn () => $this->callAnew('/silent'))->errorCode());
        // Without it the library's own limit ends the call, after 30 s.
        self::assertLessThan(15_000_000, $this->rows('tx_nrvault_outbound_audit')[0]['duration_us']);

        self::setting(['HTTP', 'timeout'], 0);
        self::assertSame('Bearer s3cr3t', $this->callAnew());
    }

    #[Test]
    #[DataProvider('transports')]
    public function ofTheHeadersTheAgentAloneIsSent(string $transport): void
    {
        $this->serviceWithSecret('crm', 's3cr3t', ['transport' => $transport]);
        self::setting(['HTTP', 'headers'], ['User-Agent' => 'Acme/1', 'X-Acme' => 'more']);
        $this->callAnew();

        $headers = $this->call('crm')->json()['headers'] ?? null;

        self::assertIsArray($headers);
        self::assertSame(['Acme/1', null], [$headers['user-agent'] ?? null, $headers['x-acme'] ?? null]);
    }

    #[Test]
    #[DataProvider('transports')]
    public function whatElseIsSetMeansNothing(string $transport): void
    {
        $this->serviceWithSecret('crm', 's3cr3t', ['transport' => $transport]);
        $isAsked = false;
        $handler = static function () use (&$isAsked): void {
            $isAsked = true;
        };
        foreach (['version' => '1.1', 'cert' => '/nonexistent.pem', 'ssl_key' => '/nonexistent.pem', 'handler' => [$handler]] as $key => $value) {
            self::setting(['HTTP', $key], $value);
        }
        self::setting(['HTTP', 'allow_redirects'], ['max' => 5, 'strict' => true]);

        self::assertSame('Bearer s3cr3t', $this->callAnew());
        self::assertFalse($isAsked);
        self::assertSame(302, $this->call('crm', path: '/mirror')->statusCode());
        // The transport in PHP has no other.
        $version = $transport === 'rust' ? '2' : '1.1';
        self::assertSame([$version, $version], array_column($this->rows('tx_nrvault_outbound_audit'), 'http_version'));
    }

    #[Test]
    public function withoutTheTransportInPhpItsServicesAreRefused(): void
    {
        $this->serviceWithSecret('crm', 's3cr3t', ['transport' => 'php']);
        self::setting(['SYS', 'nrVault', 'outbound', 'php_transport'], false);

        $failure = self::failure(fn () => $this->callAnew());

        self::assertSame('configuration.transport_unavailable', $failure->errorCode());
        self::assertStringContainsString('php_transport', $failure->getMessage());
        self::assertSame(0, $this->countRows('tx_nrvault_audit_log', ['action' => 'read']));
    }

    /** The Authorization field that the API receives, in a call as of another request: settings are read once in each. */
    private function callAnew(string $path = '/echo'): ?string
    {
        $transports = new \ReflectionProperty(Transports::class, 'transports');
        $transports->setValue($this->get(Transports::class), null);
        return self::authorization($this->call('crm', path: $path));
    }

    private static function host(): string
    {
        return 'localhost:' . parse_url(self::$upstream->url(), PHP_URL_PORT);
    }
}
