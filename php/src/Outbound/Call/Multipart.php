<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\System\MemoryLimit;

/**
 * The body of a form with files, multipart/form-data (RFC 7578).
 *
 * @internal
 */
final readonly class Multipart
{
    private const FORM = 'multipart is a map of names to parts, or a list of [name, part] pairs, and a part is a text, an '
        . 'integer or a FormPart';

    /** The escapes that browsers use; a line break would end the field. */
    private const ESCAPES = ['"' => '%22', "\r" => '%0D', "\n" => '%0A'];

    private function __construct(private StringBuilder $pieces, public string $contentType)
    {
    }

    /**
     * Opens the files, but does not read them.
     *
     * @throws OutboundException invalid_request.malformed
     */
    public static function of(#[\SensitiveParameter] mixed $parts): self
    {
        $boundary = bin2hex(random_bytes(20));
        $form = new self(new StringBuilder(), 'multipart/form-data; boundary=' . $boundary);
        try {
            foreach (self::pairs($parts) as [$name, $part]) {
                $form->pieces->add("--$boundary\r\n" . self::head($name, $part) . "\r\n");
                $form->pieces->add($part instanceof FormPart ? $part->open() : $part);
                $form->pieces->add("\r\n");
            }
        } catch (OutboundException $failure) {
            $form->close();
            throw $failure;
        }
        $form->pieces->add("--$boundary--\r\n");
        return $form;
    }

    public function length(): int
    {
        return $this->pieces->length();
    }

    /**
     * The body; it can be read once.
     *
     * @throws OutboundException policy.request_too_large, invalid_request.malformed
     */
    public function read(): string
    {
        if ($this->length() > MemoryLimit::room()) {
            throw OutboundException::create(
                'policy.request_too_large',
                "the body does not fit into PHP's memory_limit",
            );
        }
        return $this->pieces->join();
    }

    /** Closes the files. */
    public function close(): void
    {
        $this->pieces->close();
    }

    /**
     * @return iterable<array{string, string|FormPart}>
     */
    private static function pairs(#[\SensitiveParameter] mixed $parts): iterable
    {
        if (!is_array($parts)) {
            throw OutboundException::malformed(self::FORM);
        }
        $isList = array_is_list($parts);
        foreach ($parts as $name => $values) {
            if ($isList) {
                if (!is_array($values) || !array_is_list($values) || count($values) !== 2 || !is_string($values[0])) {
                    throw OutboundException::malformed(self::FORM);
                }
                [$name, $values] = $values;
            }
            foreach (!$isList && is_array($values) ? $values : [$values] as $value) {
                if (!is_string($value) && !is_int($value) && !$value instanceof FormPart) {
                    throw OutboundException::malformed(self::FORM);
                }
                yield [(string) $name, is_int($value) ? (string) $value : $value];
            }
        }
    }

    private static function head(#[\SensitiveParameter] string $name, #[\SensitiveParameter] string|FormPart $part): string
    {
        $head = 'Content-Disposition: form-data; name="' . self::quoted($name) . '"';
        return $part instanceof FormPart
            ? "$head; filename=\"" . self::quoted($part->filename()) . "\"\r\nContent-Type: {$part->contentType()}\r\n"
            : $head . "\r\n";
    }

    private static function quoted(#[\SensitiveParameter] string $text): string
    {
        if (preg_match('/[\x00-\x09\x0B\x0C\x0E-\x1F\x7F]/', $text) !== 0) {
            throw OutboundException::malformed('a name in multipart, of a field or of a file, has a control character');
        }
        return strtr($text, self::ESCAPES);
    }
}
