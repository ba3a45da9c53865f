<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Memory;

/**
 * Everything that can be reached from a value, including private properties: more than a dump or a log would show.
 */
final class Reachable
{
    /**
     * Every string in a value.
     *
     * @param string $namespace namespace of the caller, at whose first frame the frames of an exception end; see frames()
     * @return list<string>
     */
    public static function strings(mixed $value, string $namespace = ''): array
    {
        $strings = [];
        $seen = [];
        $walk = static function (mixed $value) use (&$walk, &$strings, &$seen, $namespace): void {
            if (is_string($value)) {
                $strings[] = $value;
            } elseif (is_array($value)) {
                array_walk($value, $walk);
            } elseif (is_object($value) && !isset($seen[spl_object_id($value)])) {
                $seen[spl_object_id($value)] = $value;
                $properties = match (true) {
                    $value instanceof \Closure => (new \ReflectionFunction($value))->getStaticVariables(),
                    $value instanceof \Throwable => self::frames($value, $namespace),
                    default => (array) $value,
                };
                array_walk($properties, $walk);
            }
        };
        $walk($value);
        return $strings;
    }

    /**
     * An exception's own values and the arguments of its frames, down to the first frame of the namespace.
     *
     * @return array<mixed>
     */
    public static function frames(\Throwable $exception, string $namespace): array
    {
        $values = array_diff_key((array) $exception, ["\0Exception\0trace" => 0, "\0*\0trace" => 0]);
        foreach ($exception->getTrace() as $frame) {
            if (str_starts_with($frame['class'] ?? '', $namespace)) {
                break;
            }
            $values[] = $frame['args'] ?? throw new \LogicException('zend.exception_ignore_args must be 0 here.');
        }
        return $values;
    }
}
