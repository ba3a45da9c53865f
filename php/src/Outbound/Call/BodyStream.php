<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\BodySource;
use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\System\Quiet;
use Psr\Http\Message\StreamInterface;

/**
 * A file or a stream as the body of a request, from where it stands to its end.
 *
 * @internal
 */
final class BodyStream implements BodySource
{
    private const FORM = 'the option body is no string, no open stream, no PSR-7 stream and no SplFileInfo of a file';

    /**
     * @param resource|StreamInterface $stream
     */
    private function __construct(private readonly mixed $stream, private readonly ?int $length)
    {
    }

    /**
     * @throws OutboundException invalid_request.malformed
     */
    public static function of(#[\SensitiveParameter] mixed $body): self
    {
        if ($body instanceof StreamInterface) {
            if (!$body->isReadable()) {
                throw OutboundException::malformed('the stream in the option body cannot be read');
            }
            $size = $body->getSize();
            return new self($body, $size === null || !$body->isSeekable() ? $size : max(0, $size - $body->tell()));
        }
        if ($body instanceof \SplFileInfo) {
            $body = LocalFile::open(LocalFile::local($body->getPathname())) ?? throw OutboundException::malformed(
                'the file in the option body cannot be opened: it is not there, it is no regular file, or this process may not',
            );
        }
        if (!is_resource($body)) {
            throw OutboundException::malformed(self::FORM);
        }
        return new self($body, self::lengthOf($body));
    }

    public function length(): ?int
    {
        return $this->length;
    }

    /**
     * The next bytes. A stream of PHP that fails looks like one that has ended.
     */
    public function read(int $max): string
    {
        $stream = $this->stream;
        if ($stream instanceof StreamInterface) {
            do {
                $bytes = $stream->read($max);
            } while ($bytes === '' && !$stream->eof());
            return $bytes;
        }
        return (string) Quiet::call(static fn () => stream_get_contents($stream, $max));
    }

    /**
     * @param resource $stream
     */
    private static function lengthOf(mixed $stream): ?int
    {
        $about = fstat($stream);
        $at = ftell($stream);
        // Only of a regular file the size is that of its bytes.
        $isFile = $about !== false && ($about['mode'] & 0170000) === 0100000;
        return $isFile && $at !== false ? max(0, $about['size'] - $at) : null;
    }
}
