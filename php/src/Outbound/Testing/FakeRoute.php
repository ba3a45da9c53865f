<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Testing;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Service\SecureHttpResponse;
use Netresearch\NrVault\Transport\Php\Policy\Destination;
use Netresearch\NrVault\Transport\Php\Policy\PathPattern;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * The responses to one kind of request.
 *
 * @internal
 */
final class FakeRoute
{
    /**
     * @param list<SecureHttpResponse|\Closure(RequestSpec): SecureHttpResponse> $answers
     */
    public function __construct(
        private readonly string $serviceId,
        private readonly string $method,
        private readonly string $path,
        private array $answers,
    ) {
        if ($answers === []) {
            throw new \InvalidArgumentException('the route has no response');
        }
        if (preg_match('/\A[A-Z][A-Z0-9_-]*\z/', $method) !== 1) {
            throw new \InvalidArgumentException('the method of a route is no upper-case token');
        }
        self::pattern('', $path);
    }

    public function matches(#[\SensitiveParameter] RequestSpec $request): bool
    {
        if ($request->serviceId !== $this->serviceId || $request->method !== $this->method) {
            return false;
        }
        try {
            $wanted = Destination::read($request->baseUrl, $request->url, $request->path);
            [$target, $base] = $wanted->canonical(true);
        } catch (OutboundException) {
            return false;
        }
        return self::pattern(rtrim((string) $base, '/'), $this->path)->matches($target->path);
    }

    /**
     * @return SecureHttpResponse|\Closure(RequestSpec): SecureHttpResponse
     */
    public function next(): SecureHttpResponse|\Closure
    {
        return count($this->answers) > 1 ? array_shift($this->answers) : $this->answers[0];
    }

    private static function pattern(string $base, string $path): PathPattern
    {
        try {
            return PathPattern::parse($path === '' && $base !== '' ? $base : $base . '/' . ltrim($path, '/'));
        } catch (OutboundException $failure) {
            throw new \InvalidArgumentException('the path of a route is no pattern: ' . $failure->getMessage());
        }
    }
}
