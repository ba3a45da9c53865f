<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Memory;

use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * Calls whose secrets a measurement searches for: with credentials in every place, and with every kind of failure. The payload, the data
 * key and the master key are such secrets too.
 */
final class Calls
{
    public const MASTER_KEY = 'master key';

    /** A binding that allows every path of the API; it is not secret. */
    private const ANY_PATH = ['paths' => ['/v1/**']];

    private readonly Sealer $sealer;

    /**
     * @param string $url the base URL of an API that responds like echo.php
     * @param string $refused a base URL whose port refuses connections
     */
    public function __construct(
        private readonly Canaries $canaries,
        private readonly string $url,
        private readonly string $refused,
    ) {
        $this->sealer = new Sealer($canaries->key(self::MASTER_KEY));
    }

    /**
     * @return array<string, RequestSpec> by name; the API responds to each with 201
     */
    public function placements(): array
    {
        $json = [['content-type', 'application/json']];
        $form = [['content-type', 'application/x-www-form-urlencoded']];
        $pair = $this->canaries->text('basic secret, user') . ':' . $this->canaries->text('basic secret, password');
        return [
            'bearer' => $this->request([$this->typed('bearer', CredentialReference::BEARER, 'token')]),
            'api_key' => $this->request([$this->typed('api_key', CredentialReference::API_KEY, 'key', ['prefix' => 'Key '])]),
            'basic' => $this->request([$this->typed('basic', CredentialReference::BASIC, 'username', [
                'password' => $this->canaries->text('basic, password'),
            ])]),
            'secret as bearer' => $this->request([$this->secret('secret as bearer', Placement::bearer())]),
            'secret as api_key' => $this->request([$this->secret('secret as api_key', Placement::apiKey())]),
            'secret in a header' => $this->request([$this->secret('header', Placement::header('X-Secret', 'Secret '))]),
            'secret as basic' => $this->request([$this->sealed('basic secret', $pair, Placement::basic())]),
            'two halves' => $this->request([
                $this->secret('user half', Placement::basicUsername()),
                $this->secret('password half', Placement::basicPassword()),
            ]),
            'query' => $this->request([$this->secret('query', Placement::query('key'))]),
            'JSON body' => $this->request([$this->secret('JSON', Placement::bodyField('key'))], $json, '{"a": 1}'),
            'form body' => $this->request([$this->secret('form', Placement::bodyField('key'))], $form, 'a=1'),
            'client' => $this->request([$this->client('client secret', 'access token')]),
            'several' => $this->request([
                $this->typed('first of several', CredentialReference::BEARER, 'token', ['binding' => self::ANY_PATH]),
                $this->secret('second of several', Placement::header('X-Secret')),
                $this->secret('third of several', Placement::query('key')),
                $this->secret('fourth of several', Placement::bodyField('key')),
            ], $json, '{}'),
        ];
    }

    /**
     * @return array<string, array{RequestSpec, int|string}> by name, with the status of the response or the code of the error
     */
    public function failures(): array
    {
        $bearer = fn (string $name, array $more = []): SealedCredential
            => $this->typed($name, CredentialReference::BEARER, 'token', $more);
        $secret = fn (string $name, string $end): string => $this->canaries->text($name) . $end;
        $allowed = ['/v1/mirror'];
        return [
            'value tampered with' => [
                $this->request([$this->tampered($bearer('tampered value'), 'encrypted_value')]),
                'credential.authentication_failed',
            ],
            'data key tampered with' => [
                $this->request([$this->tampered($bearer('tampered key'), 'encrypted_dek')]),
                'credential.authentication_failed',
            ],
            'payload of another form' => [
                $this->request([$bearer('odd payload', ['surprise' => $this->canaries->text('surprise')])]),
                'credential.payload_invalid',
            ],
            'bound elsewhere' => [
                $this->request([$bearer('bound', ['binding' => ['hosts' => ['elsewhere.example']]])]),
                'policy.binding_violated',
            ],
            'expired' => [
                $this->request([$bearer('expired', ['binding' => ['expires_at' => '2020-01-01T00:00:00Z']])]),
                'credential.expired',
            ],
            'unusable in a header' => [
                $this->request([$this->sealed('line break', $secret('line break', "\n"), Placement::bearer())]),
                'credential.unusable',
            ],
            'unusable in JSON' => [
                $this->request(
                    [$this->sealed('no text', $secret('no text', "\xFF"), Placement::bodyField('key'))],
                    [['content-type', 'application/json']],
                ),
                'credential.unusable',
            ],
            'parameter is there already' => [
                $this->request([$this->secret('conflict', Placement::query('key'))], query: [['key', 'other']]),
                'credential.placement_conflict',
            ],
            'nobody listens' => [$this->request([$bearer('refused')], baseUrl: $this->refused), 'connect.refused'],
            'no answer' => [$this->request([$bearer('timeout')], path: '/silent', timeoutMs: 400), 'timeout.total'],
            'answer too large' => [$this->request([$bearer('too large')], path: '/bytes/5000'), 'response.too_large'],
            'redirect refused' => [
                $this->request([$bearer('redirect')], path: '/mirror', allowedPaths: $allowed, redirects: 1),
                'policy.redirect_not_allowed',
            ],
            'secrets come back' => [
                $this->request(
                    [$bearer('echo'), $this->secret('echoed query', Placement::query('key'))],
                    path: '/mirror',
                ),
                302,
            ],
        ];
    }

    /** A call without a credential, to a port that refuses connections. */
    public function plain(): RequestSpec
    {
        return $this->request([], baseUrl: $this->refused);
    }

    /** A credential of the type "secret", whose content is the secret of this name. */
    public function secret(string $name, Placement $placement): SealedCredential
    {
        return $this->sealed($name, $this->canaries->text($name), $placement);
    }

    /** An OAuth client; the token endpoint issues the token with the name $token. */
    private function client(string $secret, string $token): SealedCredential
    {
        $granted = strtr(base64_encode($this->canaries->text($token)), ['+' => '-', '/' => '_', '=' => '']);
        return $this->typed($secret, CredentialReference::OAUTH2_CLIENT_CREDENTIALS, 'client_secret', [
            'client_id' => 'client',
            'token_url' => $this->url . '/token/' . $granted,
        ]);
    }

    /**
     * A payload with the secret of this name in one field, in an envelope whose data key is a secret of the measurement too.
     *
     * @param array<string, mixed> $more further fields of the payload
     */
    public function typed(string $name, string $type, string $field, array $more = []): SealedCredential
    {
        $payload = (string) json_encode(['type' => $type, $field => $this->canaries->text($name)] + $more);
        return (new CredentialReference($name, $type))->seal($this->envelope($name, $payload));
    }

    /**
     * @param list<SealedCredential> $credentials
     * @param list<array{string, string}> $headers
     * @param list<array{string, string}> $query
     * @param list<string>|null $allowedPaths
     */
    public function request(
        array $credentials,
        array $headers = [],
        string $body = '',
        string $path = '/bytes/3',
        ?string $baseUrl = null,
        array $query = [],
        ?int $timeoutMs = null,
        ?array $allowedPaths = null,
        int $redirects = 0,
    ): RequestSpec {
        $policy = new Policy(['POST'], allowedPaths: $allowedPaths, maxRedirects: $redirects, responseBytes: 1000);
        return new RequestSpec(
            'memory',
            'POST',
            $policy,
            $baseUrl ?? $this->url,
            $path,
            $query,
            headers: $headers,
            body: $body,
            timeoutMs: $timeoutMs,
            credentials: $credentials,
        );
    }

    private function sealed(string $name, #[\SensitiveParameter] string $secret, Placement $placement): SealedCredential
    {
        return (new CredentialReference($name, CredentialReference::SECRET, $placement))->seal($this->envelope($name, $secret));
    }

    private function envelope(string $name, #[\SensitiveParameter] string $plaintext): string
    {
        $key = $this->canaries->key('data key of ' . $name);
        $fields = $this->sealer->fields($name, $plaintext, $key, random_bytes(24), random_bytes(24));
        return 'nrv1:' . base64_encode((string) json_encode($fields));
    }

    /** The credential with the last byte changed in one field of its envelope. */
    private function tampered(SealedCredential $credential, string $field): SealedCredential
    {
        $fields = json_decode((string) base64_decode(substr($credential->sealed, strlen('nrv1:'))), true);
        $bytes = (string) base64_decode($fields[$field]);
        $fields[$field] = base64_encode(substr($bytes, 0, -1) . ~$bytes[-1]);
        $sealed = 'nrv1:' . base64_encode((string) json_encode($fields));
        return $credential->reference->seal($sealed);
    }
}
