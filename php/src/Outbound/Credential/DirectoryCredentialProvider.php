<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Credential;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\SealedCredential;
use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * Envelopes from a directory: one file for each, with the identifier as its name, as `secure-outbound seal` writes it.
 *
 * An identifier that is not a plain file name counts as not found, and a link that points out of the directory is refused.
 *
 * @api
 */
final readonly class DirectoryCredentialProvider implements CredentialProvider
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
            throw OutboundException::create(
                'credential.not_found',
                'the identifier "' . $reference->identifier . '" is no plain name of a file',
            );
        }
        // A file that is no link is in the directory. For a link that has to be found out; between finding and opening its target, the
        // link may be changed and its old target be removed.
        $envelope = $this->readItself($reference->identifier)
            ?? LocalFile::read($this->locate($reference->identifier), self::MAX_BYTES)
            ?? LocalFile::read($this->locate($reference->identifier), self::MAX_BYTES);
        if ($envelope === null) {
            throw $this->denied($reference->identifier, 'cannot be read by this process');
        }
        if (strlen($envelope) > self::MAX_BYTES) {
            $message = $this->message($reference->identifier, 'is larger than 1 MiB');
            throw OutboundException::create('credential.malformed', $message);
        }
        return $reference->seal(trim($envelope));
    }

    private function readItself(string $identifier): ?string
    {
        $isPath = str_starts_with($this->directory, '/');
        return $isPath ? LocalFile::readItself($this->directory . '/' . $identifier, self::MAX_BYTES) : null;
    }

    /**
     * The path of the file, with all links resolved.
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
            throw $this->notFound($identifier);
        }
        return str_starts_with($file, rtrim($directory, '/') . '/')
            ? $file
            : throw $this->denied($identifier, 'is a link that leads out of its directory');
    }

    private function notFound(string $identifier): OutboundException
    {
        $what = 'does not exist' . (LocalFile::isConfined() ? ', or open_basedir hides it' : '');
        return OutboundException::create('credential.not_found', $this->message($identifier, $what));
    }

    private function denied(string $identifier, string $what): OutboundException
    {
        return OutboundException::create('credential.access_denied', $this->message($identifier, $what));
    }

    private function message(string $identifier, string $what): string
    {
        return 'the file of the credential "' . $identifier . '" ' . $what . ': ' . $this->directory . '/' . $identifier;
    }
}
