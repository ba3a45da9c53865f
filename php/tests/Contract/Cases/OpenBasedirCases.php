<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Contract\OwnNetwork;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;

/**
 * PHP with an open_basedir that does not include /etc, as on shared hosting.
 */
trait OpenBasedirCases
{
    /**
     * @group own-network
     */
    public function testTheSystemsTrustAnchorsCountUnderOpenBasedir(): void
    {
        self::assertSame('200', self::underOpenBasedir([])['brief']);
        $other = self::underOpenBasedir([], "# nobody is trusted\n");
        self::assertSame('tls.certificate_invalid no', $other['brief']);
        if (self::deviates('open-basedir')) {
            self::assertStringContainsString('open_basedir', $other['message']);
        }
        self::assertSame('tls.certificate_invalid no', self::underOpenBasedir([], self::foreignAuthority())['brief']);
    }

    /**
     * @group own-network
     */
    public function testWhatOpenBasedirHidesIsSaid(): void
    {
        $hidden = ['tls' => ['roots' => 'file', 'ca_file' => '/etc/ssl/certs/ca-certificates.crt']];
        $both = ['tls' => ['roots' => 'system+file', 'ca_file' => self::$tls->authority]];
        $codes = ['configuration.invalid no' => $hidden, 'configuration.transport_unavailable no' => $both];
        foreach ($codes as $brief => $config) {
            $outcome = self::underOpenBasedir($config);
            if (self::deviates('open-basedir')) {
                self::assertSame($brief, $outcome['brief'], $outcome['message']);
                self::assertStringContainsString('open_basedir', $outcome['message']);
            } else {
                self::assertSame('200', $outcome['brief'], $outcome['message']);
            }
        }
        $file = self::underOpenBasedir(['tls' => ['roots' => 'file', 'ca_file' => self::$tls->authority]], '');
        self::assertSame('200', $file['brief'], $file['message']);
    }

    /**
     * @group own-network
     */
    public function testAKeyFileThatOpenBasedirHides(): void
    {
        $config = ['master_keys' => [['provider' => 'file', 'path' => '/etc/issue']]];
        $outcome = self::underOpenBasedir($config, files: ['/etc/issue' => self::masterKey()]);

        if (self::deviates('open-basedir')) {
            self::assertSame('credential.key_unavailable no', $outcome['brief'], $outcome['message']);
            self::assertStringContainsString('open_basedir', $outcome['message']);
        } else {
            self::assertSame('200', $outcome['brief'], $outcome['message']);
        }
    }

    /**
     * A call to a server whose certificate is of the test authority, in a process whose open_basedir does not include /etc.
     *
     * @param array<string, mixed> $config
     * @param string|null $bundle PEM text for the system's trust anchors; null for the test authority
     * @param array<string, string> $files
     * @return array<string, mixed> an outcome of OwnNetwork
     */
    private static function underOpenBasedir(array $config, ?string $bundle = null, array $files = []): array
    {
        $task = [
            'addresses' => ['93.184.216.34'],
            'hosts' => "93.184.216.34 api.example\n",
            'files' => [
                '/etc/ssl/certs/ca-certificates.crt' => $bundle ?? (string) file_get_contents(self::$tls->authority),
            ] + $files,
            'open_basedir' => [dirname(Build::php()), dirname(Build::library()), sys_get_temp_dir(), self::$directory->path],
            'listen' => ['api' => [
                'address' => '93.184.216.34',
                'port' => 443,
                'tls' => self::$tls->issue('basedir-' . bin2hex(random_bytes(4)), ['DNS:api.example']),
                'answer' => [FaultServer::answer()],
            ]],
            'transport' => static::transportName(),
            'config' => $config,
        ];
        $credentials = isset($config['master_keys']) ? [self::bearer()] : [];
        $request = self::request(baseUrl: 'https://api.example', credentials: $credentials);
        $answer = OwnNetwork::run(self::$directory, $task, [$request]);
        return $answer['outcomes'][0];
    }

    private static function foreignAuthority(): string
    {
        $own = self::$tls->ownMade('basedir-foreign-' . bin2hex(random_bytes(4)), ['DNS:api.example']);
        return (string) file_get_contents($own['certificate']);
    }
}
