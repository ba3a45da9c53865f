<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use GuzzleHttp\Psr7\Request;
use Netresearch\NrVault\Service\SecureHttpClientInterface;
use Netresearch\NrVault\Service\VaultServiceInterface;
use Psr\Http\Message\ServerRequestInterface;

/**
 * One call by the library and the same one by nr-vault's own HTTP client, with the same secret, in one request.
 */
final readonly class Timings
{
    public function __construct(private SecureHttpClientInterface $client, private VaultServiceInterface $vault)
    {
    }

    /**
     * @return array<string, array{status: int, us: float}> by client
     */
    public function asked(ServerRequestInterface $request): array
    {
        ['service' => $service, 'url' => $url, 'path' => $path, 'first' => $first] = $request->getQueryParams();
        $calls = [
            'library' => fn (): int => $this->client->request($service, 'GET', $path)->statusCode(),
            'nr-vault' => fn (): int => $this->vault->http()->withAuthentication($service . '_token')
                ->sendRequest(new Request('GET', $url . $path))->getStatusCode(),
        ];
        $results = [];
        foreach ($first === 'library' ? $calls : array_reverse($calls) as $client => $call) {
            $begun = hrtime(true);
            $status = $call();
            $results[$client] = ['status' => $status, 'us' => (hrtime(true) - $begun) / 1000];
        }
        return $results;
    }
}
