<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Support\Process\FastCgiRequest;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Fpm;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Host;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Server\TokenEndpoint;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use PHPUnit\Framework\TestCase;

/**
 * The workers of a real php-fpm share tokens; the requests are counted at the token endpoint.
 *
 * @group root
 */
final class TokenCacheTest extends TestCase
{
    private static Upstream $upstream;

    private TokenEndpoint $endpoint;
    private Host $host;
    private ?Fpm $fpm = null;

    /** The directory of the token cache. */
    private string $tokens;

    /** The scripts in the workers end once this file exists. */
    private string $hold;

    public static function setUpBeforeClass(): void
    {
        self::$upstream = new Upstream();
    }

    public static function tearDownAfterClass(): void
    {
        self::$upstream->stop();
    }

    protected function setUp(): void
    {
        $this->endpoint = new TokenEndpoint(self::$upstream);
        $this->host = new Host();
        foreach (['tokens' => 0700, 'hold' => 0700] as $name => $mode) {
            $directory = $this->host->directory->path . '/' . $name;
            mkdir($directory, $mode);
            chown($directory, Fpm::USER);
        }
        $this->tokens = $this->host->directory->path . '/tokens';
        $this->hold = $this->host->directory->path . '/hold/go';
    }

    protected function tearDown(): void
    {
        $this->fpm?->stop();
        $this->host->remove();
        $this->endpoint->stop();
    }

    public function testThirtyColdWorkersMakeOneTokenRequest(): void
    {
        $this->endpoint->hold(1);
        $requests = $this->start(30);
        Poll::until(fn (): bool => $this->endpoint->requests() !== [], 'the token request');
        Poll::until(fn (): bool => count($this->begun()) === 30, 'thirty workers at work');
        $this->endpoint->release(1);
        $this->end(30);
        $answers = array_map(static fn (FastCgiRequest $request): array => $request->json(), $requests);

        self::assertCount(30, array_unique(array_column($answers, 'pid')));
        foreach ($answers as $answer) {
            self::assertSame(200, $answer['results'][0]['status'] ?? $answer['results'][0]);
            self::assertSame('Bearer token-1', $answer['results'][0]['seen']['headers']['authorization']);
        }
        self::assertCount(1, $this->endpoint->requests());
        self::assertSame('client_credentials', $this->endpoint->requests()[0]['form']['grant_type']);
    }

    public function testAKilledWorkerDoesNotBlockTheOthers(): void
    {
        $this->endpoint->hold(1);
        $requests = $this->start(6);
        Poll::until(fn (): bool => $this->endpoint->requests() !== [], 'the token request');
        Poll::until(fn (): bool => count($this->begun()) === 6, 'six workers at work');
        $renewer = $this->renewer();
        self::assertContains($renewer, $this->begun());
        self::assertCount(1, $this->endpoint->requests());
        posix_kill($renewer, SIGKILL);
        $this->end(5);
        $bodies = array_map(static fn (FastCgiRequest $request): string => $request->response(), $requests);
        $answers = array_map(static fn (string $body): mixed => json_decode($body, true), array_filter($bodies));

        self::assertCount(5, $answers);
        self::assertNotContains($renewer, array_column($answers, 'pid'));
        foreach ($answers as $answer) {
            self::assertSame(200, $answer['results'][0]['status'] ?? $answer['results'][0]);
            self::assertSame('Bearer token-2', $answer['results'][0]['seen']['headers']['authorization']);
        }
        self::assertCount(2, $this->endpoint->requests(), 'of the one that was killed, and of one of the others');
        $this->endpoint->release(1);
    }

    /**
     * Sends one request in each of this number of new workers.
     *
     * @return list<FastCgiRequest>
     */
    private function start(int $workers): array
    {
        $this->fpm = new Fpm($this->host->ini(), false, $workers);
        $request = new RequestSpec(
            'demo',
            'GET',
            new Policy(['GET']),
            self::$upstream->url(),
            '/echo',
            credentials: [$this->host->sealed('api_client', [
                'type' => 'oauth2_client_credentials',
                'client_id' => 'typo3',
                'client_secret' => 's3cr3t',
                'token_url' => $this->endpoint->url,
            ])],
        );
        $keys = [['id' => 'vault', 'provider' => 'file', 'path' => $this->host->keyFile]];
        $config = ['master_keys' => $keys, 'token_cache' => ['directory' => $this->tokens]];
        $input = (string) json_encode([
            'config' => $this->endpoint->config($config),
            'requests' => [$request->toWire()],
            'hold' => $this->hold,
        ]);
        $script = $this->host->app . '/send.php';
        return array_map(fn (): FastCgiRequest => $this->fpm->request($script, $input), range(1, $workers));
    }

    /**
     * Waits until this number of workers have their response, then lets the scripts end. Each script occupies its worker until then, so
     * no worker has run two.
     */
    private function end(int $workers): void
    {
        Poll::until(fn (): bool => count(glob($this->hold . '.[0-9]*') ?: []) === $workers, 'the answers');
        touch($this->hold);
    }

    /**
     * The workers that have begun.
     *
     * @return list<int>
     */
    private function begun(): array
    {
        $files = glob($this->hold . '.begun.*') ?: [];
        return array_map(static fn (string $file): int => (int) substr((string) strrchr($file, '.'), 1), $files);
    }

    /** The worker that holds the lease, by the kernel's list of locks: "1: POSIX ADVISORY WRITE 4711 08:01:1234 0 EOF". */
    private function renewer(): int
    {
        $inode = (int) fileinode((glob($this->tokens . '/*.lock') ?: [''])[0]);
        preg_match('/POSIX +ADVISORY +WRITE (\d+) \w+:\w+:' . $inode . ' /', file_get_contents('/proc/locks'), $match);
        return (int) ($match[1] ?? throw new \RuntimeException('Nobody holds the lease.'));
    }
}
