<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\System\Quiet;

/**
 * Sends requests to php-fpm as a web server does, each on a connection of its own.
 *
 * @internal
 */
final class FastCgiClient
{
    private const VERSION = 1;
    private const BEGIN_REQUEST = 1;
    private const END_REQUEST = 3;
    private const PARAMS = 4;
    private const STDIN = 5;
    private const STDOUT = 6;
    private const STDERR = 7;

    /** The id of the only request on the connection. */
    private const ID = 1;
    private const RESPONDER = 1;
    private const MAX_CONTENT = 65_535;
    private const MAX_ANSWER = 1_048_576;

    /**
     * @param string $address path of a Unix socket, or "host:port"
     */
    public function __construct(private readonly string $address, private readonly float $seconds = 10.0)
    {
    }

    /**
     * Runs a script.
     *
     * @param array<string, string> $parameters in addition to those that every script needs
     * @return array{body: string, error: string} the output of the script after its header section, and the error output of
     *         php-fpm
     * @throws \RuntimeException with a fixed text
     */
    public function run(string $script, array $parameters, #[\SensitiveParameter] string $body): array
    {
        $target = str_starts_with($this->address, '/') ? 'unix://' . $this->address : 'tcp://' . $this->address;
        $socket = Quiet::call(fn () => stream_socket_client($target, timeout: $this->seconds));
        if ($socket === false) {
            throw new \RuntimeException('Nobody listens at the socket, or this user may not connect.');
        }
        $parameters += [
            'GATEWAY_INTERFACE' => 'CGI/1.1',
            'SERVER_PROTOCOL' => 'HTTP/1.1',
            'REQUEST_METHOD' => 'POST',
            'REQUEST_URI' => '/' . basename($script),
            'SCRIPT_NAME' => '/' . basename($script),
            'SCRIPT_FILENAME' => $script,
            'QUERY_STRING' => '',
            'CONTENT_TYPE' => 'application/json',
            'CONTENT_LENGTH' => (string) strlen($body),
        ];
        $request = self::record(self::BEGIN_REQUEST, pack('nCx5', self::RESPONDER, 0))
            . self::stream(self::PARAMS, self::pairs($parameters))
            . self::stream(self::STDIN, $body);
        try {
            // php-fpm reads the request to its end before it runs the script.
            if (Quiet::call(static fn () => fwrite($socket, $request)) !== strlen($request)) {
                throw new \RuntimeException('The request could not be written to the socket.');
            }
            return self::response($socket, microtime(true) + $this->seconds);
        } finally {
            fclose($socket);
        }
    }

    /**
     * @param resource $socket
     * @return array{body: string, error: string}
     */
    private static function response(mixed $socket, float $end): array
    {
        $streams = [self::STDOUT => '', self::STDERR => ''];
        do {
            // Version, type, id in two bytes, length of the content in two, of the padding, and a byte that is reserved.
            $header = self::read($socket, 8, $end);
            $type = ord($header[1]);
            $content = self::read($socket, ord($header[4]) << 8 | ord($header[5]), $end);
            self::read($socket, ord($header[6]), $end);
            if (isset($streams[$type])) {
                $streams[$type] .= $content;
            }
            if (strlen(implode('', $streams)) > self::MAX_ANSWER) {
                throw new \RuntimeException('The response is too long.');
            }
        } while ($type !== self::END_REQUEST);
        [, $body] = explode("\r\n\r\n", $streams[self::STDOUT], 2) + [1 => ''];
        return ['body' => $body, 'error' => trim($streams[self::STDERR])];
    }

    /**
     * @param resource $socket
     */
    private static function read(mixed $socket, int $length, float $end): string
    {
        $bytes = '';
        while (($missing = $length - strlen($bytes)) > 0) {
            $left = $end - microtime(true);
            if ($left <= 0) {
                throw new \RuntimeException('No response in time: all workers may be busy.');
            }
            stream_set_timeout($socket, (int) $left, (int) (fmod($left, 1.0) * 1e6));
            $part = fread($socket, $missing);
            if ($part === false || ($part === '' && feof($socket))) {
                throw new \RuntimeException('The connection ended too early: what listens there may be no php-fpm.');
            }
            $bytes .= $part;
        }
        return $bytes;
    }

    /** A stream is sent as records of its content, and an empty record ends it. */
    private static function stream(int $type, #[\SensitiveParameter] string $content): string
    {
        $records = '';
        foreach ($content === '' ? [] : str_split($content, self::MAX_CONTENT) as $part) {
            $records .= self::record($type, $part);
        }
        return $records . self::record($type, '');
    }

    private static function record(int $type, #[\SensitiveParameter] string $content): string
    {
        return pack('CCnnCx', self::VERSION, $type, self::ID, strlen($content), 0) . $content;
    }

    /**
     * @param array<string, string> $parameters
     */
    private static function pairs(array $parameters): string
    {
        $length = static fn (string $text): string => strlen($text) < 128
            ? chr(strlen($text))
            : pack('N', strlen($text) | 0x8000_0000);
        $pairs = '';
        foreach ($parameters as $name => $value) {
            $pairs .= $length($name) . $length($value) . $name . $value;
        }
        return $pairs;
    }
}
