<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support;

use Netresearch\NrVault\Outbound\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\SealedCredential;

/**
 * A host: an installation, php-fpm, an upstream, a master key in a file, and scripts that send through the transport.
 */
final class Worker
{
    /** The three bindings that are documented: title => [unprivileged master, FFI::load in the preload script]. */
    public const BINDINGS = [
        'ffi.preload under a root master' => [false, false],
        'ffi.preload under an unprivileged master' => [true, false],
        'FFI::load under an unprivileged master' => [true, true],
    ];

    public readonly Installation $installation;
    public readonly Fpm $fpm;
    public readonly string $app;
    public readonly TempDir $directory;
    private readonly \SensitiveParameterValue $masterKey;
    private readonly string $keyFile;

    /**
     * @param array<string, string|null> $ini replaces settings; a null value removes one
     */
    public function __construct(
        private readonly Upstream $upstream,
        bool $unprivileged = false,
        bool $load = false,
        int $workers = 1,
        array $ini = [],
    ) {
        $this->directory = new TempDir('host');
        chmod($this->directory->path, 0755);
        $this->installation = new Installation($this->directory);
        $this->app = $this->installation->copyTree(dirname(__DIR__) . '/Preload/app', 'app');
        $this->masterKey = new \SensitiveParameterValue(random_bytes(32));
        $this->keyFile = $this->directory->write('vault.key', base64_encode($this->masterKey->getValue()), 0400);
        chown($this->keyFile, Fpm::USER);
        $binding = $load ? [] : ['ffi.preload' => $this->installation->header];
        $this->fpm = new Fpm(
            array_filter(
                $ini + $binding + [
                    'opcache.preload' => $this->installation->php . '/preload.php',
                    'opcache.preload_user' => Fpm::USER,
                ],
                static fn (?string $value): bool => $value !== null,
            ),
            $unprivileged,
            $workers,
            $load ? ['SECURE_OUTBOUND_HEADER' => $this->installation->header] : [],
        );
    }

    /**
     * Input for app/send.php: so many requests with a sealed bearer token to the path.
     */
    public function input(int $count = 1, ?string $hold = null, string $path = '/echo', #[\SensitiveParameter] string $token = 'tok-7f3a'): string
    {
        $identifier = 'my_api_key';
        $sealed = (new Sealer($this->masterKey->getValue()))
            ->seal($identifier, (string) json_encode(['type' => 'bearer', 'token' => $token]));
        $request = new RequestSpec(
            'demo',
            'POST',
            new Policy(['POST'], allowedPaths: ['/v1/echo']),
            $this->upstream->url(),
            $path,
            body: '{"a":1}',
            credentials: [new SealedCredential($identifier, SealedCredential::BEARER, $sealed)],
        );
        $wire = $request->toWire();
        return (string) json_encode([
            'config' => $this->upstream->config([
                'master_keys' => [['id' => 'vault', 'provider' => 'file', 'path' => $this->keyFile]],
            ]),
            'requests' => array_fill(0, $count, $wire),
            'hold' => $hold,
        ]);
    }

    /**
     * Sends from a worker and returns what app/send.php tells.
     *
     * @return array{pid: int, sapi: string, results: list<array<string, mixed>>}
     */
    public function send(int $count = 1, string $path = '/echo'): array
    {
        return $this->fpm->request($this->app . '/send.php', $this->input($count, path: $path))->json();
    }

    /** The inode of the library that a process has mapped. */
    public static function mappedLibrary(int $pid): int
    {
        $maps = (string) file_get_contents('/proc/' . $pid . '/maps');
        if (preg_match('/ (\d+) +\S*libsecure_outbound\.so/', $maps, $match) !== 1) {
            throw new \RuntimeException('The process maps no library.');
        }
        return (int) $match[1];
    }

    public function stop(): void
    {
        $this->fpm->stop();
        $this->directory->remove();
    }
}
