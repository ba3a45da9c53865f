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
     * @return array<string, array{status: int, us: float, cpu: int}> by client; "cpu" is what the worker itself needed, in µs
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
            [$begun, $used] = [hrtime(true), self::used()];
            $status = $call();
            $results[$client] = ['status' => $status, 'us' => (hrtime(true) - $begun) / 1000, 'cpu' => self::used() - $used];
        }
        return $results;
    }

    private static function used(): int
    {
        $usage = getrusage() ?: [];
        return array_sum(array_map(
            static fn (string $of): int => ($usage["ru_$of.tv_sec"] ?? 0) * 1_000_000 + ($usage["ru_$of.tv_usec"] ?? 0),
            ['utime', 'stime'],
        ));
    }
}
