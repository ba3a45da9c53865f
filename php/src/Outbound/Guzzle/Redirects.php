<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Guzzle;

use GuzzleHttp\Psr7\HttpFactory;
use GuzzleHttp\Psr7\UriResolver;
use Netresearch\NrVault\Outbound\Call\ServiceMatch;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;

/**
 * Refuses a redirect that Guzzle would follow out of a service: the server would choose which credential the next request gets, or
 * who gets what the request contains.
 *
 * @internal
 */
final readonly class Redirects
{
    /**
     * @param string $id of the service of the request
     * @param bool $isNamed whether the request says that it is for this service
     */
    public function __construct(private ServiceMatch $match, private string $id, private bool $isNamed)
    {
    }

    /**
     * @param array<mixed> $options
     * @throws OutboundException policy.redirect_not_allowed
     */
    public function check(
        #[\SensitiveParameter] RequestInterface $request,
        #[\SensitiveParameter] ResponseInterface $response,
        #[\SensitiveParameter] array $options,
    ): void {
        $follows = $options['allow_redirects'] ?? false;
        if (is_array($follows)) {
            $follows = $follows !== [] && (bool) ($follows['max'] ?? true);
        }
        $isRedirect = in_array($response->getStatusCode(), [301, 302, 303, 307, 308], true);
        if (!(bool) $follows || !$isRedirect || !$response->hasHeader('Location')) {
            return;
        }
        try {
            $location = (new HttpFactory())->createUri($response->getHeaderLine('Location'));
            $target = (string) UriResolver::resolve($request->getUri(), $location)->withFragment('');
            $service = $this->isNamed ? $this->match->named($this->id, $target) : $this->match->byUrl($target);
            if ($service->id === $this->id) {
                return;
            }
        } catch (OutboundException | \InvalidArgumentException) {
            // It leads out of the service as well.
        }
        throw OutboundException::create(
            'policy.redirect_not_allowed',
            "the response redirects out of the service \"$this->id\"; with allow_redirects false it is handed over",
            sent: 'yes',
            httpStatus: $response->getStatusCode(),
        );
    }
}
