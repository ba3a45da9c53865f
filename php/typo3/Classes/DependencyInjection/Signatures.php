<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DependencyInjection;

/**
 * Signatures of methods as texts, without attributes and default values.
 *
 * @internal
 */
final class Signatures
{
    /**
     * The first method of an interface whose signature is not known; null if all are known.
     *
     * @param \ReflectionClass<object> $interface
     * @param array<string, list<string>> $known method => its known signatures
     * @param list<string> $optional methods among them that some releases lack
     */
    public static function difference(\ReflectionClass $interface, array $known, array $optional = []): ?string
    {
        foreach ($interface->getMethods() as $method) {
            $name = $interface->getShortName() . '::' . $method->getName() . '()';
            if (!isset($known[$method->getName()])) {
                return "$name is new";
            }
            if (!in_array(self::of($method), $known[$method->getName()], true)) {
                return "$name has other arguments";
            }
        }
        foreach (array_keys($known) as $name) {
            if (!$interface->hasMethod($name) && !in_array($name, $optional, true)) {
                return $interface->getShortName() . "::$name() is gone";
            }
        }
        return null;
    }

    public static function of(\ReflectionMethod $method): string
    {
        $parameters = [];
        foreach ($method->getParameters() as $parameter) {
            $parameters[] = $parameter->getType() . ($parameter->isVariadic() ? ' ...$' : ' $') . $parameter->getName();
        }
        return '(' . implode(', ', $parameters) . '): ' . $method->getReturnType();
    }
}
