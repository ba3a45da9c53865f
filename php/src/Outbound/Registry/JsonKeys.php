<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Registry;

/**
 * Finds a key that stands twice in one object of a JSON text. PHP would take the last one and say nothing.
 *
 * @internal
 */
final class JsonKeys
{
    /**
     * @param string $json valid JSON
     * @return string|null where the second one stands, such as "services.my-api.policy"; null where there is none
     */
    public static function duplicate(string $json): ?string
    {
        // Of each open container the keys so far, and the key whose value is being read; a list has null for keys.
        $open = [];
        $text = null;
        preg_match_all('/"(?:[^"\\\\]++|\\\\.)*+"|[{}\[\]:]/s', $json, $tokens);
        foreach ($tokens[0] as $token) {
            switch ($token) {
                case '{':
                    $open[] = ['keys' => [], 'key' => ''];
                    break;
                case '[':
                    $open[] = ['keys' => null, 'key' => '[]'];
                    break;
                case '}':
                case ']':
                    array_pop($open);
                    break;
                case ':':
                    $last = count($open) - 1;
                    $key = (string) json_decode((string) $text);
                    $open[$last]['key'] = $key;
                    if (isset($open[$last]['keys']["k$key"])) {
                        return implode('.', array_column($open, 'key'));
                    }
                    $open[$last]['keys']["k$key"] = true;
                    break;
                default:
                    $text = $token;
            }
        }
        return null;
    }
}
