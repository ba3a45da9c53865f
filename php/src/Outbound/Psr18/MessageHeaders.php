<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Psr18;

use Psr\Http\Message\RequestInterface;

/**
 * The header fields of a PSR-7 request that an SDK made.
 *
 * @internal
 */
final class MessageHeaders
{
    /**
     * All header fields except two that PSR-7 objects and SDKs set by themselves, if they have the value that is sent anyway.
     *
     * @param int $length of the body
     * @return list<array{string, string}>
     */
    public static function of(#[\SensitiveParameter] RequestInterface $request, int $length): array
    {
        $uri = $request->getUri();
        $host = $uri->getHost() . ($uri->getPort() === null ? '' : ':' . $uri->getPort());
        $implied = ['host' => strtolower($host), 'content-length' => (string) $length];
        $headers = [];
        foreach ($request->getHeaders() as $name => $values) {
            foreach ($values as $value) {
                if (($implied[strtolower((string) $name)] ?? null) !== strtolower($value)) {
                    $headers[] = [(string) $name, $value];
                }
            }
        }
        return $headers;
    }
}
