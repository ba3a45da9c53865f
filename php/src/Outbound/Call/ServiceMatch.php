<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Policy\Spelling;
use Netresearch\NrVault\Transport\Php\Policy\Url;

/**
 * Finds the service of a request among those that a client of an SDK was made for. Whether the request is allowed is left to the
 * transport.
 *
 * @internal
 */
final readonly class ServiceMatch
{
    /**
     * @param list<string> $ids
     * @throws OutboundException invalid_request.malformed
     */
    public function __construct(private ServiceCalls $calls, private array $ids)
    {
        if ($ids === [] || array_filter($ids, is_string(...)) !== $ids) {
            throw OutboundException::malformed('a client for URLs needs a list of ids of services');
        }
    }

    /**
     * The service of this id, if the URL is below its base URL.
     *
     * @throws OutboundException policy.service_unknown and others of the registry; policy.host_not_allowed,
     *         policy.path_not_allowed, policy.path_not_canonical, invalid_request.malformed
     */
    public function named(string $id, #[\SensitiveParameter] string $url): ServiceDefinition
    {
        if (!in_array($id, $this->ids, true)) {
            throw OutboundException::create(
                'policy.service_unknown',
                'the client was not made for the service that the request names; it was for ' . implode(', ', $this->ids),
            );
        }
        $service = $this->calls->service($id);
        [$origin, $path] = self::read($url, self::isOfS3($service));
        [$baseOrigin, $basePath] = self::base($service);
        if ($origin !== $baseOrigin) {
            throw OutboundException::create(
                'policy.host_not_allowed',
                "the URL has another origin than the base URL of the service \"$id\", which the request is for",
            );
        }
        if (!Spelling::isBelow($path, $basePath)) {
            throw OutboundException::create(
                'policy.path_not_allowed',
                "the path lies outside the base path of the service \"$id\", which the request is for",
            );
        }
        return $service;
    }

    /**
     * The service with the longest base path that the URL is below.
     *
     * @throws OutboundException policy.host_not_allowed, policy.path_not_allowed or what is wrong with the services if there is
     *         none; invalid_request.malformed if there are two; policy.path_not_canonical
     */
    public function byUrl(#[\SensitiveParameter] string $url): ServiceDefinition
    {
        [$origin] = self::read($url);
        $found = [];
        $longest = -1;
        [$problem, $hasOrigin] = [null, false];
        foreach ($this->ids as $id) {
            try {
                $service = $this->calls->service($id);
                [$baseOrigin, $basePath] = self::base($service);
                [, $path] = self::read($url, self::isOfS3($service));
            } catch (OutboundException $unusable) {
                $problem ??= $unusable;
                continue;
            }
            $hasOrigin = $hasOrigin || $origin === $baseOrigin;
            $length = strlen(rtrim($basePath, '/'));
            if ($origin === $baseOrigin && Spelling::isBelow($path, $basePath) && $length >= $longest) {
                $found = $length === $longest ? [...$found, $service] : [$service];
                $longest = $length;
            }
        }
        if (isset($found[1])) {
            throw OutboundException::malformed(
                'several services have this base URL: ' . implode(', ', array_column($found, 'id'))
                . '; name one by its option or its placeholder',
            );
        }
        return $found[0] ?? throw $problem ?? OutboundException::create(
            $hasOrigin ? 'policy.path_not_allowed' : 'policy.host_not_allowed',
            'the URL is below the base URL of no service that the client was made for',
        );
    }

    /**
     * The one service whose placeholder the request has.
     *
     * @param list<array{string, string}> $headers
     * @param \Closure(): string $body
     * @return string|null null if it has none
     * @throws OutboundException invalid_request.malformed if it has those of two
     */
    public function placeholder(#[\SensitiveParameter] array $headers, #[\SensitiveParameter] \Closure $body): ?string
    {
        $found = [];
        foreach ($this->ids as $id) {
            try {
                $service = $this->calls->service($id);
            } catch (OutboundException) {
                continue;
            }
            if (Placeholder::isIn($service, $headers, $body)) {
                $found[] = $id;
            }
        }
        if (isset($found[1])) {
            throw OutboundException::malformed('the request has placeholders of several services: ' . implode(', ', $found));
        }
        return $found[0] ?? null;
    }

    private static function isOfS3(ServiceDefinition $service): bool
    {
        return CredentialReference::haveS3($service->credentials);
    }

    /**
     * @return array{string, string} origin and canonical path
     */
    private static function base(ServiceDefinition $service): array
    {
        return self::read($service->baseUrl, self::isOfS3($service), 'base_url');
    }

    /**
     * @return array{string, string} origin and canonical path
     */
    private static function read(#[\SensitiveParameter] string $url, bool $ofS3 = false, string $name = 'url'): array
    {
        $read = Url::parse($name, $url);
        return [$read->origin()->text(), $read->canonicalPath(true, $ofS3)];
    }
}
