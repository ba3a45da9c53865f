<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Exception\PartFailure;

/**
 * Calls the closure of a master key. It is code of the host, and may throw any exception.
 *
 * @internal
 */
final class KeyMaterial
{
    /**
     * @return array<mixed> the rest of the entry
     * @throws OutboundException configuration.invalid, internal.part_failed
     */
    public static function of(#[\SensitiveParameter] \Closure $closure): array
    {
        try {
            $rest = $closure();
        } catch (OutboundException $own) {
            throw $own;
        } catch (\Throwable $thrown) {
            throw PartFailure::of($thrown, 'the closure of a master key');
        }
        return is_array($rest) ? $rest : throw OutboundException::create(
            'configuration.invalid',
            'the closure of a master key returned no array',
        );
    }
}
