<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Envelope\EnvelopeOpener;
use Netresearch\NrVault\Transport\Php\Keys\Keyring;
use Netresearch\NrVault\Transport\SealedCredential;
use Netresearch\NrVault\Transport\Secret\Secret;
use Netresearch\NrVault\Transport\System\LocalFile;

/**
 * Opens a request's credentials.
 *
 * @internal
 */
final readonly class CredentialOpener
{
    public function __construct(
        private Keyring $keyring,
        private EnvelopeOpener $envelopes = new EnvelopeOpener(),
    ) {
    }

    /**
     * All of them, in their order, or none: every envelope is opened before a payload is read. The keys are read for this
     * and wiped after it.
     *
     * @param list<SealedCredential> $credentials
     * @return list<Credential>
     * @throws OutboundException credential.key_unavailable, credential.malformed, credential.unsupported,
     *         credential.authentication_failed, credential.payload_invalid
     */
    public function open(#[\SensitiveParameter] array $credentials): array
    {
        if ($credentials === []) {
            return [];
        }
        $payloads = $this->payloads($credentials);
        $opened = [];
        $isWhole = false;
        try {
            foreach ($credentials as $index => $credential) {
                $opened[] = self::named(
                    $credential,
                    static fn (): Credential => Payload::read($credential->reference, $payloads[$index]),
                );
            }
            $isWhole = true;
            return $opened;
        } finally {
            if (!$isWhole) {
                self::wipe($payloads);
                self::wipe($opened);
            }
        }
    }

    /**
     * @param list<SealedCredential> $credentials
     * @return list<Secret>
     */
    private function payloads(#[\SensitiveParameter] array $credentials): array
    {
        $keys = $this->keyring->keys();
        $payloads = [];
        $isWhole = false;
        try {
            if ($keys === []) {
                throw OutboundException::create(
                    'credential.key_unavailable',
                    'no master key could be read; look at master_keys and the warnings of open'
                        . (LocalFile::isConfined() ? ', and whether open_basedir hides it' : ''),
                );
            }
            foreach ($credentials as $credential) {
                $payloads[] = self::named(
                    $credential,
                    fn (): Secret => $this->envelopes->open($credential->sealed, $credential->reference->identifier, $keys),
                );
            }
            $isWhole = true;
            return $payloads;
        } finally {
            self::wipe($keys);
            if (!$isWhole) {
                self::wipe($payloads);
            }
        }
    }

    /**
     * A request can have several credentials, so a refusal names the one that it is about.
     *
     * @template T
     * @param \Closure(): T $step
     * @return T
     * @throws OutboundException
     */
    private static function named(
        #[\SensitiveParameter] SealedCredential $credential,
        #[\SensitiveParameter] \Closure $step,
    ): mixed {
        try {
            return $step();
        } catch (OutboundException $refusal) {
            throw $refusal->ofCredential($credential->reference->identifier);
        }
    }

    /**
     * @param list<Secret>|list<Credential> $secrets
     */
    private static function wipe(#[\SensitiveParameter] array $secrets): void
    {
        foreach ($secrets as $secret) {
            $secret->wipe();
        }
    }
}
