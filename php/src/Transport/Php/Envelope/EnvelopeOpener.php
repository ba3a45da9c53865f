<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Envelope;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * Opens nr-vault's envelopes: "nrv1:" and the base64 of a JSON object that holds a value, the key it is encrypted with,
 * and that key encrypted with a master key. The identifier is the associated data of both.
 *
 * @internal
 */
final readonly class EnvelopeOpener
{
    public function __construct(private Aead $aead = new Aead())
    {
    }

    /**
     * Opens an envelope with the first of the keys that fits it.
     *
     * Faults in the form of the envelope are found before any key is used, so such a refusal reveals nothing about keys.
     *
     * @param list<Secret> $keys of 32 bytes each; they stay the caller's
     * @throws OutboundException credential.key_unavailable, credential.malformed, credential.unsupported,
     *         credential.authentication_failed
     */
    public function open(
        #[\SensitiveParameter] string $sealed,
        string $identifier,
        #[\SensitiveParameter] array $keys,
    ): Secret {
        if ($keys === []) {
            throw OutboundException::create('credential.key_unavailable', 'no master key could be loaded');
        }
        $form = EnvelopeForm::parse($sealed);
        if (!$this->aead->supports($form->algorithm)) {
            throw OutboundException::create(
                'credential.unsupported',
                'this PHP lacks the extension that the envelope\'s algorithm needs: sodium, or openssl for aes256gcm',
            );
        }
        foreach ($keys as $key) {
            $opened = $this->openWith($form, $identifier, $key);
            if ($opened !== null) {
                return $opened;
            }
        }
        throw OutboundException::create(
            'credential.authentication_failed',
            'no master key opens the envelope for this identifier',
        );
    }

    private function openWith(EnvelopeForm $form, string $identifier, #[\SensitiveParameter] Secret $masterKey): ?Secret
    {
        $dataKey = $this->aead->open($form->algorithm, $masterKey, $form->keyNonce, $identifier, $form->sealedKey);
        try {
            return $dataKey === null
                ? null
                : $this->aead->open($form->algorithm, $dataKey, $form->valueNonce, $identifier, $form->sealedValue);
        } finally {
            $dataKey?->wipe();
        }
    }
}
