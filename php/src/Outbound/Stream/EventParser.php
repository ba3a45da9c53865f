<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Stream;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Parses an event stream by the rules of the HTML standard, section 9.2.6, from bytes that are cut anywhere.
 *
 * @internal
 */
final class EventParser
{
    private const BOM = "\xEF\xBB\xBF";

    /** Whole characters, which are skipped, or else the longest beginning of one, which the encoding standard replaces at once. */
    private const NO_CHARACTER = '/(?:[\x00-\x7F]|[\xC2-\xDF][\x80-\xBF]|\xE0[\xA0-\xBF][\x80-\xBF]'
        . '|[\xE1-\xEC\xEE\xEF][\x80-\xBF]{2}|\xED[\x80-\x9F][\x80-\xBF]|\xF0[\x90-\xBF][\x80-\xBF]{2}'
        . '|[\xF1-\xF3][\x80-\xBF]{3}|\xF4[\x80-\x8F][\x80-\xBF]{2})(*SKIP)(*FAIL)'
        . '|\xE0[\xA0-\xBF]?|[\xE1-\xEC\xEE\xEF][\x80-\xBF]?|\xED[\x80-\x9F]?|\xF0(?:[\x90-\xBF][\x80-\xBF]?)?'
        . '|[\xF1-\xF3][\x80-\xBF]{0,2}|\xF4(?:[\x80-\x8F][\x80-\xBF]?)?|[\x80-\xFF]/s';

    /** Bytes that are no whole line yet. */
    private string $rest = '';

    private bool $hasBegun = false;

    /** Whether a line feed that comes next belongs to the line before. */
    private bool $skipsLineFeed = false;

    private string $type = '';
    private string $data = '';
    private string $id = '';
    private ?int $retry = null;

    /**
     * @param int $maxBytes of one event, as it is sent
     */
    public function __construct(private readonly int $maxBytes)
    {
    }

    /**
     * The events that end within these bytes. An event at the end of the stream that has no blank line behind it is none.
     *
     * @return \Generator<int, ServerSentEvent>
     * @throws OutboundException response.event_too_large
     */
    public function push(#[\SensitiveParameter] string $bytes): \Generator
    {
        $text = $this->rest . $bytes;
        $this->rest = '';
        if (!$this->hasBegun) {
            if (strlen($text) < strlen(self::BOM) && str_starts_with(self::BOM, $text)) {
                $this->rest = $text;
                return;
            }
            $this->hasBegun = true;
            $text = str_starts_with($text, self::BOM) ? substr($text, strlen(self::BOM)) : $text;
        }
        $at = 0;
        $length = strlen($text);
        while ($at < $length) {
            if ($this->skipsLineFeed && $text[$at] === "\n") {
                $at++;
                $this->skipsLineFeed = false;
                continue;
            }
            $this->skipsLineFeed = false;
            $end = $at + strcspn($text, "\r\n", $at);
            $this->checkSize($end - $at);
            if ($end === $length) {
                $this->rest = substr($text, $at);
                return;
            }
            $this->skipsLineFeed = $text[$end] === "\r";
            $event = $this->line(substr($text, $at, $end - $at));
            $at = $end + 1;
            if ($event !== null) {
                yield $event;
            }
        }
    }

    private function checkSize(int $line): void
    {
        if ($line + strlen($this->data) + strlen($this->type) > $this->maxBytes) {
            throw OutboundException::create(
                'response.event_too_large',
                'an event of the stream has more than ' . $this->maxBytes . ' bytes; events() takes another limit',
            );
        }
    }

    private function line(#[\SensitiveParameter] string $line): ?ServerSentEvent
    {
        if ($line === '') {
            return $this->dispatch();
        }
        $parts = explode(':', $line, 2);
        $value = $parts[1] ?? '';
        $value = self::text(str_starts_with($value, ' ') ? substr($value, 1) : $value);
        switch ($parts[0]) {
            case 'event':
                $this->type = $value;
                break;
            case 'data':
                $this->data .= $value . "\n";
                break;
            case 'id':
                $this->id = str_contains($value, "\0") ? $this->id : $value;
                break;
            case 'retry':
                $this->retry = preg_match('/\A[0-9]{1,18}\z/', $value) === 1 ? (int) $value : $this->retry;
                break;
        }
        return null;
    }

    private function dispatch(): ?ServerSentEvent
    {
        [$type, $data] = [$this->type, $this->data];
        [$this->type, $this->data] = ['', ''];
        return $data === '' ? null
            : new ServerSentEvent($type === '' ? 'message' : $type, substr($data, 0, -1), $this->id, $this->retry);
    }

    /** The text in UTF-8, with U+FFFD in the place of what is none. */
    private static function text(#[\SensitiveParameter] string $bytes): string
    {
        return preg_match('//u', $bytes) === 1 ? $bytes : (string) preg_replace(self::NO_CHARACTER, "\u{FFFD}", $bytes);
    }
}
