<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support;

use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * Calls over HTTP/1.1 and HTTP/2 for app/calls.php: some succeed, some are refused, some fail.
 */
final class MixedCalls
{
    private const KEY = '0123456789abcdef0123456789abcdef';

    /** A socket that is bound and does not listen: its port refuses connections, and no other process can use it. */
    private static \Socket $closed;

    /**
     * The input of app/calls.php for $count calls, of all kinds in turn.
     */
    public static function input(Upstream $upstream, int $count): string
    {
        $calls = [];
        foreach (['1.1', '2'] as $http) {
            $url = $upstream->url($http);
            array_push(
                $calls,
                self::call(200, $url, '/echo', body: str_repeat('b', 2_000)),
                self::call(200, $url, '/gzip', 'GET'),
                self::call(404, $url, '/status/404'),
                self::call('policy.method_not_allowed', $url, '/echo', 'DELETE'),
                self::call('policy.path_not_canonical', $url, '/a/../b'),
                self::call('credential.authentication_failed', $url, '/echo', key: str_rot13(self::KEY)),
                self::call('response.too_large', $url, '/bytes/5000', maximum: 4_000),
                self::call('protocol.closed_early', $url, '/short'),
            );
        }
        self::$closed = socket_create(AF_INET, SOCK_STREAM, SOL_TCP) ?: throw new \RuntimeException('No socket.');
        socket_bind(self::$closed, '127.0.0.1') && socket_getsockname(self::$closed, $address, $closed);
        $calls[] = self::call('connect.refused', 'https://localhost:' . $closed, '/echo');
        $config = $upstream->config(['master_keys' => [
            ['id' => 'own', 'provider' => 'raw', 'key_base64' => base64_encode(self::KEY)],
        ]]);
        $config['internal_hosts'][0]['ports'][] = $closed;
        return (string) json_encode(['config' => $config, 'calls' => $calls, 'count' => $count]);
    }

    /**
     * @param int|string $comes the expected status, or the expected code of the error
     * @return array{int|string, array{string, string, string}}
     */
    private static function call(
        int|string $comes,
        string $url,
        string $path,
        string $method = 'POST',
        string $body = '',
        #[\SensitiveParameter] string $key = self::KEY,
        ?int $maximum = null,
    ): array {
        $sealed = (new Sealer($key))->seal('token', '{"type":"bearer","token":"tok-7f3a"}');
        $credentials = [(new CredentialReference('token', CredentialReference::BEARER))->seal($sealed)];
        $policy = new Policy(['GET', 'POST'], responseBytes: $maximum);
        $request = new RequestSpec('demo', $method, $policy, $url, $path, body: $body, credentials: $credentials);
        return [$comes, array_values($request->toWire())];
    }
}
