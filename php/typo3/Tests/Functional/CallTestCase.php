<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional;

use Netresearch\NrSecureOutboundCalling\Listener;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use Netresearch\NrVault\Service\SecureHttpClientInterface;
use Netresearch\NrVault\Service\SecureHttpResponse;
use Netresearch\NrVault\Transport\Rust\LibraryLocator;

/**
 * A TYPO3 that makes calls: with the built library in this process, and an HTTPS API on loopback whose response tells what it
 * received.
 */
abstract class CallTestCase extends OutboundTestCase
{
    protected static Upstream $upstream;

    protected array $coreExtensionsToLoad = ['scheduler'];

    protected array $testExtensionsToLoad = [
        'netresearch/nr-vault',
        'netresearch/nr-secure-outbound',
        'netresearch/nr-secure-outbound-calling',
    ];

    public static function setUpBeforeClass(): void
    {
        parent::setUpBeforeClass();
        self::$upstream = new Upstream();
        putenv(LibraryLocator::ENVIRONMENT . '=' . Build::library());
    }

    public static function tearDownAfterClass(): void
    {
        self::$upstream->stop();
        parent::tearDownAfterClass();
    }

    protected function setUp(): void
    {
        parent::setUp();
        $config = self::$upstream->config();
        self::setting(['SYS', 'nrVault', 'outbound', 'internal_hosts'], $config['internal_hosts']);
        self::setting(['HTTP', 'verify'], self::$upstream->tls->authority);
    }

    /**
     * Sets a value of TYPO3_CONF_VARS until the end of the test.
     *
     * @param non-empty-list<string> $path
     */
    protected static function setting(array $path, mixed $value): void
    {
        $place = &$GLOBALS['TYPO3_CONF_VARS'];
        foreach ($path as $key) {
            $place = is_array($place) ? $place : [];
            $place = &$place[$key];
        }
        $place = $value;
    }

    /**
     * Creates a service for the API, with a secret as its bearer token.
     *
     * @param array<string, mixed> $fields
     * @param array<string, mixed> $options of nr-vault
     */
    protected function serviceWithSecret(string $id, string $value, array $fields = [], array $options = []): int
    {
        $identifier = strtr($id, '-', '_') . '_token';
        $set = $this->saveSet("$id-token", $this->storeSecret($identifier, $value, $options));
        return $this->saveService($id, $fields + ['base_url' => self::$upstream->url(), 'credential_sets' => (string) $set]);
    }

    protected function client(): SecureHttpClientInterface
    {
        return $this->get(SecureHttpClientInterface::class);
    }

    protected function call(string $service, string $method = 'GET', string $path = '/echo'): SecureHttpResponse
    {
        return $this->client()->request($service, $method, $path);
    }

    /**
     * The Authorization field that the API received.
     */
    protected static function authorization(SecureHttpResponse $response): ?string
    {
        $headers = $response->json()['headers'] ?? null;
        $value = is_array($headers) ? $headers['authorization'] ?? null : null;
        return is_string($value) ? $value : null;
    }

    /**
     * @param \Closure(): mixed $call
     */
    protected static function failure(\Closure $call): OutboundException
    {
        try {
            $call();
        } catch (OutboundException $failure) {
            return $failure;
        }
        self::fail('The call was answered.');
    }

    protected function listener(): Listener
    {
        return $this->get(Listener::class);
    }
}
