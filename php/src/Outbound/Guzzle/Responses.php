<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Guzzle;

use GuzzleHttp\Psr7\HttpFactory;
use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Psr\Http\Message\ResponseFactoryInterface;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\StreamFactoryInterface;
use Psr\Http\Message\StreamInterface;

/**
 * Responses by the factories that a request's options have, or by Guzzle's.
 *
 * @phpstan-import-type AuditRecord from AuditEntry
 * @internal
 */
final class Responses
{
    /**
     * A response without a body.
     *
     * @param array<mixed> $options
     * @param list<array{string, string}> $headers
     * @param AuditRecord|null $record of the call, if it has ended
     * @throws OutboundException protocol.invalid
     */
    public static function of(
        #[\SensitiveParameter] array $options,
        int $status,
        string $httpVersion,
        #[\SensitiveParameter] array $headers,
        ?array $record = null,
    ): ResponseInterface {
        try {
            $response = self::factory($options)->createResponse($status)->withProtocolVersion($httpVersion);
            foreach ($headers as [$name, $value]) {
                $response = $response->withAddedHeader($name, $value);
            }
            return $response;
        } catch (\InvalidArgumentException) {
            // Guzzle takes no status above 599.
            throw OutboundException::create(
                'protocol.invalid',
                'the response has a status or a header that PSR-7 does not take',
                sent: 'yes',
                httpStatus: $status,
                auditRecord: $record,
            );
        }
    }

    /**
     * A response without a body, if a failure came after the status.
     *
     * @param array<mixed> $options
     */
    public static function begun(#[\SensitiveParameter] array $options, OutboundException $failure): ?ResponseInterface
    {
        $status = $failure->httpStatus();
        return $status === null || $status > 599 ? null : self::factory($options)->createResponse($status);
    }

    /**
     * @param array<mixed> $options
     */
    public static function stream(#[\SensitiveParameter] array $options, #[\SensitiveParameter] string $bytes): StreamInterface
    {
        $streams = $options['stream_factory'] ?? null;
        return ($streams instanceof StreamFactoryInterface ? $streams : new HttpFactory())->createStream($bytes);
    }

    /**
     * @param array<mixed> $options
     */
    private static function factory(#[\SensitiveParameter] array $options): ResponseFactoryInterface
    {
        $responses = $options['response_factory'] ?? null;
        return $responses instanceof ResponseFactoryInterface ? $responses : new HttpFactory();
    }
}
