<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\Text\Printable;

/**
 * The result of one check. Its texts contain paths, names and numbers, never the value of a key or a credential.
 *
 * @internal
 */
final readonly class Finding
{
    public const OK = 'ok';
    public const WARNING = 'warning';
    public const CRITICAL = 'critical';

    /** In ascending order; the index is the exit code. */
    public const VERDICTS = [self::OK, self::WARNING, self::CRITICAL];

    public string $message;

    public string $remedy;

    /**
     * @param string $code stable, such as "library.owner"
     * @param string $message what was found
     * @param string $remedy the one command that fixes it; "" if there is nothing to fix
     */
    private function __construct(public string $code, public string $verdict, string $message, string $remedy)
    {
        $this->message = self::sentence(Printable::text(strtr($message, ["\r\n" => ' ', "\n" => ' ', "\t" => ' '])));
        $this->remedy = Printable::text($remedy);
    }

    /** The message of an exception becomes a sentence; a name at its beginning is not capitalized. */
    private static function sentence(string $message): string
    {
        $begun = preg_match('/\A[a-z]+ /', $message) === 1 ? ucfirst($message) : $message;
        return preg_match('/[\w)"\'}]\z/', $begun) === 1 ? $begun . '.' : $begun;
    }

    public static function ok(string $code, string $message): self
    {
        return new self($code, self::OK, $message, '');
    }

    public static function warning(string $code, string $message, string $remedy): self
    {
        return new self($code, self::WARNING, $message, $remedy);
    }

    public static function critical(string $code, string $message, string $remedy): self
    {
        return new self($code, self::CRITICAL, $message, $remedy);
    }

    /**
     * @param list<self> $findings
     */
    public static function exitCode(array $findings): int
    {
        $places = array_flip(self::VERDICTS);
        return max([0, ...array_map(static fn (self $finding): int => $places[$finding->verdict], $findings)]);
    }
}
