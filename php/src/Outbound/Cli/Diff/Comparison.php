<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Diff;

use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Transport\Alternative;
use Netresearch\NrVault\Transport\Breaker;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\PolicyForm;
use Netresearch\NrVault\Transport\Wire;

/**
 * What one service allows in the new registry and not in the old one.
 *
 * @internal
 */
final class Comparison
{
    /** The default if neither policy nor configuration has a value; the configuration is not read here. */
    private const TIMEOUT_MS = 30_000;
    private const RESPONSE_BYTES = 8 << 20;

    /** The same of the time for which nothing may come, where the policy has no limit of the whole time. */
    private const IDLE_TIMEOUT_MS = 60_000;

    /** From the strictest to the least strict. */
    private const TRANSPORTS = [
        ServiceDefinition::TRANSPORT_SIDECAR,
        ServiceDefinition::TRANSPORT_RUST,
        ServiceDefinition::TRANSPORT_AUTO,
        ServiceDefinition::TRANSPORT_PHP,
    ];

    /** @var list<Change> */
    private array $changes = [];

    private function __construct(private readonly string $service)
    {
    }

    /**
     * @param ServiceDefinition|null $old null for a new service
     * @return list<Change>
     */
    public static function of(?ServiceDefinition $old, ServiceDefinition $new): array
    {
        $now = Reach::of($new);
        if ($now === null) {
            return [];
        }
        $was = $old === null ? null : Reach::of($old);
        $self = new self($new->id);
        if ($was === null) {
            $self->add('', $new->baseUrl);
        } elseif (!$was->origin->equals($now->origin)) {
            $self->change('base_url', $was->origin->text(), $now->origin->text());
        }
        foreach ($new->policy->allowedMethods as $method) {
            if ($now->allowsMethod($method) && $was?->allowsMethod($method) !== true) {
                $self->add('policy.allowed_methods', $method);
            }
        }
        $self->add('policy.allowed_hosts', ...$now->hostsBeyond($was));
        $self->add('policy.allowed_paths', ...$now->pathsBeyond($was));
        $self->policy($was === null ? null : $old->policy, $new->policy);
        $self->headers($was === null ? [] : $old->headers, $new->headers);
        $self->listed('alternatives', $was === null ? [] : $old->alternatives, $new->alternatives);
        $self->listed('credentials', $was === null ? [] : $old->credentials, $new->credentials);
        if ($was !== null) {
            $self->limits($old->policy, $new->policy);
            $self->versions($old->policy->httpVersions, $new->policy->httpVersions);
            $self->http3($old->policy->http3, $new->policy->http3);
            $self->breaker($old->policy->breaker, $new->policy->breaker);
            $self->modes($old, $new);
            $self->technicalUser($old, $new);
            if ($new->auditSample > $old->auditSample) {
                $self->change('audit_sample', (string) $old->auditSample, (string) $new->auditSample);
            }
        }
        return $self->changes;
    }

    private function policy(?Policy $old, Policy $new): void
    {
        $word = static fn (bool|int $value): string => is_bool($value) ? ($value ? 'true' : 'false') : (string) $value;
        $fields = [
            'policy.allow_http' => [$old !== null && $old->allowHttp, $new->allowHttp],
            'policy.allow_encoded_slash' => [$old !== null && $old->allowEncodedSlash, $new->allowEncodedSlash],
            'policy.max_redirects' => [$old === null ? 0 : $old->maxRedirects, $new->maxRedirects],
            'policy.max_attempts' => [$old === null ? 1 : $old->maxAttempts, $new->maxAttempts],
        ];
        foreach ($fields as $field => [$was, $now]) {
            if ($now > $was) {
                $this->change($field, $word($was), $word($now));
            }
        }
    }

    private function limits(Policy $old, Policy $new): void
    {
        $limits = [
            'timeout_ms' => [$old->timeoutMs, $new->timeoutMs, self::TIMEOUT_MS],
            'idle_timeout_ms' => [
                $old->idleTimeoutMs,
                $new->idleTimeoutMs,
                $old->timeoutMs === null ? self::IDLE_TIMEOUT_MS : PHP_INT_MAX,
            ],
            'request_bytes' => [$old->requestBytes, $new->requestBytes, Wire::REQUEST_BYTES],
            'response_bytes' => [$old->responseBytes, $new->responseBytes, self::RESPONSE_BYTES],
        ];
        foreach ($limits as $key => [$was, $now, $default]) {
            if ($was !== $now && ($now ?? PHP_INT_MAX) > ($was ?? $default)) {
                $this->change('policy.' . $key, (string) ($was ?? 'of the configuration'), (string) ($now ?? 'of the configuration'));
            }
        }
    }

    /**
     * @param list<string>|null $old null for all of the configuration
     * @param list<string>|null $new
     */
    private function versions(?array $old, ?array $new): void
    {
        if (array_diff($new ?? PolicyForm::HTTP_VERSIONS, $old ?? PolicyForm::HTTP_VERSIONS) !== []) {
            $all = ['of the configuration'];
            $this->change('policy.http_versions', implode(', ', $old ?? $all), implode(', ', $new ?? $all));
        }
    }

    /** More is that datagrams go where none went, and that the API chooses the port among those of allowed_hosts. */
    private function http3(?string $old, ?string $new): void
    {
        if ($new !== null && $new !== $old && $old !== 'alt-svc') {
            $this->change('policy.http3', $old ?? 'none', $new);
        }
    }

    private function breaker(?Breaker $old, ?Breaker $new): void
    {
        if ($old !== null && ($new === null || $new->failures > $old->failures || $new->openMs < $old->openMs)) {
            $text = static fn (?Breaker $breaker): string => $breaker === null ? 'none' : self::json($breaker->toWire());
            $this->change('policy.breaker', $text($old), $text($new));
        }
    }

    /**
     * @param list<Alternative|CredentialReference> $old
     * @param list<Alternative|CredentialReference> $new
     */
    private function listed(string $field, array $old, array $new): void
    {
        $text = static fn (Alternative|CredentialReference $entry): string => self::json($entry->toWire());
        $this->add($field, ...array_values(array_diff(array_map($text, $new), array_map($text, $old))));
    }

    /**
     * A caller may set these fields as well, but a default of the registry is sent with every call, for example
     * X-HTTP-Method-Override.
     *
     * @param list<array{string, string}> $old
     * @param list<array{string, string}> $new
     */
    private function headers(array $old, array $new): void
    {
        $known = [];
        foreach ($old as [$name, $value]) {
            $known[] = [strtolower($name), $value];
        }
        foreach ($new as [$name, $value]) {
            if (!in_array([strtolower($name), $value], $known, true)) {
                $this->add('headers', $name);
            }
        }
    }

    private function modes(ServiceDefinition $old, ServiceDefinition $new): void
    {
        $places = array_flip(self::TRANSPORTS);
        if ($places[$new->transport] > $places[$old->transport]) {
            $this->change('transport', $old->transport, $new->transport);
        }
        if ($old->audit === ServiceDefinition::AUDIT_REQUIRED && $new->audit !== $old->audit) {
            $this->change('audit', $old->audit, $new->audit);
        }
    }

    /** Another technical user may read other credentials; without a technical user, the rights of each caller apply. */
    private function technicalUser(ServiceDefinition $old, ServiceDefinition $new): void
    {
        $text = static fn (string|int|null $user): string => $user === null ? 'whoever calls' : (string) $user;
        if ($old->technicalUser !== $new->technicalUser) {
            $this->change('technical_user', $text($old->technicalUser), $text($new->technicalUser));
        }
    }

    private function add(string $field, string ...$entries): void
    {
        foreach ($entries as $entry) {
            $this->change($field, '', $entry);
        }
    }

    private function change(string $field, string $was, string $now): void
    {
        $this->changes[] = new Change($this->service, $field, $was, $now);
    }

    /**
     * @param array<string, mixed> $value
     */
    private static function json(array $value): string
    {
        return json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
    }
}
