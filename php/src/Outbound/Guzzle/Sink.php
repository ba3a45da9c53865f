<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Guzzle;

use GuzzleHttp\Psr7\FnStream;
use GuzzleHttp\Psr7\LazyOpenStream;
use GuzzleHttp\Psr7\Utils;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Psr\Http\Message\StreamInterface;

/**
 * Guzzle's option sink: where the body of a response goes.
 *
 * @internal
 */
final class Sink
{
    /**
     * @return StreamInterface|null null if none is set
     * @throws OutboundException invalid_request.malformed
     */
    public static function of(mixed $sink): ?StreamInterface
    {
        if ($sink === null || $sink instanceof StreamInterface) {
            return $sink;
        }
        if (is_string($sink)) {
            return new LazyOpenStream($sink, 'w+');
        }
        if (!is_resource($sink)) {
            throw OutboundException::create('invalid_request.malformed', 'the option sink is no file, resource or stream', sent: 'yes');
        }
        // It is the caller's, so it is not closed together with the stream.
        $stream = Utils::streamFor($sink);
        return FnStream::decorate($stream, ['close' => static fn () => $stream->detach()]);
    }

    /**
     * @throws OutboundException invalid_request.malformed if it does not take all bytes
     */
    public static function write(StreamInterface $sink, #[\SensitiveParameter] string $bytes): void
    {
        try {
            while ($bytes !== '') {
                $count = $sink->write($bytes);
                if ($count < 1) {
                    break;
                }
                $bytes = substr($bytes, $count);
            }
        } catch (\RuntimeException) {
            // What is left says so.
        }
        if ($bytes !== '') {
            throw OutboundException::create('invalid_request.malformed', 'the sink does not take the body', sent: 'yes');
        }
    }
}
