<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrVault\Http\AdditionalSecretHttpClientInterface;

/**
 * For a release of nr-vault whose client places several secrets in one body. The library can always do so.
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
