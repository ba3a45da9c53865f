<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Server;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * oidc-provider as tests/oauth/servers/oidc-provider.mjs runs it, which the Rust tests use as well, and somebody who opens its pages.
 */
final class OidcProvider
{
    public readonly string $url;

    public readonly Certificates $tls;

    /** @var resource */
    private $process;

    /** @var resource its standard input: it ends with it */
    private $input;

    public function __construct(TempDir $directory)
    {
        $this->tls = new Certificates($directory, 'oidc');
        $root = dirname(Build::php());
        $log = $directory->path . '/oidc.log';
        $process = proc_open(
            [Process::find('node'), $root . '/tests/oauth/servers/oidc-provider.mjs', $this->tls->certificate, $this->tls->key],
            [['pipe', 'r'], ['file', $log, 'w'], ['file', $log, 'a']],
            $pipes,
            null,
            [
                'PATH' => (string) getenv('PATH'),
                'NODE_MODULES' => $root . '/target/oauth-servers/npm',
                'PUBLIC_KEYS' => $root . '/tests/vectors/keys',
                'CLIENT_AUTHORITY' => $this->tls->authority,
            ],
        );
        $this->process = is_resource($process) ? $process : throw new \RuntimeException('Cannot start node.');
        $this->input = $pipes[0];
        $port = Poll::until(static function () use ($log): ?string {
            return preg_match('/^listening ([0-9]+)$/m', (string) file_get_contents($log), $found) === 1 ? $found[1] : null;
        }, 'oidc-provider; make oauth-servers fetches it');
        $this->url = 'https://localhost:' . $port;
    }

    /**
     * A configuration that allows connections to it.
     *
     * @return array<string, mixed>
     */
    public function config(): array
    {
        $port = (int) parse_url($this->url, PHP_URL_PORT);
        return [
            'version' => 1,
            'internal_hosts' => [['host' => 'localhost', 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => [$port]]],
            'tls' => ['roots' => 'file', 'ca_file' => $this->tls->authority],
        ];
    }

    /** A browser: opens a URL, follows it to wherever it leads, and returns the last page. */
    public function open(string $url): string
    {
        return $this->fetch(self::browser(), $url);
    }

    /** The same of somebody who enters the code of a device and confirms it. */
    public function enter(string $url): string
    {
        $browser = self::browser();
        $page = $this->fetch($browser, $url);
        // The page that has the code sends itself. What confirms it is sent with it.
        if (preg_match('~<form[^>]* action="([^"]+)"~', $page, $action) !== 1) {
            throw new \RuntimeException('No page for the code: ' . $page);
        }
        preg_match_all('~<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"~', $page, $found);
        $fields = array_combine($found[1], array_map(html_entity_decode(...), $found[2]));
        $page = $this->fetch($browser, html_entity_decode($action[1]), $fields + ['confirm' => 'yes']);
        return $page;
    }

    public function stop(): void
    {
        fclose($this->input);
        proc_close($this->process);
    }

    private static function browser(): \CurlHandle
    {
        $browser = curl_init();
        curl_setopt_array($browser, [CURLOPT_RETURNTRANSFER => true, CURLOPT_FOLLOWLOCATION => true, CURLOPT_COOKIEFILE => '']);
        return $browser;
    }

    /**
     * @param array<string, string>|null $form
     */
    private function fetch(\CurlHandle $browser, string $url, ?array $form = null): string
    {
        curl_setopt_array($browser, [CURLOPT_URL => $url, CURLOPT_CAINFO => $this->tls->authority, CURLOPT_HTTPGET => true]);
        if ($form !== null) {
            curl_setopt($browser, CURLOPT_POSTFIELDS, http_build_query($form));
        }
        $page = curl_exec($browser);
        return is_string($page) ? $page : throw new \RuntimeException(curl_error($browser));
    }
}
