<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Authorize;

use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Policy\Canonicalizer;
use Netresearch\NrVault\Transport\Php\Policy\Origin;
use Netresearch\NrVault\Transport\Secret\Secret;
use Netresearch\NrVault\Transport\Text\Printable;

/**
 * The authorization code grant of a native app: PKCE with S256 (RFC 7636) and a redirect to the loopback interface (RFC 8252).
 *
 * @internal
 */
final readonly class CodeFlow
{
    /** Parameters of the authorization request that are not for the caller to say. */
    private const OWN = [
        'response_type', 'response_mode', 'client_id', 'client_secret', 'redirect_uri', 'scope', 'state', 'code_challenge',
        'code_challenge_method', 'request', 'request_uri',
    ];

    /**
     * @param list<string> $scopes
     * @param list<array{string, string}> $parameters further ones of the authorization request
     * @param string|null $issuer as the authorization server calls itself; null takes one of the authorization URL's origin
     * @param \Closure(string): void $tell shows a line to whoever waits
     * @throws UsageError
     */
    public function __construct(
        private string $authorizationUrl,
        private string $tokenUrl,
        private string $clientId,
        private array $scopes,
        private array $parameters,
        private ?string $issuer,
        private \Closure $tell,
    ) {
        try {
            $isHttps = Canonicalizer::fromUrl($authorizationUrl, 'it')->origin->scheme === Origin::HTTPS;
        } catch (OutboundException $refusal) {
            throw new UsageError('--authorization-url: ' . $refusal->reason() . '.');
        }
        if (!$isHttps || str_contains($authorizationUrl, '#')) {
            throw new UsageError('--authorization-url is an https URL without a fragment.');
        }
        foreach ($parameters as [$name]) {
            if (in_array($name, self::OWN, true)) {
                throw new UsageError('--parameter: ' . $name . ' is not for it to say.');
            }
        }
    }

    /**
     * Waits for the consent, and exchanges its code.
     *
     * @param \Closure(string): void $show is given the URL that is to be opened
     * @throws OutboundException
     */
    public function run(Endpoint $endpoint, RedirectUri $redirect, int $seconds, \Closure $show): EndpointAnswer
    {
        [$state, $verifier] = [self::random(), new Secret(self::random())];
        $show($this->url($redirect, $state, $verifier));
        $response = (new RedirectListener($redirect, $state, $this->tell))->wait($seconds);
        $this->checkIssuer($response['iss'] ?? null);
        if (isset($response['error'])) {
            throw self::refused($response['error'], $response['error_description'] ?? '');
        }
        if (($response['code'] ?? '') === '') {
            throw EndpointAnswer::invalid('the authorization response has neither a code nor an error');
        }
        $answer = $endpoint->post($this->tokenUrl, [
            ['grant_type', new Secret('authorization_code')],
            ['code', new Secret($response['code'])],
            ['redirect_uri', new Secret($redirect->text())],
            ['code_verifier', $verifier],
        ]);
        return $answer->isGrant() ? $answer : throw $answer->refusal('the token endpoint');
    }

    private function url(RedirectUri $redirect, string $state, Secret $verifier): string
    {
        $own = [
            ['response_type', 'code'],
            ['client_id', $this->clientId],
            ['redirect_uri', $redirect->text()],
            ...($this->scopes === [] ? [] : [['scope', implode(' ', $this->scopes)]]),
            ['state', $state],
            ['code_challenge', self::base64url(hash('sha256', $verifier->expose(), true))],
            ['code_challenge_method', 'S256'],
        ];
        $pairs = array_map(
            static fn (array $pair): string => rawurlencode($pair[0]) . '=' . rawurlencode($pair[1]),
            [...$own, ...$this->parameters],
        );
        return $this->authorizationUrl . (str_contains($this->authorizationUrl, '?') ? '&' : '?') . implode('&', $pairs);
    }

    /** RFC 9207: the response of another server is not for this one's token endpoint. */
    private function checkIssuer(?string $issuer): void
    {
        $is = match (true) {
            $this->issuer !== null => $issuer === $this->issuer,
            $issuer === null => true,
            default => self::hasOrigin($issuer, $this->authorizationUrl),
        };
        if (!$is) {
            $found = $issuer === null ? 'no issuer' : 'the issuer "' . Printable::text($issuer, 200) . '"';
            throw EndpointAnswer::invalid("the authorization response names $found, which is not the one that was asked; "
                . '--issuer says another one');
        }
    }

    private static function hasOrigin(string $issuer, string $url): bool
    {
        try {
            return Canonicalizer::fromUrl($issuer, 'it')->origin->equals(Canonicalizer::fromUrl($url, 'it')->origin);
        } catch (OutboundException) {
            return false;
        }
    }

    private static function refused(string $error, string $description): OutboundException
    {
        $said = rtrim(Printable::text($error, 80) . ': ' . Printable::text($description, 300), ': ');
        $code = $error === 'access_denied' ? 'oauth.consent_required' : 'oauth.token_endpoint_rejected';
        return OutboundException::create($code, 'the authorization server refuses: ' . $said);
    }

    /** 32 bytes that nobody can guess, in 43 characters. */
    private static function random(): string
    {
        return self::base64url(random_bytes(32));
    }

    private static function base64url(string $bytes): string
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }
}
