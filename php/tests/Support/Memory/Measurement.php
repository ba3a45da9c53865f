<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Memory;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Fpm;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Worker;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * A php-fpm worker that gets sealed secrets, and the search for these in its memory by another process. That process seals them, so the
 * worker gets them only inside envelopes.
 */
final class Measurement
{
    /** Little shared memory for opcache, because every core file contains it. */
    private const INI = ['opcache.memory_consumption' => '16', 'opcache.interned_strings_buffer' => '4'];

    /** The extensions that the other clients need. */
    private const EXTENSIONS = ['curl', 'sodium', 'sockets'];

    public readonly Upstream $upstream;
    public readonly Worker $worker;
    public readonly Canaries $canaries;
    public readonly Calls $calls;

    /** @var array<string, mixed> the configuration of the library */
    public readonly array $config;

    public readonly string $keyFile;

    /** The results of all calls so far, as PHP got them, and what it logged. */
    public string $told = '';

    /** The process ID of the worker; 0 before the first request. */
    public int $pid = 0;

    /**
     * @param string $http version of HTTP that the API speaks, "1.1" or "2"
     */
    public function __construct(private readonly string $http)
    {
        $this->upstream = new Upstream();
        $this->worker = new Worker($this->upstream, ini: self::INI, extensions: self::EXTENSIONS);
        $this->canaries = Canaries::make();
        $closed = Port::free();
        $this->calls = new Calls($this->canaries, $this->upstream->url($http), 'https://localhost:' . $closed . '/v1');
        $key = base64_encode($this->canaries->key(Calls::MASTER_KEY));
        $this->keyFile = $this->worker->host->directory->write('memory.key', $key, 0400);
        chown($this->keyFile, Fpm::USER);
        $config = $this->upstream->config(
            ['master_keys' => [['id' => 'memory', 'provider' => 'file', 'path' => $this->keyFile]]],
        );
        $config['internal_hosts'][0]['ports'][] = $closed;
        $this->config = $config;
    }

    /**
     * Sends through the library in the worker.
     *
     * @param array<string, RequestSpec> $requests
     * @return array<string, int|string> statuses and codes by the names of the requests
     */
    public function send(array $requests): array
    {
        $wire = array_map(static fn (RequestSpec $request): array => $request->toWire(), $requests);
        $answer = $this->run('memory.php', ['config' => $this->config, 'requests' => $wire]);
        return array_map(static fn (array $result): int|string => $result['outcome'], $answer['results']);
    }

    /**
     * Runs a script of the host in the worker.
     *
     * @param array<string, mixed> $input
     * @return array<string, mixed>
     */
    public function run(string $script, array $input): array
    {
        $answer = $this->worker->run($script, (string) json_encode($input))->response();
        $this->told .= $answer;
        $decoded = json_decode($answer, true) ?? throw new \RuntimeException('The script answered: ' . $answer);
        $this->pid = $decoded['pid'];
        return $decoded;
    }

    /**
     * Makes five calls with a bearer token through another client; app/peer.php opens the envelope with the master key's file.
     *
     * @param string $client see app/peer.php
     * @return array{list<Copy>, list<Copy>} copies in the worker while the client exists, and after the PHP request
     */
    public function peer(string $client): array
    {
        $hold = $this->worker->host->directory->write('hold/go', '');
        chmod(dirname($hold), 0777);
        $credential = $this->calls->typed('token', CredentialReference::BEARER, 'token');
        $request = $this->worker->run('peer.php', (string) json_encode([
            'client' => $client,
            'http' => $this->http,
            'url' => $this->upstream->url($this->http) . '/bytes/3',
            'authority' => $this->upstream->tls->authority,
            'key_file' => $this->keyFile,
            'identifier' => $credential->reference->identifier,
            'sealed' => $credential->sealed,
            'hold' => $hold,
            'config' => $this->config,
            'request' => $this->calls->request([$credential], body: 'a=1')->toWire(),
        ]));
        $this->pid = (int) Poll::until(static fn(): string|false => @file_get_contents($hold . '.held'), 'five calls');
        $open = $this->inMemory();
        unlink($hold);
        $statuses = $request->json()['statuses'];
        if ($statuses !== [201, 201, 201, 201, 201]) {
            throw new \RuntimeException('The API answered ' . json_encode($statuses));
        }
        return [$open, $this->inMemory()];
    }

    /**
     * Stops the API, which closes every connection, and makes one more call, so that the library notices it.
     *
     * @return array<string, int|string> the outcome of that call
     */
    public function hangUp(): array
    {
        $this->upstream->nginx->stop();
        return $this->send(['plain' => $this->calls->plain()]);
    }

    /**
     * @return list<Copy> copies in the memory of the worker
     */
    public function inMemory(): array
    {
        return (new Search($this->canaries))->in(Image::ofProcess($this->pid));
    }

    /**
     * @return list<Copy> copies in a core file of the worker
     */
    public function inCore(): array
    {
        $file = $this->worker->host->directory->path . '/core';
        try {
            return (new Search($this->canaries))->in(Image::dump($this->pid, $file));
        } finally {
            @unlink($file);
        }
    }

    /**
     * @return list<string> names of the secrets that are in $told or in the logs
     */
    public function inTexts(): array
    {
        return (new Search($this->canaries))->inText($this->told . $this->worker->fpm->log());
    }

    public function stop(): void
    {
        $this->worker->stop();
        $this->upstream->stop();
    }
}
