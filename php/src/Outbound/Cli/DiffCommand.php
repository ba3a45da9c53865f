<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Console\Arguments;
use Netresearch\NrVault\Outbound\Cli\Console\Streams;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Cli\Diff\Comparison;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;

/**
 * Compares what two registries allow, for a person who has to approve the change.
 *
 * @internal
 */
final class DiffCommand implements Command
{
    public static function help(): string
    {
        return <<<'TEXT'
            diff OLD NEW [--format=json]
              Shows what the registry NEW allows and OLD did not: services, methods, hosts, paths, plain HTTP, redirects,
              attempts and limits, headers, credentials, a weaker transport or audit mode. Exit code 1 where there is any.
              What is only written in another way, or is allowed no more, is not shown. An entry with a fault allows
              nothing, and standard error names it.

            TEXT;
    }

    public function run(array $argv, Streams $streams): int
    {
        $arguments = Arguments::parse($argv, [], ['format'], ['OLD', 'NEW']);
        $format = $arguments->value('format') ?? 'text';
        if (!in_array($format, ['text', 'json'], true)) {
            throw new UsageError('--format is text or json.');
        }
        $old = self::services('OLD', $arguments->word(0), $streams);
        $changes = [];
        foreach (self::services('NEW', $arguments->word(1), $streams) as $id => $service) {
            array_push($changes, ...Comparison::of($old[$id] ?? null, $service));
        }
        if ($format === 'json') {
            $streams->json(['version' => 1, 'more' => $changes !== [], 'changes' => $changes]);
            return $changes === [] ? Application::OK : Application::FAILED;
        }
        $service = null;
        foreach ($changes as $change) {
            $streams->write($change->service === $service ? '' : $change->service . "\n");
            $streams->write($change->text() . "\n");
            $service = $change->service;
        }
        $streams->write($changes === [] ? "nothing more is allowed\n" : '');
        return $changes === [] ? Application::OK : Application::FAILED;
    }

    /**
     * @return array<string, ServiceDefinition>
     * @throws UsageError
     */
    private static function services(string $name, string $file, Streams $streams): array
    {
        $registry = new JsonFileServiceRegistry($file);
        foreach ($registry->problems() as $problem) {
            if ($problem->entry === '') {
                throw new UsageError($name . ': ' . $problem->message);
            }
            $field = $problem->field === '' ? '' : $problem->field . ' ';
            $streams->error("secure-outbound diff: $name: \"{$problem->entry}\" is disabled: $field{$problem->message}\n");
        }
        $services = [];
        foreach ($registry->ids() as $id) {
            try {
                $services[$id] = $registry->get($id);
            } catch (OutboundException) {
                // The problem was reported above.
            }
        }
        return $services;
    }
}
