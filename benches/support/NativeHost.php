<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Benches;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;

/**
 * A host in C (benches/native/host.c) that makes a POST over HTTP/2 with a sealed bearer token again and again.
 */
final class NativeHost
{
    public const HTTP = '2';
    public const BODY = '{"amount":100,"currency":"eur","description":"a note of some length"}';

    private readonly string $program;

    public function __construct(private readonly Api $api)
    {
        $this->program = $this->api->directory->path . '/host.bin';
        $line = ['cc', '-std=c99', '-O2', '-Wall', '-Wextra', '-Werror', '-pthread', '-I', dirname(Build::header())];
        // The loader searches for the library by the name inside it, which need not be that of its file.
        $link = [Build::library(), '-Wl,-rpath,' . dirname(Build::library())];
        self::output([...$line, dirname(__DIR__) . '/native/host.c', ...$link, '-o', $this->program]);
    }

    /**
     * The command that makes calls.
     *
     * @param bool $isDecided whether secure_outbound_decide is called first, with the document of the service
     * @param int|null $threads which make the calls together, after one each; then the output is the nanoseconds of them all
     * @return non-empty-list<string>
     */
    public function command(int $calls, bool $isDecided, ?int $threads = null): array
    {
        $service = [
            'version' => 1,
            'service_id' => 'bench',
            'base_url' => $this->api->url(self::HTTP),
            'credentials' => [['identifier' => 'api_key', 'type' => 'bearer']],
            'policy' => Api::POLICY,
        ];
        $request = [
            'version' => 1,
            'method' => 'POST',
            'path' => '/charges/1',
            'headers' => [['content-type', 'application/json']],
        ];
        $json = static fn (array $document): string => json_encode($document, JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);
        return [
            $this->program,
            $json($this->api->configuration()),
            $isDecided ? $json($service) : '',
            $json($isDecided ? $request : $request + $service),
            self::BODY,
            $this->api->envelope,
            (string) $calls,
            ...$threads === null ? [] : [(string) $threads],
        ];
    }

    /**
     * What a command prints, which has to succeed.
     *
     * @param non-empty-list<string> $command
     * @param array<string, string> $environment
     */
    public static function output(array $command, array $environment = [], #[\SensitiveParameter] string $input = ''): string
    {
        $result = Process::run($command, $environment, $input);
        if ($result['code'] !== 0) {
            throw new \RuntimeException(basename($command[0]) . ': ' . $result['output']);
        }
        return $result['output'];
    }
}
