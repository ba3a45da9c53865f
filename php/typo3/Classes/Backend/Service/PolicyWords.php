<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Service;

use Netresearch\NrSecureOutbound\Backend\Amounts;
use Netresearch\NrSecureOutbound\Backend\Labels;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Transport\Alternative;
use Netresearch\NrVault\Transport\Policy;

/**
 * What a service may do, in sentences.
 *
 * @internal
 */
final class PolicyWords
{
    /**
     * @return list<array{label: string, texts: list<string>, isCode: bool}> the texts are values if isCode is true, otherwise
     *         sentences
     */
    public static function of(ServiceDefinition $service): array
    {
        $policy = $service->policy;
        return [
            self::listed('methods', $policy->allowedMethods),
            self::listed('hosts', $policy->allowedHosts),
            self::listed('paths', $policy->allowedPaths),
            ...self::alternatives($service->alternatives),
            self::sentence('plain', [$policy->allowHttp ? 'allowed' : 'refused']),
            ...($policy->allowEncodedSlash ? [self::sentence('slash', ['allowed'])] : []),
            self::sentence('redirects', $policy->maxRedirects === 0 ? ['none'] : ['some', $policy->maxRedirects]),
            self::sentence('attempts', $policy->maxAttempts === 1 ? ['one'] : ['some', $policy->maxAttempts]),
            self::limits($policy),
            ...self::breaker($policy),
            ...self::headers($service),
            self::sentence('transport', [$service->transport]),
            self::records($service),
        ];
    }

    /**
     * @param list<string>|null $values null: nothing is set
     * @return array{label: string, texts: list<string>, isCode: bool}
     */
    private static function listed(string $subject, ?array $values): array
    {
        return match ($values) {
            null => self::sentence($subject, ['default']),
            [] => self::sentence($subject, ['none']),
            default => self::values($subject, $values),
        };
    }

    /**
     * @param list<Alternative> $alternatives
     * @return list<array{label: string, texts: list<string>, isCode: bool}>
     */
    private static function alternatives(array $alternatives): array
    {
        $texts = array_map(
            static fn (Alternative $one): string => Labels::get('policy.alternatives.one', $one->secretSuffix, $one->baseUrl),
            $alternatives,
        );
        return $texts === [] ? [] : [['label' => self::label('alternatives'), 'texts' => $texts, 'isCode' => false]];
    }

    /**
     * @return array{label: string, texts: list<string>, isCode: bool}
     */
    private static function limits(Policy $policy): array
    {
        $texts = [];
        $times = ['time' => $policy->timeoutMs, 'idle' => $policy->idleTimeoutMs];
        $sizes = ['request' => $policy->requestBytes, 'response' => $policy->responseBytes];
        foreach (array_filter($times + $sizes, is_int(...)) as $limit => $value) {
            $amount = isset($times[$limit]) ? Amounts::duration($value * 1000) : Amounts::size($value);
            $texts[] = Labels::get('policy.limits.' . $limit, $amount);
        }
        return [
            'label' => self::label('limits'),
            'texts' => $texts === [] ? [Labels::get('policy.limits.default')] : $texts,
            'isCode' => false,
        ];
    }

    /**
     * @return list<array{label: string, texts: list<string>, isCode: bool}>
     */
    private static function breaker(Policy $policy): array
    {
        $breaker = $policy->breaker;
        return $breaker === null
            ? []
            : [self::sentence('breaker', ['set', $breaker->failures, Amounts::duration($breaker->openMs * 1000)])];
    }

    /**
     * Only names are shown, since a value may be confidential.
     *
     * @return list<array{label: string, texts: list<string>, isCode: bool}>
     */
    private static function headers(ServiceDefinition $service): array
    {
        $names = array_column($service->headers, 0);
        return $names === [] ? [] : [self::values('headers', $names)];
    }

    /**
     * @return array{label: string, texts: list<string>, isCode: bool}
     */
    private static function records(ServiceDefinition $service): array
    {
        return match (true) {
            $service->audit === ServiceDefinition::AUDIT_REQUIRED => self::sentence('records', ['required']),
            $service->auditSample > 1 => self::sentence('records', ['some', $service->auditSample]),
            default => self::sentence('records', ['all']),
        };
    }

    /**
     * @param list<string> $values
     * @return array{label: string, texts: list<string>, isCode: bool}
     */
    private static function values(string $subject, array $values): array
    {
        return ['label' => self::label($subject), 'texts' => $values, 'isCode' => true];
    }

    /**
     * @param non-empty-list<string|int> $words the last part of the label's key, and its arguments
     * @return array{label: string, texts: list<string>, isCode: bool}
     */
    private static function sentence(string $subject, array $words): array
    {
        $text = Labels::get("policy.$subject." . $words[0], ...array_slice($words, 1));
        return ['label' => self::label($subject), 'texts' => [$text], 'isCode' => false];
    }

    private static function label(string $subject): string
    {
        return Labels::get('policy.' . $subject);
    }
}
