<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Stream;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\System\Quiet;
use Psr\Http\Message\StreamInterface;

/**
 * Where the body of a response is written.
 *
 * @internal
 */
final readonly class Sink
{
    private const PIECE = 1 << 16;

    /**
     * @param string|resource|StreamInterface $target
     */
    private function __construct(private mixed $target)
    {
    }

    /**
     * Reads the option: the path of a local file, an open stream, or a PSR-7 stream. Nothing is opened.
     *
     * @throws OutboundException invalid_request.malformed
     */
    public static function of(mixed $sink): self
    {
        if (is_string($sink) && $sink !== '' && !str_contains($sink, '://') && !str_contains($sink, "\0")) {
            return new self($sink);
        }
        if (is_resource($sink) || $sink instanceof StreamInterface && $sink->isWritable()) {
            return new self($sink);
        }
        throw OutboundException::malformed(
            'the option sink is no path of a local file, no open stream and no PSR-7 stream that can be written',
        );
    }

    /**
     * Writes the body. A file is opened now, and what was in it is gone.
     *
     * @throws OutboundException why the body is not whole, or could not be written
     */
    public function take(StreamedResponse $response): void
    {
        $target = $this->target;
        if (is_string($target)) {
            $path = LocalFile::local($target);
            $target = Quiet::call(static fn () => fopen($path, 'w'));
            if ($target === false) {
                throw $response->refuse(OutboundException::malformed('the file of the option sink cannot be opened'));
            }
        }
        try {
            while (($bytes = $response->body()->read(self::PIECE)) !== '') {
                if (!self::write($target, $bytes)) {
                    throw $response->refuse(OutboundException::malformed('the sink takes no more bytes'));
                }
            }
        } finally {
            if (is_resource($target) && is_string($this->target)) {
                fclose($target);
            }
        }
    }

    /**
     * @param resource|StreamInterface $target
     */
    private static function write(mixed $target, #[\SensitiveParameter] string $bytes): bool
    {
        while ($bytes !== '') {
            $written = $target instanceof StreamInterface
                ? $target->write($bytes)
                : Quiet::call(static fn () => fwrite($target, $bytes));
            if (!is_int($written) || $written < 1) {
                return false;
            }
            $bytes = substr($bytes, $written);
        }
        return true;
    }
}
