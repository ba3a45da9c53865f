<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Sidecar;
use Netresearch\NrVault\Transport\BodySource;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Decision;
use Netresearch\NrVault\Transport\ExchangeInterface;
use Netresearch\NrVault\Transport\ExchangesInterface;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\Sidecar\SidecarTransport;

/**
 * SidecarTransport and a daemon of its own: what of a request belongs to the daemon is written into its registry before the request
 * is made, as an administrator does.
 */
final class RegisteredTransport implements ExchangesInterface
{
    private ?Sidecar $sidecar = null;

    private SidecarTransport $transport;

    private readonly int $maker;

    /** Wrapped, so that no dump shows key material. */
    private readonly \SensitiveParameterValue $config;

    /**
     * @param array<string, mixed> $config of the daemon's engine
     */
    public function __construct(#[\SensitiveParameter] array $config)
    {
        $this->config = new \SensitiveParameterValue($config);
        $this->maker = (int) getmypid();
    }

    public function __destruct()
    {
        // A forked child leaves the daemon of its parent alone.
        if (getmypid() === $this->maker) {
            $this->sidecar?->stop();
        }
    }

    /**
     * Starts the daemon, if it does not run.
     *
     * @throws OutboundException what it says of its configuration
     */
    public function open(): void
    {
        if ($this->sidecar === null) {
            try {
                // With one thread, what a server has done to a connection is seen before the next call on it.
                $environment = ['TOKIO_WORKER_THREADS' => '1'] + getenv();
                $this->sidecar = new Sidecar($this->config->getValue(), [], environment: $environment);
            } catch (OutboundException $refusal) {
                throw self::shortened($refusal);
            }
            $defaults = $this->config->getValue()['defaults'] ?? [];
            $this->transport = new SidecarTransport(['defaults' => $defaults] + $this->sidecar->config());
        }
    }

    public function decide(
        #[\SensitiveParameter] RequestSpec $request,
        array $references = [],
        ?int $bodyLength = null,
    ): Decision {
        $references = $references === [] ? $request->references() : $references;
        return $this->registered($request, $references)->decide($request, $references, $bodyLength);
    }

    public function send(
        #[\SensitiveParameter] RequestSpec $request,
        #[\SensitiveParameter] ?Decision $decided = null,
    ): ResponseSpec {
        return $this->registered($request, $request->references())->send($request, $decided);
    }

    public function start(
        #[\SensitiveParameter] RequestSpec $request,
        #[\SensitiveParameter] ?Decision $decided = null,
        ?BodySource $body = null,
        bool $isCollected = false,
    ): ExchangeInterface {
        $transport = $this->registered($request, $request->references());
        return $transport->start($request, $decided, $body, $isCollected);
    }

    public function wait(array $exchanges, int $milliseconds): array
    {
        return $this->transport->wait($exchanges, $milliseconds);
    }

    /**
     * Writes the service of a request, and its envelopes, into the daemon's registry.
     *
     * @param list<CredentialReference> $references
     * @throws OutboundException what the daemon says of them
     */
    private function registered(#[\SensitiveParameter] RequestSpec $request, array $references): SidecarTransport
    {
        $entry = json_decode($request->serviceHead($references), false, 512, JSON_THROW_ON_ERROR);
        unset($entry->version, $entry->service_id);
        $envelopes = [];
        foreach ($request->credentials as $credential) {
            $envelopes[$credential->reference->identifier] = $credential->sealed;
        }
        $this->open();
        try {
            $this->sidecar?->serve([$request->serviceId => $entry], $envelopes);
        } catch (OutboundException $refusal) {
            throw self::shortened($refusal);
        }
        return $this->transport;
    }

    /** What a daemon says of a part of its configuration, without the place of that part. */
    private static function shortened(OutboundException $refusal): OutboundException
    {
        $reason = (string) preg_replace('/^(outbound|services\.[^:]*): /', '', $refusal->reason());
        return OutboundException::create($refusal->errorCode(), $reason);
    }
}
