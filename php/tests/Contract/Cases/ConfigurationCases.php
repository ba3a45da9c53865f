<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

/**
 * Configurations that are refused because nobody can have intended them.
 */
trait ConfigurationCases
{
    /**
     * @dataProvider configurations
     * @param array<string, mixed> $config
     */
    public function testAConfigurationThatIsRefused(array $config): void
    {
        $outcome = self::call(self::request(), self::make($config));

        self::assertFailed('configuration.invalid', 'no', $outcome);
        self::assertFalse($outcome->retryable);
    }

    /**
     * @return iterable<string, array{array<string, mixed>}>
     */
    public static function configurations(): iterable
    {
        $proxy = ['url' => 'http://proxy.example'];
        $host = ['host' => 'a.internal', 'networks' => ['10.0.0.0/8'], 'ports' => [443]];
        $key = base64_encode(str_repeat('k', 32));
        $configurations = [
            ['version' => 2],
            ['master_key' => []],
            ['master_keys' => 'raw'],
            ['master_keys' => [['provider' => 'unknown']]],
            ['master_keys' => [['provider' => 'raw']]],
            ['master_keys' => [['provider' => 'raw', 'key_base64' => $key, 'path' => '/x']]],
            ['master_keys' => [['provider' => 'file']]],
            ['master_keys' => [['provider' => 'env', 'path' => '/x']]],
            ['internal_hosts' => [['host' => 'a.internal']]],
            ['internal_hosts' => [['host' => 'a b'] + $host]],
            ['internal_hosts' => [['host' => '*.internal'] + $host]],
            ['internal_hosts' => [['host' => '*.internal:443'] + $host]],
            ['internal_hosts' => [['networks' => ['10.0.0.0/33']] + $host]],
            ['internal_hosts' => [['networks' => ['all']] + $host]],
            ['internal_hosts' => [['ports' => [0]] + $host]],
            ['internal_hosts' => [['ports' => [65536]] + $host]],
            ['internal_hosts' => [['ports' => ['443']] + $host]],
            ['internal_hosts' => [['port' => 443] + $host]],
            ['internal_hosts' => [$host, ['host' => 'A.internal.'] + $host]],
            ['tls' => ['roots' => 'none']],
            ['tls' => ['roots' => 'file']],
            ['tls' => ['verify' => false]],
            ['tls' => ['roots' => 'file', 'ca_file' => '/nonexistent.pem']],
            ['proxy' => ['url' => 'https://proxy.example:3128']],
            ['proxy' => ['url' => 'socks5://proxy.example:1080']],
            ['proxy' => ['url' => 'proxy.example:3128']],
            ['proxy' => ['url' => 'http://proxy.example/path']],
            ['proxy' => ['url' => 'http://proxy.example?query']],
            ['proxy' => ['url' => 'http://proxy.example#fragment']],
            ['proxy' => ['url' => '']],
            ['proxy' => ['no_proxy' => ['']] + $proxy],
            ['proxy' => ['no_proxy' => ['*']] + $proxy],
            ['proxy' => ['no_proxy' => ['10.0.0.0/8']] + $proxy],
            ['proxy' => ['no_proxy' => ['inside.example:443']] + $proxy],
            ['proxy' => ['no_proxy' => ['[::1]:443']] + $proxy],
            ['proxy' => ['resolve' => 'both'] + $proxy],
            ['proxy' => ['noproxy' => []] + $proxy],
            ['defaults' => ['timeout_ms' => 0]],
            ['defaults' => ['timeout_ms' => '1000']],
            ['defaults' => ['timeout_ms' => 86_400_001]],
            ['defaults' => ['timeouts' => 1]],
            ['defaults' => ['connect_timeout_ms' => 0]],
            ['defaults' => ['response_bytes' => -1]],
            ['limits' => ['timeout_ms' => 0]],
            ['limits' => ['idle_timeout_ms' => 0]],
            ['limits' => ['idle_timeout_ms' => 86_400_001]],
            ['limits' => ['idle_timeout_ms' => '1000']],
            ['defaults' => ['idle_timeout_ms' => 1000]],
            ['limits' => ['header_bytes' => 1023]],
            ['limits' => ['header_bytes' => (16 << 20) + 1]],
            ['limits' => ['response_bytes' => 1.5]],
            ['limits' => ['require_binding' => 1]],
            ['limits' => ['require_binding' => null]],
            ['limits' => ['hosts' => 'api.example.com']],
            ['limits' => ['hosts' => [443]]],
            ['limits' => ['hosts' => ['a b']]],
            ['limits' => ['hosts' => ['*']]],
            ['limits' => ['hosts' => ['https://api.example.com']]],
            ['limits' => ['hosts' => ['api.example.com:0']]],
            ['limits' => ['hosts' => ['*.10.0.0.1']]],
            ['limits' => ['host' => []]],
            ['php_transport' => 'no'],
            ['php_transport' => null],
            ['token_cache' => '/run/tokens'],
            ['token_cache' => []],
            ['token_cache' => ['directory' => 'run/tokens']],
            ['token_cache' => ['directory' => null]],
            ['token_cache' => ['directory' => '/run', 'path' => '/run']],
            ['tls' => ['post_quantum' => null]],
            ['tls' => ['post_quantum' => 'no']],
            ['tls' => ['post_quantum' => 0]],
            ['http_versions' => []],
            ['http_versions' => ['3']],
            ['http_versions' => '2'],
            ['http_versions' => ['2', '3.0']],
            ['user_agent' => "a\nb"],
            ['user_agent' => "\xFF"],
        ];
        foreach ($configurations as $number => $config) {
            yield $number . ' ' . json_encode($config, JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE) => [$config];
        }
    }

    public function testADumpOfTheTransportShowsNoKey(): void
    {
        $transport = self::make();
        self::call(self::request(credentials: [self::bearer()]), $transport);

        self::assertShowsNoSecret(print_r($transport, true));
        self::assertShowsNoSecret((array) $transport);
    }

    public function testATransportIsNotSerialised(): void
    {
        $this->expectException(\Exception::class);
        serialize(self::make());
    }

    public function testAFailedConfigurationShowsNoKey(): void
    {
        $keys = [['provider' => 'raw', 'key_base64' => base64_encode(self::CANARY)]];
        $outcome = self::call(self::request(), self::make(['master_keys' => $keys, 'x' => 1]));

        self::assertFailed('configuration.invalid', 'no', $outcome);
    }
}
