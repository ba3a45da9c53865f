<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrVault\Http\AdditionalSecretHttpClientInterface;

/**
 * For an nr-vault that places several secrets in one body, which the library does in any case.
 *
 * @internal
 */
final class AdditionalSecretVaultClient extends StreamingVaultClient implements AdditionalSecretHttpClientInterface
{
    public function withAdditionalBodyField(string $secretIdentifier, string $bodyField): static
    {
        return $this->wanting($this->wanted()->withAdditionalBodyField($secretIdentifier, $bodyField));
    }
}
