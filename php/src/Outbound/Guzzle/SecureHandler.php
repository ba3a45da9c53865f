<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Guzzle;

use GuzzleHttp\Promise\PromiseInterface;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Call\ServiceMatch;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Psr18\MessageHeaders;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;

/**
 * A handler of Guzzle, so that the calls of an SDK use the policies, the credentials and the audit log of the services that it is
 * made for, and nothing else is sent:
 *
 *     new Client(['handler' => HandlerStack::create(new SecureHandler($calls, ['my-api']))])
 *
 * @api
 */
final readonly class SecureHandler
{
    /** A request option: the id of the service that the request is for. */
    public const SERVICE = 'secure_outbound_service';

    private ServiceMatch $match;
    private Transfers $transfers;

    /**
     * @param list<string> $services ids; a request belongs to the one with the longest base path that its URL is below
     * @throws OutboundException invalid_request.malformed if no service is named
     */
    public function __construct(ServiceCalls $calls, array $services)
    {
        $this->match = new ServiceMatch($calls, $services);
        $this->transfers = new Transfers($calls, $this->match);
    }

    /**
     * @param array<mixed> $options
     * @return PromiseInterface<ResponseInterface, mixed>
     */
    public function __invoke(
        #[\SensitiveParameter] RequestInterface $request,
        #[\SensitiveParameter] array $options,
    ): PromiseInterface {
        try {
            $url = (string) $request->getUri()->withFragment('');
            $id = self::named($this->match, $request, $options);
            $service = $id === null ? $this->match->byUrl($url) : $this->match->named($id, $url);
            return $this->transfers->send($service->id, $id !== null, $request, $options);
        } catch (OutboundException $refusal) {
            return Failures::rejection(Failures::of($request, $refusal));
        }
    }

    /**
     * The service that a request says it is for, by its option or by a placeholder.
     *
     * @internal
     * @param array<mixed> $options
     * @return string|null null if it does not say
     * @throws OutboundException invalid_request.malformed
     */
    public static function named(
        ServiceMatch $match,
        #[\SensitiveParameter] RequestInterface $request,
        #[\SensitiveParameter] array $options,
    ): ?string {
        $id = $options[self::SERVICE] ?? null;
        if ($id !== null) {
            return is_string($id) ? $id : throw OutboundException::malformed('the option ' . self::SERVICE . ' is no string');
        }
        $body = $request->getBody();
        return $match->placeholder(
            MessageHeaders::of($request, 0),
            static fn (): string => $body->isSeekable() ? (string) $body : '',
        );
    }
}
