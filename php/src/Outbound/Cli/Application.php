<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Console\Refusal;
use Netresearch\NrVault\Outbound\Cli\Console\Streams;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * secure-outbound on the command line.
 *
 * @internal
 */
final class Application
{
    /** The command has succeeded. */
    public const OK = 0;

    /** Refused or failed; for the doctor: warnings. */
    public const FAILED = 1;

    /** Wrong usage; EX_USAGE in sysexits.h. */
    public const USAGE = 64;

    private const COMMANDS = [
        'seal' => SealCommand::class,
        'authorize' => AuthorizeCommand::class,
        'explain' => ExplainCommand::class,
        'send' => SendCommand::class,
        'doctor' => DoctorCommand::class,
        'audit' => AuditCommand::class,
        'diff' => DiffCommand::class,
        'init' => InitCommand::class,
    ];

    /**
     * @param list<string> $argv without the program's own name
     * @param resource $in
     * @param resource $out
     * @param resource $error
     */
    public static function main(array $argv, mixed $in, mixed $out, mixed $error): int
    {
        // A warning of PHP could contain secret values; messages of this program are fixed texts.
        ini_set('display_errors', '0');
        ini_set('zend.exception_ignore_args', '1');
        $streams = new Streams($in, $out, $error);
        $name = array_shift($argv) ?? 'help';
        if (in_array($name, ['help', '--help', '-h'], true)) {
            $streams->write(self::help());
            return self::OK;
        }
        $class = self::COMMANDS[$name] ?? null;
        if ($class === null) {
            $streams->error("There is no such command.\n\n" . self::help());
            return self::USAGE;
        }
        if (array_intersect($argv, ['--help', '-h']) !== []) {
            $streams->write($class::help());
            return self::OK;
        }
        try {
            return (new $class())->run($argv, $streams);
        } catch (UsageError $error) {
            $streams->error('secure-outbound ' . $name . ': ' . $error->getMessage() . "\n");
            return self::USAGE;
        } catch (OutboundException $refusal) {
            $streams->error(Refusal::describe($refusal));
            return self::FAILED;
        } catch (\Throwable $bug) {
            $where = basename($bug->getFile()) . ':' . $bug->getLine();
            $streams->error('secure-outbound ' . $name . ': ' . $bug::class . ' in ' . $where . "\n");
            return self::FAILED;
        }
    }

    private static function help(): string
    {
        $text = "secure-outbound COMMAND …\n";
        foreach (self::COMMANDS as $class) {
            $text .= "\n" . $class::help();
        }
        return $text . "\nExit codes: 0 done, 1 refused or failed, 64 called wrongly; of the doctor 0, 1 for "
            . "warnings and 2\nfor what is critical; of diff 1 where more is allowed.\n";
    }
}
