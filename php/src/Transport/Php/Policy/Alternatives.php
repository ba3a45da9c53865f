<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Alternative;

/**
 * Checks and chooses the alternatives of a request. Each is checked as if it were the base URL, before an envelope is opened, so
 * that no decision of the policy depends on a secret; that of a binding does.
 *
 * @internal
 */
final class Alternatives
{
    /**
     * Finds everything that is malformed, and nothing else.
     *
     * @param list<Alternative> $alternatives
     * @throws OutboundException invalid_request.malformed
     */
    public static function checkForm(array $alternatives): void
    {
        foreach ($alternatives as $alternative) {
            if (Url::parse("an alternative's base_url", $alternative->baseUrl)->query !== null) {
                throw OutboundException::malformed("an alternative's base_url holds a query");
            }
        }
    }

    /**
     * @template T
     * @param list<Alternative> $alternatives
     * @param \Closure(Url): T $judge
     * @return list<array{string, T}> suffix, and the result of $judge
     * @throws OutboundException
     */
    public static function judge(array $alternatives, \Closure $judge): array
    {
        $judged = [];
        foreach ($alternatives as $alternative) {
            try {
                $judged[] = [$alternative->secretSuffix, $judge(Url::parse('its base_url', $alternative->baseUrl))];
            } catch (OutboundException $refusal) {
                // The message has to say that it is not about the base URL.
                throw $refusal->about('an alternative is refused');
            }
        }
        return $judged;
    }

    /**
     * The first alternative whose suffix the secret has, otherwise $base.
     *
     * @template T
     * @param list<array{string, T}> $judged
     * @param \Closure(string): bool $endsWith
     * @param T $base
     * @return T
     */
    public static function chosen(#[\SensitiveParameter] array $judged, \Closure $endsWith, mixed $base): mixed
    {
        foreach ($judged as [$suffix, $alternative]) {
            if ($endsWith($suffix)) {
                return $alternative;
            }
        }
        return $base;
    }
}
