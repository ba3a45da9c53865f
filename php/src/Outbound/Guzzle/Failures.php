<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Guzzle;

use GuzzleHttp\Exception\ConnectException;
use GuzzleHttp\Exception\ConnectTimeoutException;
use GuzzleHttp\Exception\NetworkException;
use GuzzleHttp\Exception\NetworkTimeoutException;
use GuzzleHttp\Exception\RequestException;
use GuzzleHttp\Exception\ResponseException;
use GuzzleHttp\Exception\ResponseTimeoutException;
use GuzzleHttp\Exception\ResponseTransferException;
use GuzzleHttp\Exception\TransferException;
use GuzzleHttp\Promise\Promise;
use GuzzleHttp\Promise\PromiseInterface;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Exception\TransferFailed;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;

/**
 * The exceptions of the installed version of Guzzle for those of the library, which are their previous ones. A refusal is a
 * RequestException and never one of the network, so that nothing attempts it again.
 *
 * @internal
 */
final class Failures
{
    /**
     * @param ResponseInterface|null $response whose status was received before the failure
     */
    public static function of(
        #[\SensitiveParameter] RequestInterface $request,
        OutboundException $failure,
        #[\SensitiveParameter] ?ResponseInterface $response = null,
    ): TransferException {
        $message = $failure->getMessage();
        if (!$failure instanceof TransferFailed || $failure->errorClass() === 'internal') {
            return self::request($request, $message, $response, $failure);
        }
        $code = $failure->errorCode();
        $arguments = ['message' => $message, 'request' => $request, 'previous' => $failure];
        // Guzzle 7 has one class for what ended before a response.
        if (!class_exists(NetworkException::class)) {
            return $response === null
                ? new ConnectException(...$arguments)
                : self::request($request, $message, $response, $failure);
        }
        if ($response !== null) {
            return $failure->errorClass() === 'timeout'
                ? new ResponseTimeoutException(...$arguments, response: $response)
                : new ResponseTransferException(...$arguments, response: $response);
        }
        return match (true) {
            $code === 'timeout.connect' => new ConnectTimeoutException(...$arguments),
            $failure->errorClass() === 'timeout' => new NetworkTimeoutException(...$arguments),
            in_array($failure->errorClass(), ['dns', 'connect', 'tls'], true) => new ConnectException(...$arguments),
            default => new NetworkException(...$arguments),
        };
    }

    /**
     * @return PromiseInterface<ResponseInterface, mixed> that is rejected with this failure
     */
    public static function rejection(TransferException $failure): PromiseInterface
    {
        /** @var Promise<ResponseInterface, mixed> $promise */
        $promise = new Promise();
        $promise->reject($failure);
        return $promise;
    }

    /**
     * A failure that is none of the network, with the response if there is one.
     */
    public static function request(
        #[\SensitiveParameter] RequestInterface $request,
        string $message,
        #[\SensitiveParameter] ?ResponseInterface $response = null,
        ?\Throwable $previous = null,
    ): RequestException {
        $arguments = ['message' => $message, 'request' => $request, 'previous' => $previous];
        if ($response === null) {
            return new RequestException(...$arguments);
        }
        $class = class_exists(ResponseException::class) ? ResponseException::class : RequestException::class;
        // In Guzzle 7, it is the RequestException that has a response.
        return (new \ReflectionClass($class))->newInstanceArgs($arguments + ['response' => $response]);
    }
}
