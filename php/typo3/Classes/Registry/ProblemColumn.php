<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Registry;

use Netresearch\NrVault\Outbound\Registry\RegistryProblem;

/**
 * The column of a service's row that a problem is about. The library's reader names keys of the JSON registry.
 *
 * @internal
 */
final class ProblemColumn
{
    private const DIFFERING = [
        '' => 'identifier',
        'policy' => 'allowed_methods',
        'breaker' => 'breaker_failures',
        'credentials' => 'credential_sets',
        'test' => 'test_path',
        'hidden' => 'identifier',
    ];

    public static function of(RegistryProblem $problem): string
    {
        $key = str_starts_with($problem->field, 'policy.') ? substr($problem->field, strlen('policy.')) : $problem->field;
        $key = explode('.', $key, 2)[0];
        return self::DIFFERING[$key] ?? $key;
    }
}
