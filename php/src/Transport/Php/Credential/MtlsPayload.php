<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Policy\BindingRules;
use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;

/**
 * The payload of a client certificate. Only the library shows one. A payload that it would refuse must not be sealed, so it is
 * checked here as well.
 *
 * @internal
 */
final class MtlsPayload
{
    /**
     * @return BindingRules|null its binding
     * @throws InvalidPayload
     */
    public static function check(#[\SensitiveParameter] string $document): ?BindingRules
    {
        $places = Payload::fields(CredentialReference::MTLS, $document);
        self::chain($document, $places);
        return Payload::binding($document, $places);
    }

    /**
     * Key and certificates of a payload that has both.
     *
     * @param array<string, array{int, int}> $places of the values, as Payload::fields() gives them
     * @throws InvalidPayload
     */
    public static function chain(#[\SensitiveParameter] string $document, array $places): CertificateChain
    {
        $chain = PayloadValues::of($document, $places)('certificate_chain', null);
        $key = PrivateKey::ofTls(Payload::text($document, $places, 'private_key'));
        $chain = is_string($chain) ? CertificateChain::check($chain, $key) : throw new InvalidPayload('"certificate_chain" is no text');
        PayloadValues::demandHosts($document, $places, 'with a private key');
        return $chain;
    }
}
