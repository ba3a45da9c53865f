<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Contract\Vectors;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Policy\InternalHosts;
use Netresearch\NrVault\Transport\Php\Policy\PolicyDecision;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * tests/vectors/policy.json, which the library's tests read as well, and the configuration for its requests.
 */
final class PolicyVectors
{
    public const REQUEST_BYTES = 1000;

    private const INTERNAL_HOSTS = [
        ['host' => 'ollama.internal', 'networks' => ['172.18.0.0/16'], 'ports' => [11434, 8443]],
        // A host that http reaches at its default port, for tests beside the vectors.
        ['host' => 'plain.internal', 'networks' => ['172.18.0.0/16'], 'ports' => [80, 443]],
    ];

    /** @return array<mixed> */
    public static function section(string $name): array
    {
        static $vectors;
        $vectors ??= Vectors::read('policy.json');
        return $vectors[$name];
    }

    /**
     * The cases of a section for a data provider.
     *
     * @return iterable<string, array<mixed>>
     */
    public static function cases(string $section): iterable
    {
        foreach (self::section($section) as $index => $case) {
            yield "$section $index" => $case;
        }
    }

    public static function decision(): PolicyDecision
    {
        return new PolicyDecision(InternalHosts::read(self::INTERNAL_HOSTS), self::REQUEST_BYTES);
    }

    /**
     * The configuration of a library that judges like decision().
     *
     * @return array<string, mixed>
     */
    public static function configuration(): array
    {
        return [
            'internal_hosts' => self::INTERNAL_HOSTS,
            'limits' => [
                'timeout_ms' => 600000,
                'request_bytes' => self::REQUEST_BYTES,
                'response_bytes' => 1000000,
                'header_bytes' => 65536,
            ],
        ];
    }

    /** @return list<CredentialReference> */
    public static function credentials(): array
    {
        return [new CredentialReference('any', 'bearer')];
    }

    /**
     * A request with a body of 100 bytes to the service of most cases, with some keys replaced.
     *
     * @param array<string, mixed> $changes null removes a key
     * @throws OutboundException invalid_request.malformed
     */
    public static function request(array $changes): RequestSpec
    {
        $document = self::merge([
            'version' => 1,
            'service_id' => 'test',
            'method' => 'GET',
            'base_url' => 'https://api.example.com/v1',
            'policy' => ['allowed_methods' => ['GET', 'POST']],
        ], $changes);
        return RequestSpec::fromWire(json_encode($document, JSON_THROW_ON_ERROR), str_repeat('b', 100));
    }

    /**
     * @param array<mixed> $into
     * @param array<mixed> $changes
     * @return array<mixed>
     */
    public static function merge(array $into, array $changes): array
    {
        foreach ($changes as $key => $change) {
            if ($change === null) {
                unset($into[$key]);
            } elseif (is_array($change) && !array_is_list($change)) {
                $into[$key] = self::merge($into[$key] ?? [], $change);
            } else {
                $into[$key] = $change;
            }
        }
        return $into;
    }

    /**
     * @return array<string, array{array<string, mixed>}> every request with its verdict, by group and number
     */
    public static function requests(): array
    {
        $all = [];
        foreach (self::section('requests') as $group => $cases) {
            foreach ($cases as $index => $case) {
                $all["$group, $index"] = [$case];
            }
        }
        return $all;
    }

    /**
     * The verdict in one form, whichever code decided.
     *
     * @param \Closure(): array{string, string|null} $ask gives URL and path template
     * @return array{code: string|null, message: string|null, url: string|null, template: string|null}
     */
    public static function verdict(\Closure $ask): array
    {
        try {
            [$url, $template] = $ask();
            return ['code' => null, 'message' => null, 'url' => $url, 'template' => $template];
        } catch (OutboundException $refusal) {
            $code = $refusal->errorCode();
            return ['code' => $code, 'message' => $refusal->getMessage(), 'url' => null, 'template' => null];
        }
    }
}
