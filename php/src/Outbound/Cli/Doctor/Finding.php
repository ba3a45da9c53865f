<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\Text\Printable;

/**
 * One thing that was looked at. Its texts hold paths, names and numbers, never what a key or a credential holds.
 *
 * @internal
 */
final readonly class Finding
{
    public const OK = 'ok';
    public const WARNING = 'warning';
    public const CRITICAL = 'critical';

    /** In ascending order; the place is the exit code. */
    public const VERDICTS = [self::OK, self::WARNING, self::CRITICAL];

    public string $message;

    public string $remedy;

    /**
     * @param string $code stable, such as "library.owner"
     * @param string $message what was found
     * @param string $remedy the one line that fixes it; "" where nothing is to be fixed
     */
    private function __construct(public string $code, public string $verdict, string $message, string $remedy)
    {
        $this->message = self::sentence(Printable::text(strtr($message, ["\r\n" => ' ', "\n" => ' ', "\t" => ' '])));
        $this->remedy = Printable::text($remedy);
    }

    /** What an exception says is no sentence; a name in front stays as it is. */
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
