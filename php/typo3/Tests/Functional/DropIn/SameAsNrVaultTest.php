<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\DropIn;

use GuzzleHttp\Psr7\Request;
use Netresearch\NrVault\Http\SecretPlacement;
use Netresearch\NrVault\Http\VaultHttpClientInterface;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;
use Netresearch\NrVault\Service\VaultServiceInterface;
use PHPUnit\Framework\Attributes\Test;
use Psr\Http\Client\NetworkExceptionInterface;

/**
 * The same call by nr-vault's own client and by the library: the API receives the same request, the caller gets the same
 * response, and nr-vault's record is the same.
 */
final class SameAsNrVaultTest extends DropInTestCase
{
    /** Header fields that depend on the client, and not on the request that it was given. */
    private const OF_THE_CLIENT = ['user-agent', 'accept-encoding', 'content-length', 'connection', 'host'];

    /** Calls that fail before they are sent, and the secret that nr-vault's record of them names. */
    private const REFUSED = [
        'no such secret' => 'nobody',
        'no such user' => 'token',
        'an expired secret' => 'expired',
        'another scheme' => 'token',
    ];

    private const JSON = ['Content-Type' => 'application/json'];
    private const FORM = ['Content-Type' => 'application/x-www-form-urlencoded'];

    #[Test]
    public function whatNrVaultHasItselfIsTheSame(): void
    {
        $this->storeSecret('token', 'tok-c4n4ry');
        $this->storeSecret('pair', 'user:pa:ss');
        $this->storeSecret('user', 'Zoë');
        $this->storeSecret('odd', 'a b+c&d=e~f/%ü"\\');
        $this->storeSecret('expired', 'tok-old', ['expiresAt' => 1]);
        self::dropIn('origin');
        $closed = Port::free();
        self::setting(['SYS', 'nrVault', 'outbound', 'internal_hosts'], [
            ['host' => 'localhost', 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => [$closed, ...self::$upstream->nginx->ports()]],
        ]);

        foreach ($this->calls($closed) as $name => [$set, $request]) {
            $theirs = $this->outcomeOf($set($this->upstreamHttp()), $request);
            $ours = $this->outcomeOf($set($this->http()), $request);

            if (is_array($theirs['thrown'] ?? null)) {
                // Releases before 1.0 do not record a call that fails before it is sent; 1.1 does.
                self::assertSame([], $theirs['records'], $name);
                $theirs['records'] = [self::recordOfRefusal(self::REFUSED[$name], $request)];
            }
            self::assertSame($theirs, $ours, $name);
        }
        self::assertSame([], array_diff(array_column($this->rows(self::AUDIT), 'transport'), ['rust-ffi', null]));
    }

    #[Test]
    public function anEditorWithoutRightsIsRefusedTheSame(): void
    {
        $this->storeSecret('token', 'tok-c4n4ry');
        self::dropIn('origin');
        $this->logIn(self::EDITOR);

        $call = static fn (VaultHttpClientInterface $client): VaultHttpClientInterface => $client->withAuthentication('token');
        $theirs = $this->outcomeOf($call($this->upstreamHttp()), self::request());
        $ours = $this->outcomeOf($call($this->http()), self::request());

        self::assertIsArray($theirs['thrown']);
        self::assertSame($theirs['thrown'], $ours['thrown']);
        self::assertSame([[], [self::recordOfRefusal('token', self::request())]], [$theirs['records'], $ours['records']]);
    }

    /**
     * @param int $closed a port that nobody listens at
     * @return array<string, array{\Closure(VaultHttpClientInterface): VaultHttpClientInterface, Request}>
     */
    private function calls(int $closed): array
    {
        $with = static fn (string $secret, SecretPlacement $placement = SecretPlacement::Bearer, array $options = []): \Closure
            => static fn (VaultHttpClientInterface $client): VaultHttpClientInterface
                => $client->withAuthentication($secret, $placement, $options);
        $get = self::request();
        $named = ['headerName' => 'X-Own'];
        $field = SecretPlacement::BodyField;
        $post = static fn (array $headers, string $body): Request => self::request('POST', '/echo', $headers, $body);
        return [
            'bearer' => [$with('token'), $get],
            'bearer, whose options mean nothing' => [$with('token', options: $named + ['prefix' => 'Key ']), $get],
            'bearer over the caller\'s' => [$with('token'), self::request(headers: ['authorization' => 'Bearer mine', 'X-Mine' => '1'])],
            'api key' => [$with('token', SecretPlacement::ApiKey), $get],
            'api key, whose options mean nothing' => [$with('token', SecretPlacement::ApiKey, $named), $get],
            'header' => [$with('token', SecretPlacement::Header), $get],
            'header of a name' => [$with('token', SecretPlacement::Header, $named), $get],
            'header over the caller\'s' => [$with('token', SecretPlacement::Header, $named), self::request(headers: ['x-OWN' => 'mine'])],
            'header of authorization' => [$with('token', SecretPlacement::Header, ['headerName' => 'Authorization']), $get],
            'basic of one secret' => [$with('pair', SecretPlacement::BasicAuth), $get],
            'basic of two' => [$with('token', SecretPlacement::BasicAuth, ['usernameSecret' => 'user']), $get],
            'query' => [$with('token', SecretPlacement::QueryParam), $get],
            'query of a name, after another' => [$with('token', SecretPlacement::QueryParam, ['queryParam' => 'key']),
                self::request(path: '/echo?a=%7E&a=b+c')],
            'query of all kinds of characters' => [$with('odd', SecretPlacement::QueryParam), self::request(path: '/echo?q=1')],
            'JSON' => [$with('token', $field), $post(self::JSON, '{"a":{"b":[1,2]},"c":"ü/"}')],
            'JSON of a name' => [$with('odd', $field, ['bodyField' => 'auth_key']), $post(self::JSON, '{"a":1}')],
            'JSON over the caller\'s' => [$with('token', $field), $post(self::JSON, '{"api_key":"mine","a":1}')],
            'JSON with nothing else' => [$with('token', $field), $post(self::JSON, '{"api_key":"mine"}')],
            'JSON with a charset' => [$with('token', $field), $post(['Content-Type' => 'application/json; charset=utf-8'], '{}')],
            'JSON without a body' => [$with('token', $field), $post(self::JSON, '')],
            'form' => [$with('odd', $field), $post(self::FORM, 'a=1&b=c+d')],
            'form over the caller\'s' => [$with('token', $field, ['bodyField' => 'key']), $post(self::FORM, 'key=mine&a=1')],
            'form without a body' => [$with('token', $field), $post(self::FORM, '')],
            'OAuth without a configuration' => [$with('token', SecretPlacement::OAuth2), $get],
            'no secret' => [static fn (VaultHttpClientInterface $client): VaultHttpClientInterface => $client, $get],
            'a reason' => [$with('token', options: ['reason' => 'for the test']), $get],
            'a reason later' => [static fn (VaultHttpClientInterface $client): VaultHttpClientInterface
                => $client->withAuthentication('token', options: ['reason' => 'first'])->withReason('second'), $get],
            'a reason before' => [static fn (VaultHttpClientInterface $client): VaultHttpClientInterface
                => $client->withReason('first')->withAuthentication('token'), $get],
            'the last secret' => [static fn (VaultHttpClientInterface $client): VaultHttpClientInterface
                => $client->withAuthentication('pair', SecretPlacement::ApiKey)->withAuthentication('token'), $get],
            'another method' => [$with('token'), self::request('DELETE')],
            'an error of the client' => [$with('token'), self::request(path: '/status/404')],
            'an error of the server' => [$with('token'), self::request(path: '/status/503')],
            'a redirect' => [$with('token', SecretPlacement::ApiKey), self::request(path: '/mirror')],
            'a compressed response' => [$with('token'), self::request(path: '/gzip')],
            'no such secret' => [$with('nobody'), $get],
            'no such user' => [$with('token', SecretPlacement::BasicAuth, ['usernameSecret' => 'nobody']), $get],
            'an expired secret' => [$with('expired'), $get],
            'another scheme' => [$with('token'), self::request(url: 'ftp://localhost/file')],
            'a port that is closed' => [$with('token'), self::request(url: "https://localhost:$closed/v1/echo")],
        ];
    }

    /**
     * What nr-vault 1.1 writes of a call that fails before it is sent.
     *
     * @return array<string, mixed>
     */
    private static function recordOfRefusal(string $secret, Request $request): array
    {
        return [
            'secret_identifier' => $secret,
            'action' => 'http_call',
            'success' => 0,
            'reason' => 'HTTP API call',
            'context' => json_encode([
                'method' => $request->getMethod(),
                'host' => $request->getUri()->getHost(),
                'path' => $request->getUri()->getPath(),
                'status_code' => 0,
            ], JSON_THROW_ON_ERROR),
        ];
    }

    /**
     * Everything that can be observed of a call.
     *
     * @return array<string, mixed>
     */
    private function outcomeOf(VaultHttpClientInterface $client, Request $request): array
    {
        // Releases before 1.0 cache a secret after the first read.
        $clear = [$this->get(VaultServiceInterface::class), 'clearCache'];
        if (is_callable($clear)) {
            $clear();
        }
        $before = count($this->vaultCalls());
        $reads = $this->countRows(self::VAULT_AUDIT, ['action' => 'read']);
        try {
            $response = $client->sendRequest($request);
            $result = ['status' => $response->getStatusCode(), 'location' => $response->getHeader('location')];
            if ((string) $response->getBody() !== '') {
                $result += self::comparable(self::seen($response));
            }
        } catch (\Throwable $thrown) {
            $isNetwork = $thrown instanceof NetworkExceptionInterface;
            $result = ['thrown' => $isNetwork ? NetworkExceptionInterface::class : [$thrown->getCode(), self::baseClass($thrown)]];
        }
        $calls = array_slice($this->vaultCalls(), $before);
        $columns = ['secret_identifier', 'action', 'success', 'reason', 'context'];
        $result['records'] = array_map(
            static fn (array $row): array => array_intersect_key($row, array_flip($columns)),
            $calls,
        );
        return $result + ['reads' => $this->countRows(self::VAULT_AUDIT, ['action' => 'read']) - $reads];
    }

    /** nr-vault's class of exceptions that callers catch. */
    private static function baseClass(\Throwable $thrown): string
    {
        $class = $thrown::class;
        while (!str_starts_with($class, 'Netresearch\\NrVault\\')) {
            $class = get_parent_class($class);
            if ($class === false) {
                return $thrown::class;
            }
        }
        return $class;
    }

    /**
     * @param array<mixed> $seen
     * @return array<string, mixed>
     */
    private static function comparable(array $seen): array
    {
        $headers = is_array($seen['headers']) ? $seen['headers'] : [];
        ksort($headers);
        $uri = is_string($seen['uri']) ? $seen['uri'] : '';
        $body = is_string($seen['body']) ? (string) base64_decode($seen['body'], true) : '';
        $type = $headers['content-type'] ?? '';
        $isForm = is_string($type) && str_contains($type, 'form');
        parse_str($body, $form);
        $fields = $isForm ? $form : (json_decode($body, true) ?? $body);
        if (is_array($fields)) {
            ksort($fields);
        }
        return [
            'method' => $seen['method'],
            // The clients encode the fields that they add in different ways, which mean the same.
            'uri' => array_map(urldecode(...), explode('&', $uri)),
            'headers' => array_diff_key($headers, array_flip(self::OF_THE_CLIENT)),
            'body' => $fields,
        ];
    }
}
