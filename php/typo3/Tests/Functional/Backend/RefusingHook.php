<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Backend;

/**
 * A hook, as another extension may have one, that prevents TYPO3 from storing a service.
 */
final class RefusingHook
{
    /**
     * @param array<string, mixed>|false $fields
     */
    // phpcs:ignore PSR1.Methods.CamelCapsMethodName -- TYPO3 calls it by this name
    public function processDatamap_preProcessFieldArray(array|false &$fields, string $table): void
    {
        $fields = $table === 'tx_nrvault_service' ? false : $fields;
    }
}
