<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Command;

use Netresearch\NrVault\Outbound\Cli\Application;
use Netresearch\NrVault\Outbound\Cli\Console\Refusal;
use Netresearch\NrVault\Outbound\Cli\Console\Streams;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Input\InputOption;
use Symfony\Component\Console\Output\ConsoleOutputInterface;
use Symfony\Component\Console\Output\OutputInterface;

/**
 * What the commands have in common: the exit codes and the output of the library's own command, secure-outbound.
 *
 * @internal
 */
abstract class OutboundCommand extends Command
{
    abstract protected function perform(InputInterface $input, OutputInterface $output): int;

    final protected function execute(InputInterface $input, OutputInterface $output): int
    {
        // TYPO3 shows the arguments in an exception's stack trace, and writes them to its log.
        ini_set('zend.exception_ignore_args', '1');
        try {
            return $this->perform($input, $output);
        } catch (UsageError $error) {
            self::error($output, $this->getName() . ': ' . $error->getMessage() . "\n");
            return Application::USAGE;
        } catch (OutboundException $refusal) {
            self::error($output, Refusal::describe($refusal));
            return Application::FAILED;
        }
    }

    final protected function withFormat(): static
    {
        return $this->addOption('format', null, InputOption::VALUE_REQUIRED, 'text, or json for a program', 'text');
    }

    /**
     * @throws UsageError
     */
    final protected static function isJson(InputInterface $input): bool
    {
        return match ($input->getOption('format')) {
            'text' => false,
            'json' => true,
            default => throw new UsageError('--format is text or json.'),
        };
    }

    final protected static function argument(InputInterface $input, string $name): string
    {
        $value = $input->getArgument($name);
        return is_string($value) ? $value : '';
    }

    final protected static function option(InputInterface $input, string $name): ?string
    {
        $value = $input->getOption($name);
        return is_string($value) ? $value : null;
    }

    /**
     * @return list<string>
     */
    final protected static function options(InputInterface $input, string $name): array
    {
        $values = $input->getOption($name);
        return array_values(array_filter(is_array($values) ? $values : [], is_string(...)));
    }

    /** Writes the text unchanged: "<" does not begin a tag of the console. */
    final protected static function write(OutputInterface $output, string $text): void
    {
        $output->write($text, false, OutputInterface::OUTPUT_RAW);
    }

    final protected static function error(OutputInterface $output, string $text): void
    {
        self::write($output instanceof ConsoleOutputInterface ? $output->getErrorOutput() : $output, $text);
    }

    /**
     * @param array<string, mixed> $document
     */
    final protected static function json(OutputInterface $output, array $document): void
    {
        self::stream($output, static fn (Streams $streams) => $streams->json($document));
    }

    /**
     * Passes on to the output what a part of the library writes to streams.
     *
     * @param \Closure(Streams): void $write
     */
    final protected static function stream(OutputInterface $output, \Closure $write): void
    {
        $memory = fopen('php://memory', 'w+');
        if ($memory === false) {
            throw new \LogicException('there is no memory to write to', 1795910409);
        }
        $write(new Streams($memory, $memory, $memory));
        rewind($memory);
        self::write($output, (string) stream_get_contents($memory));
    }
}
