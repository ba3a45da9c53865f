<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrVault\Http\OAuth\OAuthConfig;
use Netresearch\NrVault\Http\SecretPlacement;
use Netresearch\NrVault\Http\VaultHttpClientInterface;
use Netresearch\NrVault\Service\VaultServiceInterface;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;

/**
 * nr-vault's HTTP client, whose calls the library makes.
 *
 * This class and its subclasses implement interfaces to which nr-vault may add methods in a minor release. VaultPass therefore
 * defines their factory only after it has compared the interfaces.
 *
 * @internal
 */
class VaultClient implements VaultHttpClientInterface
{
    private Wanted $wanted;

    final public function __construct(private readonly HttpCalls $calls, private readonly VaultServiceInterface $vault)
    {
        $this->wanted = Wanted::nothing();
    }

    public function withAuthentication(
        string $secretIdentifier,
        SecretPlacement $placement = SecretPlacement::Bearer,
        array $options = [],
    ): static {
        return $this->wanting($this->wanted->withAuthentication($secretIdentifier, $placement, $options));
    }

    public function withOAuth(OAuthConfig $config, string $reason = 'OAuth2 API call'): static
    {
        return $this->wanting($this->wanted->withOAuth($config, $reason));
    }

    public function withReason(string $reason): static
    {
        return $this->wanting($this->wanted->withReason($reason));
    }

    /** A method of the interface since nr-vault 1.0. */
    public function withTimeout(int $seconds): static
    {
        return $this->wanting($this->wanted->withTimeout($seconds));
    }

    public function sendRequest(#[\SensitiveParameter] RequestInterface $request): ResponseInterface
    {
        return $this->send($request, Manner::whole());
    }

    final protected function send(#[\SensitiveParameter] RequestInterface $request, Manner $manner): ResponseInterface
    {
        return $this->calls->send($this->wanted, $request, $this->vault, $manner);
    }

    final protected function wanted(): Wanted
    {
        return $this->wanted;
    }

    final protected function wanting(Wanted $wanted): static
    {
        $client = clone $this;
        $client->wanted = $wanted;
        return $client;
    }
}
