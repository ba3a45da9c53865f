<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Symfony;

use Symfony\Component\HttpClient\Response\StreamableInterface;
use Symfony\Component\HttpClient\Response\StreamWrapper;
use Symfony\Contracts\HttpClient\HttpClientInterface;

/**
 * A response that can also be a PHP stream, where symfony/http-client is installed.
 *
 * @internal
 */
final class StreamableResponse extends SecureResponse implements StreamableInterface
{
    public function __construct(
        private readonly HttpClientInterface $client,
        Exchanges $exchanges,
        #[\SensitiveParameter] ClientRequest $request,
        ClientOptions $options,
    ) {
        parent::__construct($exchanges, $request, $options);
    }

    /**
     * @return resource
     */
    public function toStream(bool $throw = true)
    {
        $this->getHeaders($throw);
        return StreamWrapper::createResource($this, $this->client);
    }
}
