<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Credential;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * Envelopes from a directory: one file each, named as the identifier. What `secure-outbound seal` writes fits.
 *
 * An identifier that is no plain file name is not looked for, and a link that leads out of the directory is refused.
 *
 * @api
 */
final readonly class DirectoryCredentialProvider implements SealedCredentialProvider
{
    /** No slash and no leading dot. */
    private const NAME = '/\A[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}\z/';

    private const MAX_BYTES = 1048576;

    public function __construct(private string $directory)
    {
    }

    public function fetch(CredentialReference $reference): SealedCredential
    {
        if (preg_match(self::NAME, $reference->identifier) !== 1) {
            throw self::notFound();
        }
        $directory = realpath($this->directory);
        $file = realpath($this->directory . '/' . $reference->identifier);
        if ($directory === false || $file === false || !is_file($file)) {
            throw self::notFound();
        }
        if (!str_starts_with($file, rtrim($directory, '/') . '/')) {
            throw self::denied('The file of a credential is a link that leads out of its directory.');
        }
        $envelope = @file_get_contents($file, length: self::MAX_BYTES + 1);
        if ($envelope === false) {
            throw self::denied('The file of a credential cannot be read by this process.');
        }
        if (strlen($envelope) > self::MAX_BYTES) {
            throw OutboundException::create('credential.malformed', 'The file of a credential is larger than 1 MiB.');
        }
        return $reference->seal(trim($envelope));
    }

    private static function notFound(): OutboundException
    {
        return OutboundException::create(
            'credential.not_found',
            'The directory has no file for a credential of the service.',
        );
    }

    private static function denied(string $message): OutboundException
    {
        return OutboundException::create('credential.access_denied', $message);
    }
}
