<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Registry;

/**
 * The default headers of a row: "Name: value", one a line.
 *
 * @internal
 */
final readonly class HeaderLines
{
    /** Parts of names of headers in which APIs take keys. A value here would be in the database in clear text. */
    private const CREDENTIALS = '/auth(?!or(?!i[sz]))|cookie|key(s|[_-]?id)?\z|token(?!s)|secret|passw|passphrase|(\A|[_-])pwd\z'
        . '|signature|credential|session|(\A|[_-])(jwt|bearer)([_-]|\z)/i';

    /** Names that match the pattern above, but carry no credential. */
    private const WITHOUT_CREDENTIAL = '/(\A|[_-])(idempotency|partition)[_-]?key\z|\Aaccept-signature\z/i';

    /**
     * @param array<string, string> $headers
     * @param list<string> $problems
     */
    private function __construct(public array $headers, public array $problems)
    {
    }

    public static function read(string $text): self
    {
        $headers = [];
        $problems = [];
        foreach (explode("\n", str_replace(["\r\n", "\r"], "\n", $text)) as $number => $line) {
            if (trim($line) === '') {
                continue;
            }
            $parts = explode(':', $line, 2);
            $name = trim($parts[0]);
            if (count($parts) !== 2 || $name === '') {
                $problems[] = 'has no colon in line ' . ($number + 1) . ': each line is "Name: value"';
            } elseif (isset($headers[$name])) {
                $problems[] = "has $name twice";
            } elseif (self::carriesCredential($name)) {
                $problems[] = "has $name, which carries a credential: let a credential set place it, and renew a value that was here, "
                    . "since the record's history keeps it";
            } else {
                $headers[$name] = str_starts_with($parts[1], ' ') ? substr($parts[1], 1) : $parts[1];
            }
        }
        return new self($headers, $problems);
    }

    public static function carriesCredential(string $name): bool
    {
        return preg_match(self::CREDENTIALS, $name) === 1 && preg_match(self::WITHOUT_CREDENTIAL, $name) !== 1;
    }
}
