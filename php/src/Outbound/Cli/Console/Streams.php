<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Console;

use Netresearch\NrVault\Transport\System\Quiet;

/**
 * The three streams of a process.
 *
 * @internal
 */
final readonly class Streams
{
    /** Limit of the input: neither a payload nor the body of a manual test is longer. */
    private const MAX_INPUT = 33_554_432;

    /**
     * @param resource $in
     * @param resource $out
     * @param resource $error
     */
    public function __construct(private mixed $in, private mixed $out, private mixed $error)
    {
    }

    /**
     * All of standard input. A terminal is refused: it would show the secret that is typed, and store it in its buffer.
     *
     * @throws UsageError
     */
    public function read(string $what): string
    {
        if (stream_isatty($this->in)) {
            throw new UsageError($what . ' comes from standard input: give it as a file, "< FILE", or through a pipe.');
        }
        $input = stream_get_contents($this->in, self::MAX_INPUT + 1);
        if (!is_string($input) || strlen($input) > self::MAX_INPUT) {
            throw new UsageError($what . ' cannot be read, or is too long.');
        }
        return $input;
    }

    public function write(string $text): void
    {
        fwrite($this->out, $text);
    }

    /** @return bool false if nobody reads it any more, as with "| head" */
    public function line(string $text): bool
    {
        return Quiet::call(fn () => fwrite($this->out, $text . "\n")) === strlen($text) + 1;
    }

    public function error(string $text): void
    {
        fwrite($this->error, $text);
    }

    /** Whether the output goes to a terminal. */
    public function isTerminal(): bool
    {
        return stream_isatty($this->out);
    }

    /** The width of the terminal in characters; for a file or a pipe, a width that is easy to read. */
    public function width(): int
    {
        $columns = (int) getenv('COLUMNS', true);
        if ($columns === 0 && $this->isTerminal() && function_exists('shell_exec')) {
            $columns = (int) (explode(' ', (string) shell_exec('stty size < /dev/tty 2> /dev/null'))[1] ?? 0);
        }
        return $columns > 0 ? $columns : 100;
    }

    /** A line of JSON for people and programs. */
    public function json(mixed $value): void
    {
        $flags = JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE;
        $this->write(json_encode($value, $flags) . "\n");
    }
}
