<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Process;

/**
 * One request to php-fpm through cgi-fcgi. It runs in parallel until response() waits for its end.
 */
final class FastCgiRequest
{
    /** @var resource */
    private $handle;

    /** @var resource */
    private $output;

    public function __construct(string $socket, string $script, #[\SensitiveParameter] string $body)
    {
        $in = tmpfile();
        fwrite($in, $body);
        rewind($in);
        $this->output = tmpfile();
        $handle = proc_open(
            [Process::find('cgi-fcgi'), '-bind', '-connect', $socket],
            [$in, $this->output, $this->output],
            $pipes,
            null,
            [
                'GATEWAY_INTERFACE' => 'CGI/1.1',
                'SERVER_PROTOCOL' => 'HTTP/1.1',
                'REQUEST_METHOD' => $body === '' ? 'GET' : 'POST',
                'REQUEST_URI' => '/' . basename($script),
                'SCRIPT_NAME' => '/' . basename($script),
                'SCRIPT_FILENAME' => $script,
                'QUERY_STRING' => '',
                'CONTENT_TYPE' => 'application/octet-stream',
                'CONTENT_LENGTH' => (string) strlen($body),
            ],
        );
        $this->handle = $handle ?: throw new \RuntimeException('Cannot start cgi-fcgi.');
    }

    /** Waits for the end of the request and returns the body of the response. */
    public function response(): string
    {
        proc_close($this->handle);
        return $this->written();
    }

    /** What is there of the body. */
    public function written(): string
    {
        // Not through the handle, whose place in the file is the program's too.
        $output = (string) file_get_contents(stream_get_meta_data($this->output)['uri']);
        return explode("\r\n\r\n", $output, 2)[1] ?? '';
    }

    /** Waits until this is there. */
    public function waitFor(string $text): void
    {
        Poll::until(fn (): bool => str_contains($this->written(), $text), '"' . $text . '" in: ' . $this->written());
    }

    /**
     * @return array<string, mixed>
     */
    public function json(): array
    {
        $body = $this->response();
        return json_decode($body, true) ?? throw new \RuntimeException('The script answered: ' . $body);
    }
}
