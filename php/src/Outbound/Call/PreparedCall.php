<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\BodySource;
use Netresearch\NrVault\Transport\Decision;
use Netresearch\NrVault\Transport\ExchangeInterface;
use Netresearch\NrVault\Transport\ExchangesInterface;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\TransportInterface;

/**
 * A call that is allowed, with its envelopes, before it is sent.
 *
 * @internal
 */
final readonly class PreparedCall
{
    /** Milliseconds between two questions to the signal. */
    private const PATIENCE = 50;

    /**
     * @param int $number among the open calls
     * @param Decision|null $decision null: the transport decides when it sends
     * @param BodySource|null $source of the body, in place of the request's own
     */
    public function __construct(
        public int $number,
        public CallRecord $record,
        #[\SensitiveParameter] private RequestSpec $request,
        private TransportInterface $transport,
        #[\SensitiveParameter] private ?Decision $decision,
        private ?BodySource $source,
        public ?CancellationSignal $signal,
    ) {
    }

    /**
     * The transport, which has to be able to have several calls at once.
     *
     * @throws OutboundException configuration.transport_unavailable
     */
    public static function exchangesOf(TransportInterface $transport): ExchangesInterface
    {
        return $transport instanceof ExchangesInterface ? $transport : throw OutboundException::create(
            'configuration.transport_unavailable',
            "the service's transport sends whole requests and collects whole responses, one after the other",
        );
    }

    /**
     * Sends the request and waits for the whole response.
     *
     * @throws OutboundException
     * @throws \Throwable what a signal handler throws while the transport sends
     */
    public function send(): ResponseSpec
    {
        $this->record->sent = 'maybe';
        if ($this->source === null && $this->signal === null) {
            return $this->transport->send($this->request, $this->decision);
        }
        $transport = self::exchangesOf($this->transport);
        $exchange = $this->begin(true);
        try {
            while (true) {
                $response = self::collected($exchange);
                if ($response !== null) {
                    return $response;
                }
                if ($this->signal?->isCancelled() === true) {
                    $exchange->cancel();
                } else {
                    $transport->wait([$exchange], self::PATIENCE);
                }
            }
        } finally {
            $exchange->end();
        }
    }

    /**
     * Begins the call.
     *
     * @param bool $isCollected whether the response is wanted as a whole
     * @throws OutboundException
     */
    public function begin(bool $isCollected): ExchangeInterface
    {
        $this->record->sent = 'maybe';
        return $this->exchanges()->start($this->request, $this->decision, $this->source, $isCollected);
    }

    public function exchanges(): ExchangesInterface
    {
        return self::exchangesOf($this->transport);
    }

    /**
     * The response of a call that was begun as a collected one; null if it is not there yet.
     *
     * @throws OutboundException
     */
    public static function collected(ExchangeInterface $exchange): ?ResponseSpec
    {
        $head = $exchange->head();
        if ($head === null) {
            return null;
        }
        $body = '';
        while (($bytes = (string) $exchange->read(PHP_INT_MAX)) !== '') {
            $body = $body === '' ? $bytes : $body . $bytes;
        }
        return new ResponseSpec($head->status, $head->httpVersion, $head->headers, $body, $exchange->end());
    }
}
