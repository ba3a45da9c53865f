<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Console\Arguments;
use Netresearch\NrVault\Outbound\Cli\Console\ConfigFile;
use Netresearch\NrVault\Outbound\Cli\Console\Streams;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Cli\Doctor\Configuration;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Netresearch\NrVault\Outbound\Cli\Doctor\InstalledFiles;
use Netresearch\NrVault\Outbound\Cli\Doctor\LibraryFiles;
use Netresearch\NrVault\Outbound\Cli\Doctor\Remedies;
use Netresearch\NrVault\Outbound\Cli\Doctor\PhpSettings;
use Netresearch\NrVault\Outbound\Cli\Doctor\RegistryEntries;
use Netresearch\NrVault\Outbound\Cli\Doctor\Report;
use Netresearch\NrVault\Outbound\Cli\Doctor\SidecarDaemon;
use Netresearch\NrVault\Outbound\Cli\Doctor\Worker;
use Netresearch\NrVault\Outbound\SecureOutbound;

/**
 * Checks everything that a call needs, and changes nothing.
 *
 * @internal
 */
final class DoctorCommand implements Command
{
    public static function help(): string
    {
        return <<<'TEXT'
            doctor [--config=FILE] [--registry=FILE [--credentials=DIR]] [--audit-log=FILE] [--registry-cache=DIR]
                   [--sidecar-config=FILE] [--fpm-socket=PATH | --no-fpm] [--quiet | --format=json]
              Looks at PHP, library, header, configuration, master keys, roots, registry, and through the socket of
              php-fpm at a worker, which tries the files itself, opens and wipes every envelope, and looks whether it
              could write the audit record and keep the registry compiled; where none answers, at what php-fpm -t
              says; and at the sidecar, where the configuration names its socket, as the user of the workers, which takes
              root. --library=PATH, --header=PATH and --php-fpm=PROGRAM name what is not where it is usually installed.
              Each problem has the line that fixes it, with what else is to know behind "#". --quiet shows problems only.

            TEXT;
    }

    public function run(array $argv, Streams $streams): int
    {
        $valued = ['config', 'registry', 'credentials', 'audit-log', 'registry-cache', 'sidecar-config', 'fpm-socket', 'format', 'library', 'header', 'php-fpm'];
        $arguments = Arguments::parse($argv, ['no-fpm', 'quiet'], $valued, []);
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
        $isColoured = $streams->isTerminal() && (string) getenv('NO_COLOR', true) === '';
        (new Report($streams, $isColoured, $streams->width()))->write($findings, $arguments->has('quiet'));
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
        $wanted = self::files($arguments, $config ?? []);
        $remedies = Remedies::ofThisHost($wanted['config'] ?? null, $config ?? [], $socket);
        $worker = $arguments->has('no-fpm')
            ? null
            : new Worker(
                $socket,
                $config === null ? null : Configuration::forWorker($config),
                $remedies,
                $wanted,
                $arguments->value('php-fpm'),
            );
        $files = new LibraryFiles($arguments->value('library'), $arguments->value('header'), $worker?->header);
        return [
            ...PhpSettings::ofThisProcess($remedies),
            ...$files->findings,
            ...InstalledFiles::examine(),
            ...PhpSettings::transportOfThisProcess($files->missing, $config ?? [], $remedies),
            ...$unreadable,
            ...($config === null ? [] : Configuration::ofThisProcess($config, $remedies)),
            ...self::registry($arguments, $config ?? [], $remedies),
            ...SidecarDaemon::examine(
                $config ?? [],
                $wanted,
                $arguments->value('sidecar-config') ?? SidecarDaemon::CONFIGURATION,
                $remedies,
            ),
            ...($worker === null ? [] : $worker->findings),
        ];
    }

    /**
     * The files that a worker has to check, as absolute paths, since its working directory is another one.
     *
     * @param array<string, mixed> $config
     * @return array<string, string>
     */
    private static function files(Arguments $arguments, #[\SensitiveParameter] array $config): array
    {
        $tls = is_array($config['tls'] ?? null) ? $config['tls'] : [];
        $files = array_filter(array_intersect_key($tls, ['ca_file' => 0, 'crl_file' => 0]), is_string(...));
        $usual = ['registry-cache' => is_dir(SecureOutbound::REGISTRY_CACHE) ? SecureOutbound::REGISTRY_CACHE : null];
        $options = ['config', 'registry', 'credentials', 'audit' => 'audit-log', 'registry_cache' => 'registry-cache'];
        foreach ($options as $name => $option) {
            $path = $arguments->value($option) ?? $usual[$option] ?? null;
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
                'secure-outbound doctor --config=/etc/secure-outbound/transport.json   # or where it is',
            )]];
        }
        try {
            return [ConfigFile::read($file), []];
        } catch (UsageError $error) {
            return [null, [Finding::critical('config.file', $file . ': ' . $error->getMessage(), 'php -r ' . escapeshellarg('json_decode('
                . 'file_get_contents($argv[1]), false, 512, JSON_THROW_ON_ERROR);') . ' ' . escapeshellarg($file))]];
        }
    }

    /**
     * @param array<string, mixed> $config
     * @return list<Finding>
     */
    private static function registry(Arguments $arguments, array $config, Remedies $remedies): array
    {
        $file = $arguments->value('registry');
        if ($file === null) {
            return [Finding::warning(
                'registry.file',
                'No registry was named.',
                'secure-outbound doctor --registry=/etc/secure-outbound/services.json   # or where it is',
            )];
        }
        return RegistryEntries::examine($file, $arguments->value('credentials'), $config, $arguments->value('library'), $remedies);
    }
}
