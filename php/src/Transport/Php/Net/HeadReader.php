<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Transport\Php\Policy\ByteLimit;

/**
 * Reads the lines of response heads as libcurl passes them on, and checks more strictly than libcurl. Interim responses are
 * skipped, and so are valid trailer fields.
 *
 * @internal
 */
final class HeadReader
{
    private const FIELDS = 100;
    private const INTERIM_RESPONSES = 100;

    private const TOKEN = '/\A[!#$%&\'*+.^_`|~0-9A-Za-z-]+\z/';
    private const CONTROLS = '/[\x00-\x08\x0A-\x1F\x7F]/';

    private ?int $status = null;
    private string $version = '';
    private bool $isOld = false;

    /** @var array<string, list<string>> by "~" and the lower-case name: PHP would make an integer of a name like "1" */
    private array $fields = [];

    private int $count = 0;
    private int $bytes = 0;
    private int $interim = 0;
    private ?ResponseHead $head = null;
    private ?string $fault = null;

    /**
     * @param int $cap of a head's names and values in bytes, with four more for each field
     * @param bool $isOffered2 whether HTTP/2 was offered; otherwise a status line of HTTP/2 is not valid
     */
    public function __construct(private readonly int $cap, private readonly bool $isOffered2 = true)
    {
    }

    /** The final response's status as soon as its first line was seen. */
    public function status(): ?int
    {
        return $this->status;
    }

    /** "1.1" or "2", once any status line was seen. */
    public function version(): ?string
    {
        return match (true) {
            $this->head !== null => $this->head->httpVersion,
            $this->version === '' => null,
            default => $this->version,
        };
    }

    /** The final response's head once it is whole and acceptable. */
    public function head(): ?ResponseHead
    {
        return $this->head;
    }

    /** Why the head is not acceptable, as the text of protocol.invalid. */
    public function fault(): ?string
    {
        return $this->fault;
    }

    /**
     * Takes a line with its end.
     *
     * @return bool false if nothing more of this response is wanted
     */
    public function line(#[\SensitiveParameter] string $line): bool
    {
        if ($this->fault === null) {
            $line = preg_replace('/\r?\n\z/', '', $line) ?? $line;
            $this->fault = match (true) {
                $this->head !== null => $line === '' ? null : $this->field($line),
                $this->version === '' => $this->statusLine($line),
                $line === '' => $this->end(),
                default => $this->field($line),
            };
        }
        return $this->fault === null;
    }

    private function statusLine(#[\SensitiveParameter] string $line): ?string
    {
        $form = '~\AHTTP/(1\.[01]|2) ([1-9][0-9]{2})(?: [^\x00-\x08\x0A-\x1F\x7F]*)?\z~';
        if (preg_match($form, $line, $found) !== 1 || $found[1] === '2' && !$this->isOffered2) {
            return "the server's response is not acceptable HTTP";
        }
        $this->version = $found[1] === '2' ? '2' : '1.1';
        $this->isOld = $found[1] === '1.0';
        $status = (int) $found[2];
        if ($status >= 200 || $status === 101) {
            $this->status = $status;
        } elseif (++$this->interim > self::INTERIM_RESPONSES) {
            return 'the server sent more than ' . self::INTERIM_RESPONSES . ' interim responses';
        }
        return null;
    }

    private function field(#[\SensitiveParameter] string $line): ?string
    {
        $parts = explode(':', $line, 2);
        [$name, $value] = [$parts[0], $parts[1] ?? null];
        // A line that begins with a space continues the one before it; RFC 9112 has deprecated this.
        if ($value === null || preg_match(self::TOKEN, $name) !== 1 || preg_match(self::CONTROLS, $value) === 1) {
            return "the server's response is not acceptable HTTP";
        }
        $value = trim($value, " \t");
        $this->bytes += strlen($name) + strlen($value) + 4;
        if (++$this->count > self::FIELDS) {
            return "the server's response has more than " . self::FIELDS . ' header fields';
        }
        if ($this->bytes > $this->cap) {
            return (new ByteLimit($this->cap, 'limits.header_bytes'))->exceededBy("the response's head");
        }
        $this->fields['~' . strtolower($name)][] = $value;
        return null;
    }

    private function end(): ?string
    {
        $fields = $this->fields;
        [$version, $this->version, $this->fields, $this->count, $this->bytes] = [$this->version, '', [], 0, 0];
        if ($this->status === null) {
            return null;
        }
        $codings = $fields['~transfer-encoding'] ?? [];
        $lengths = $fields['~content-length'] ?? [];
        $fault = match (true) {
            $this->status === 101 => 'the server switched protocols, which nobody asked for',
            $codings !== [] && $lengths !== [] => 'the server sent transfer-encoding together with content-length',
            $codings !== [] && $this->isOld => 'the server sent a transfer-encoding in HTTP/1.0',
            // libcurl would decode other codings as well, and pass on a body in an unknown coding.
            $codings !== [] && array_map(strtolower(...), $codings) !== ['chunked']
                => 'the server sent a transfer-encoding other than chunked',
            count(array_unique($lengths)) > 1 => "the server's content-length is not a number",
            default => null,
        };
        if ($fault !== null) {
            return $fault;
        }
        $headers = [];
        foreach ($fields as $name => $values) {
            foreach ($values as $value) {
                $headers[] = [substr($name, 1), $value];
            }
        }
        $this->head = new ResponseHead($this->status, $version, $headers);
        return null;
    }
}
