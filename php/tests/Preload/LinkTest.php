<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Worker;
use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * Files behind symbolic links that another process changes while a php-fpm worker runs, as Kubernetes does with secrets and a deployment
 * with its link "current": the next call uses the new files.
 *
 * @group root
 */
final class LinkTest extends WorkerTestCase
{
    private TempDir $directory;

    protected function setUp(): void
    {
        $this->directory = new TempDir('links');
        // Two links in a row: the one that changes is not part of the path that PHP is given.
        symlink('now', $this->directory->path . '/current');
        foreach (['old', 'new'] as $release) {
            $this->lay($release);
        }
    }

    protected function tearDown(): void
    {
        parent::tearDown();
        $this->directory->remove();
    }

    /**
     * @return array<string, array{string}>
     */
    public static function transports(): array
    {
        return ['the library' => ['rust'], 'PHP' => ['php']];
    }

    /**
     * @dataProvider transports
     */
    public function testTheNextCallReadsWhatTheLinksLeadTo(string $transport): void
    {
        $this->worker = new Worker(self::$upstream, extensions: ['curl', 'sockets']);
        $this->point('old');
        $before = $this->call($transport);
        self::assertSame('Bearer tok-old', $before['headers']['authorization'] ?? $before);
        $this->point('new', 'rm -r old');
        $after = $this->call($transport);

        self::assertSame($before['pid'], $after['pid']);
        self::assertSame('new', $after['headers']['x-release'] ?? $after);
        self::assertSame('Bearer tok-new', $after['headers']['authorization']);
        $records = (string) file_get_contents($this->directory->path . '/new/log/audit.jsonl');
        self::assertSame(1, substr_count($records, "\n"));
    }

    /**
     * @return array<string, mixed>
     */
    private function call(string $transport): array
    {
        $input = ['directory' => $this->directory->path . '/current', 'transport' => $transport];
        $answer = $this->worker->run('linked.php', (string) json_encode($input))->json();
        self::assertSame($transport === 'php' ? 'php' : 'rust-ffi', $answer['transport'] ?? $answer);
        return $answer;
    }

    /** Changes the link in another process, because PHP clears its own cache of paths when it changes a file itself. */
    private function point(string $release, string $then = 'true'): void
    {
        $script = 'cd "$0" && ln -s ' . $release . ' .next && mv -T .next now && ' . $then;
        $result = Process::run(['/bin/sh', '-c', $script, $this->directory->path]);
        self::assertSame(0, $result['code'], $result['output']);
    }

    /** Writes the files of one release. No file of one release works with the files of another. */
    private function lay(string $release): void
    {
        $key = random_bytes(32);
        $credential = ['identifier' => 'my_api_key', 'type' => 'bearer'];
        $service = [
            'base_url' => self::$upstream->url(),
            'policy' => ['allowed_methods' => ['GET']],
            'headers' => ['x-release' => $release],
            'credentials' => [$credential],
        ];
        $current = $this->directory->path . '/current';
        $config = [
            'master_keys' => [['provider' => 'file', 'path' => $current . '/vault.key']],
            'tls' => ['roots' => 'file', 'ca_file' => $current . '/ca.pem'],
        ];
        $token = (string) json_encode(['type' => 'bearer', 'token' => 'tok-' . $release]);
        $files = [
            'transport.json' => json_encode(self::$upstream->config($config)),
            'services.json' => json_encode(['version' => 1, 'services' => [
                'rust' => $service + ['transport' => 'rust'],
                'php' => $service + ['transport' => 'php'],
            ]]),
            'vault.key' => $key,
            'ca.pem' => file_get_contents(self::$upstream->tls->authority),
            'vault/my_api_key' => (new Sealer($key))->seal('my_api_key', $token),
            'log/readme' => '',
        ];
        foreach ($files as $name => $contents) {
            $this->directory->write($release . '/' . $name, (string) $contents);
        }
        chmod($this->directory->path . '/' . $release . '/log', 0777);
    }
}
