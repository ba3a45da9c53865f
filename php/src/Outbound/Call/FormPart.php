<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\System\LocalFile;

/**
 * The content of a field of a multipart form that is not a plain text: a local file, or bytes with a file name. A plain string is
 * never taken for the name of a file, so that no input of a user can name one.
 *
 * @api
 */
final readonly class FormPart
{
    private const BYTES = 'application/octet-stream';

    /** The value of the Content-Type field. */
    private const CONTENT_TYPE = '/\A[\x21-\x7E][\x20-\x7E]{0,254}\z/';

    private function __construct(
        private ?string $path,
        #[\SensitiveParameter] private string $bytes,
        private string $filename,
        private string $contentType,
    ) {
        if (preg_match(self::CONTENT_TYPE, $contentType) !== 1) {
            throw OutboundException::malformed('the content type of a form part is not 1 to 255 printable ASCII characters');
        }
    }

    /**
     * A regular local file, which is read when the call is made. A PHP stream such as "php://input" is never one.
     *
     * @param string|null $filename the file name for the API; null: the last segment of the path
     * @throws OutboundException invalid_request.malformed; the call throws it for a file that it cannot read
     */
    public static function file(string $path, ?string $filename = null, string $contentType = self::BYTES): self
    {
        if ($path === '' || str_contains($path, '://') || str_contains($path, "\0")) {
            throw OutboundException::malformed('the file of a form part is no local path');
        }
        return new self(LocalFile::local($path), '', $filename ?? basename($path), $contentType);
    }

    /**
     * Bytes, which the API sees as a file.
     *
     * @throws OutboundException invalid_request.malformed
     */
    public static function contents(
        #[\SensitiveParameter] string $bytes,
        string $filename,
        string $contentType = self::BYTES,
    ): self {
        return new self(null, $bytes, $filename, $contentType);
    }

    /** @internal */
    public function filename(): string
    {
        return $this->filename;
    }

    /** @internal */
    public function contentType(): string
    {
        return $this->contentType;
    }

    /**
     * @internal
     * @return string|resource the bytes, or the open file
     * @throws OutboundException invalid_request.malformed
     */
    public function open(): mixed
    {
        return $this->path === null ? $this->bytes : LocalFile::open($this->path) ?? throw OutboundException::malformed(
            'the file of a form part cannot be read: it is not there, it is no regular file, or this process may not',
        );
    }
}
