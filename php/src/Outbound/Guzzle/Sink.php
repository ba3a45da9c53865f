<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Guzzle;

use GuzzleHttp\Psr7\FnStream;
use GuzzleHttp\Psr7\LazyOpenStream;
use GuzzleHttp\Psr7\Utils;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\StreamInterface;

/**
 * Guzzle's option sink: where the body of a response goes.
 *
 * @internal
 */
final class Sink
{
    /**
     * The response with the sink as its body; without a sink, the response as it is.
     */
    public static function fill(
        #[\SensitiveParameter] RequestInterface $request,
        #[\SensitiveParameter] ResponseInterface $response,
        mixed $sink,
    ): ResponseInterface {
        if ($sink === null) {
            return $response;
        }
        $stream = self::stream($sink) ?? throw Failures::of(
            $request,
            OutboundException::create('invalid_request.malformed', 'the option sink is no file, resource or stream', sent: 'yes'),
            $response,
        );
        try {
            Utils::copyToStream($response->getBody(), $stream);
            if ($stream->isSeekable()) {
                $stream->rewind();
            }
        } catch (\RuntimeException $thrown) {
            throw Failures::request($request, 'the sink does not take the body', $response, $thrown);
        }
        return $response->withBody($stream);
    }

    private static function stream(mixed $sink): ?StreamInterface
    {
        if ($sink instanceof StreamInterface) {
            return $sink;
        }
        if (is_string($sink)) {
            return new LazyOpenStream($sink, 'w+');
        }
        if (!is_resource($sink)) {
            return null;
        }
        // It is the caller's, so it is not closed together with the stream.
        $stream = Utils::streamFor($sink);
        return FnStream::decorate($stream, ['close' => static fn () => $stream->detach()]);
    }
}
