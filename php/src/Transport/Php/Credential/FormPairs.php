<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * `name=value` pairs, in a query or in a form's body.
 *
 * @internal
 */
final class FormPairs
{
    /**
     * The existing pairs, byte for byte, and one more for every field. All characters except RFC 3986's unreserved ones are
     * percent-encoded, which every form parser decodes as well.
     *
     * @param list<array{string, Secret}> $fields names and values
     */
    public static function append(
        #[\SensitiveParameter] string $existing,
        #[\SensitiveParameter] array $fields,
    ): Secret {
        $pairs = $existing;
        foreach ($fields as [$name, $secret]) {
            $pair = ($pairs === '' ? '' : '&') . rawurlencode($name) . '=';
            $value = rawurlencode($secret->expose());
            $longer = $pairs . $pair . $value;
            Secret::wipeString($pairs);
            $pairs = $longer;
        }
        return new Secret($pairs);
    }

    /**
     * Whether there is a pair of this name. Some parsers take "+" for a space and others for a plus, so a name counts in either
     * reading.
     */
    public static function hasName(#[\SensitiveParameter] string $pairs, string $name): bool
    {
        foreach (explode('&', $pairs) as $pair) {
            $found = explode('=', $pair, 2)[0];
            if (rawurldecode($found) === $name || urldecode($found) === $name) {
                return true;
            }
        }
        return false;
    }
}
