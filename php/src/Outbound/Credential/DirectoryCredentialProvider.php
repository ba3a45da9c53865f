<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Credential;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\LocalFile;
use Netresearch\NrVault\Transport\Quiet;
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
        // A link may be put elsewhere, and its old end removed, between finding the file and opening it.
        $envelope = LocalFile::read($this->locate($reference->identifier), self::MAX_BYTES)
            ?? LocalFile::read($this->locate($reference->identifier), self::MAX_BYTES);
        if ($envelope === null) {
            throw self::denied('The file of a credential cannot be read by this process.');
        }
        if (strlen($envelope) > self::MAX_BYTES) {
            throw OutboundException::create('credential.malformed', 'The file of a credential is larger than 1 MiB.');
        }
        return $reference->seal(trim($envelope));
    }

    /**
     * The file itself, without a link on the way.
     *
     * @throws OutboundException credential.not_found, credential.access_denied
     */
    private function locate(string $identifier): string
    {
        LocalFile::forget();
        $resolve = static fn (string $path): mixed => Quiet::call(static fn () => realpath($path));
        $directory = $resolve($this->directory);
        $file = $resolve($this->directory . '/' . $identifier);
        if ($directory === false || $file === false || !is_file($file)) {
            throw self::notFound();
        }
        return str_starts_with($file, rtrim($directory, '/') . '/')
            ? $file
            : throw self::denied('The file of a credential is a link that leads out of its directory.');
    }

    private static function notFound(): OutboundException
    {
        return OutboundException::create(
            'credential.not_found',
            'The directory has no file for a credential of the service'
                . (LocalFile::isConfined() ? ', or open_basedir hides it.' : '.'),
        );
    }

    private static function denied(string $message): OutboundException
    {
        return OutboundException::create('credential.access_denied', $message);
    }
}
