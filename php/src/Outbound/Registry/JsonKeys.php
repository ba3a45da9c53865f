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
    /** Between two of them stand blanks, commas, numbers and words. */
    private const MARKS = '"{}[]:';

    /**
     * Nothing in here can give up halfway, as a regular expression does at its limits: what was not looked at to its end
     * would pass for a text without any.
     *
     * @param string $json valid JSON
     * @return string|null where the second one stands, such as "services.my-api.policy"; null where there is none
     */
    public static function duplicate(string $json): ?string
    {
        // Of each open container the keys so far, and the key whose value is being read; a list has null for keys.
        $open = [];
        $text = '';
        $length = strlen($json);
        for ($at = strcspn($json, self::MARKS); $at < $length; $at += 1 + strcspn($json, self::MARKS, $at + 1)) {
            switch ($json[$at]) {
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
                    $name = json_decode($text);
                    $key = is_string($name) ? $name : '';
                    $open[$last]['key'] = $key;
                    if (isset($open[$last]['keys']["k$key"])) {
                        return implode('.', array_column($open, 'key'));
                    }
                    $open[$last]['keys']["k$key"] = true;
                    break;
                default:
                    $end = self::end($json, $at);
                    $text = substr($json, $at, $end - $at + 1);
                    $at = $end;
            }
        }
        return null;
    }

    /** Where the string ends that begins here. */
    private static function end(string $json, int $at): int
    {
        $at += 1 + strcspn($json, '"\\', $at + 1);
        while (($json[$at] ?? '') === '\\') {
            $at += 2 + strcspn($json, '"\\', $at + 2);
        }
        return $at;
    }
}
