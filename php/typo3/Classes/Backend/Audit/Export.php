<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Audit;

use Psr\Http\Message\StreamInterface;
use TYPO3\CMS\Core\Http\Stream;

/**
 * Audit records as a file. A large one is written to disk instead of memory.
 *
 * @internal
 */
enum Export: string
{
    case Csv = 'csv';
    case Json = 'json';

    /** How a formula begins for spreadsheet programs. */
    private const FORMULA = '/\A[=+\-@\t\r\n]/';

    private const LISTS = ['attempt_errors', 'credentials'];
    private const NUMBERS = [
        'port', 'status', 'duration_us', 'bytes_out', 'bytes_in', 'attempts', 'token_requests', 'weight',
    ];

    public function mediaType(): string
    {
        return match ($this) {
            self::Csv => 'text/csv; charset=utf-8; header=present',
            self::Json => 'application/json',
        };
    }

    /**
     * @param iterable<array<string, mixed>> $rows
     */
    public function write(iterable $rows): StreamInterface
    {
        $stream = new Stream('php://temp', 'w+');
        $stream->write($this === self::Csv ? self::line(AuditLog::COLUMNS) : '[');
        $separator = "\n";
        foreach ($rows as $row) {
            if ($this === self::Csv) {
                $stream->write(self::line(array_map(self::cell(...), array_values($row))));
            } else {
                $stream->write($separator . self::object($row));
                $separator = ",\n";
            }
        }
        if ($this === self::Json) {
            $stream->write("\n]\n");
        }
        $stream->rewind();
        return $stream;
    }

    /** With an apostrophe in front, a spreadsheet program takes the value for text and not for a formula. */
    private static function cell(mixed $value): string
    {
        $text = is_scalar($value) ? (string) $value : '';
        return preg_match(self::FORMULA, $text) === 1 ? "'" . $text : $text;
    }

    /**
     * In the format of RFC 4180.
     *
     * @param list<string> $cells
     */
    private static function line(array $cells): string
    {
        $quoted = array_map(static fn (string $cell): string => '"' . str_replace('"', '""', $cell) . '"', $cells);
        return implode(',', $quoted) . "\r\n";
    }

    /**
     * @param array<string, mixed> $row
     */
    private static function object(array $row): string
    {
        foreach ($row as $name => $value) {
            $row[$name] = match (true) {
                $value === null => null,
                in_array($name, self::LISTS, true) => json_decode(is_string($value) ? $value : ''),
                in_array($name, self::NUMBERS, true) => is_numeric($value) ? (int) $value : null,
                $name === 'connection_reused' => (bool) $value,
                default => $value,
            };
        }
        return json_encode($row, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE);
    }
}
