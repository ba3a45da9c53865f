<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Form;

use Netresearch\NrSecureOutbound\Registry\TechnicalUser;

/**
 * The users that the form of a service offers as its technical user. TCA leaves out administrators; who is a system maintainer
 * stands in the settings, and can change without a new TCA.
 *
 * @internal
 */
final class UserItems
{
    /**
     * @param array{items: array<mixed>, ...} $parameters
     */
    public function reduce(array &$parameters): void
    {
        $maintainers = TechnicalUser::systemMaintainers();
        $parameters['items'] = array_values(array_filter($parameters['items'], static function (mixed $item) use ($maintainers): bool {
            $value = is_array($item) || $item instanceof \ArrayAccess ? $item['value'] ?? null : null;
            return !is_numeric($value) || !in_array((int) $value, $maintainers, true);
        }));
    }
}
