<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Doctor\Configuration;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Netresearch\NrVault\Outbound\Cli\Doctor\LibraryFiles;
use Netresearch\NrVault\Outbound\Cli\Doctor\PhpSettings;
use Netresearch\NrVault\Outbound\Cli\Doctor\RegistryEntries;
use Netresearch\NrVault\Outbound\Cli\Doctor\Worker;

/**
 * Looks at everything that has to be right before a call can go out, and changes nothing.
 *
 * @internal
 */
final class DoctorCommand implements Command
{
    public static function help(): string
    {
        return <<<'TEXT'
            doctor [--config=FILE] [--registry=FILE [--credentials=DIR]] [--audit-log=FILE] [--fpm-socket=PATH | --no-fpm]
                   [--format=json]
              Looks at PHP, library, header, configuration, master keys, roots, registry, and through the socket of
              php-fpm at a worker, which tries the files itself, opens and wipes every envelope, and looks whether it
              could write the audit record. --library=PATH and --header=PATH name what is not where it is usually
              installed.

            TEXT;
    }

    public function run(array $argv, Streams $streams): int
    {
        $valued = ['config', 'registry', 'credentials', 'audit-log', 'fpm-socket', 'format', 'library', 'header'];
        $arguments = Arguments::parse($argv, ['no-fpm'], $valued, []);
        $format = $arguments->value('format') ?? 'text';
        if (!in_array($format, ['text', 'json'], true)) {
            throw new UsageError('--format is text or json.');
        }
        $findings = self::examine($arguments);
        $exit = Finding::exitCode($findings);
        if ($format === 'json') {
            $streams->json(['version' => 1, 'verdict' => Finding::VERDICTS[$exit], 'findings' => $findings]);
            return $exit;
        }
        foreach ($findings as $finding) {
            $streams->write(sprintf("%-8s  %-24s  %s\n", $finding->verdict, $finding->code, $finding->message));
            $streams->write($finding->remedy === '' ? '' : str_repeat(' ', 36) . '→ ' . $finding->remedy . "\n");
        }
        $counts = array_count_values(array_column($findings, 'verdict')) + array_fill_keys(Finding::VERDICTS, 0);
        $streams->write("\n{$counts['ok']} ok, {$counts['warning']} warnings, {$counts['critical']} critical\n");
        return $exit;
    }

    /**
     * @return list<Finding>
     */
    private static function examine(Arguments $arguments): array
    {
        $socket = $arguments->value('fpm-socket');
        if ($socket !== null && $arguments->has('no-fpm')) {
            throw new UsageError('--fpm-socket and --no-fpm exclude each other.');
        }
        [$config, $unreadable] = self::config($arguments->value('config'));
        $worker = $arguments->has('no-fpm')
            ? null
            : new Worker($socket, $config === null ? null : Configuration::forWorker($config), self::files($arguments));
        $files = new LibraryFiles($arguments->value('library'), $arguments->value('header') ?? $worker?->header);
        return [
            ...PhpSettings::ofThisProcess(),
            ...$files->findings,
            ...PhpSettings::transportOfThisProcess($files->missing, $config ?? []),
            ...$unreadable,
            ...($config === null ? [] : Configuration::ofThisProcess($config)),
            ...self::registry($arguments, $config ?? []),
            ...($worker?->findings ?? []),
        ];
    }

    /**
     * What a worker is to try, by paths that hold in its directory as well.
     *
     * @return array<string, string>
     */
    private static function files(Arguments $arguments): array
    {
        $files = [];
        foreach (['config', 'registry', 'credentials', 'audit' => 'audit-log'] as $name => $option) {
            $path = $arguments->value($option);
            if ($path !== null) {
                $absolute = str_starts_with($path, '/') ? $path : getcwd() . '/' . $path;
                $files[is_int($name) ? $option : $name] = rtrim($absolute, '/');
            }
        }
        return $files;
    }

    /**
     * @return array{array<string, mixed>|null, list<Finding>}
     */
    private static function config(?string $file): array
    {
        if ($file === null) {
            return [null, [Finding::warning(
                'config.file',
                'No configuration was named: master keys and roots were not looked at.',
                'Name it: --config=FILE',
            )]];
        }
        try {
            return [ConfigFile::read($file), []];
        } catch (UsageError $error) {
            return [null, [Finding::critical('config.file', $file . ': ' . $error->getMessage(), 'Correct the file.')]];
        }
    }

    /**
     * @param array<string, mixed> $config
     * @return list<Finding>
     */
    private static function registry(Arguments $arguments, array $config): array
    {
        $file = $arguments->value('registry');
        if ($file === null) {
            return [Finding::warning('registry.file', 'No registry was named.', 'Name it: --registry=FILE')];
        }
        return RegistryEntries::examine($file, $arguments->value('credentials'), $config, $arguments->value('library'));
    }
}
