<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Form;

/**
 * The methods that the form of a service offers: the usual ones, and those that its row has already.
 *
 * @internal
 */
final class MethodItems
{
    private const USUAL = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

    /**
     * @param array{items: array<mixed>, row: array<string, mixed>, field: string, ...} $parameters
     */
    public function add(array &$parameters): void
    {
        $stored = $parameters['row'][$parameters['field']] ?? [];
        $stored = is_array($stored) ? $stored : explode(',', is_string($stored) ? $stored : '');
        $stored = array_filter($stored, static fn (mixed $method): bool => is_string($method) && $method !== '');
        foreach (array_unique([...self::USUAL, ...array_values($stored)]) as $method) {
            $parameters['items'][] = ['label' => $method, 'value' => $method];
        }
    }
}
