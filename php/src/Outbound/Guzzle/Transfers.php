<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Guzzle;

use GuzzleHttp\Exception\TransferException;
use GuzzleHttp\Promise\FulfilledPromise;
use GuzzleHttp\Promise\Promise;
use GuzzleHttp\Promise\PromiseInterface;
use GuzzleHttp\Promise\Utils;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Call\ServiceMatch;
use Netresearch\NrVault\Outbound\Call\StreamedCall;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;

/**
 * The transfers of a handler. Those whose promises wait go on together, whichever of them is waited for.
 *
 * @internal
 */
final class Transfers
{
    /** Milliseconds of one wait. */
    private const STEP = 100;

    /** @var array<int, array{Transfer, Promise<ResponseInterface, mixed>}> */
    private array $open = [];

    public function __construct(private readonly ServiceCalls $calls, private readonly ServiceMatch $match)
    {
    }

    /**
     * @param string $id of a service below whose base URL the request's is
     * @param bool $isNamed whether the request says that it is for this service
     * @param array<mixed> $options
     * @return PromiseInterface<ResponseInterface, mixed>
     */
    public function send(
        string $id,
        bool $isNamed,
        #[\SensitiveParameter] RequestInterface $request,
        #[\SensitiveParameter] array $options,
    ): PromiseInterface {
        $transfer = new Transfer($this->calls, new Redirects($this->match, $id, $isNamed), $id, $request, $options);
        try {
            $transfer->prepare();
            if (!$transfer->isBesideOthers()) {
                return new FulfilledPromise($transfer->whole());
            }
        } catch (TransferException $failure) {
            return Failures::rejection($failure);
        }
        $key = spl_object_id($transfer);
        /** @var Promise<ResponseInterface, mixed> $promise */
        $promise = new Promise(
            function () use ($key): void {
                $this->wait($key);
            },
            function () use ($key, $transfer): void {
                unset($this->open[$key]);
                $transfer->cancel();
            },
        );
        $this->open[$key] = [$transfer, $promise];
        $this->advance($key);
        return $promise;
    }

    private function wait(int $key): void
    {
        while (isset($this->open[$key])) {
            $calls = [];
            $milliseconds = self::STEP;
            foreach ($this->open as [$transfer]) {
                $call = $transfer->call();
                if ($call === null) {
                    $milliseconds = min($milliseconds, (int) ceil($transfer->delay() * 1000));
                } else {
                    $calls[] = $call;
                }
            }
            if ($calls === []) {
                usleep($milliseconds * 1000);
            } else {
                StreamedCall::waitFor($calls, $milliseconds);
            }
            foreach (array_keys($this->open) as $each) {
                $this->advance($each);
            }
            // What waits for one of them, a redirect for example, begins meanwhile.
            Utils::queue()->run();
        }
    }

    private function advance(int $key): void
    {
        [$transfer, $promise] = $this->open[$key] ?? [null, null];
        if ($transfer === null || $promise === null) {
            return;
        }
        try {
            $response = $transfer->advance();
            if ($response !== null) {
                unset($this->open[$key]);
                $promise->resolve($response);
            }
        } catch (\Throwable $failure) {
            unset($this->open[$key]);
            $promise->reject($failure);
        }
    }
}
