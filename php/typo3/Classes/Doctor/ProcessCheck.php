<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Doctor;

use Netresearch\NrSecureOutbound\Configuration\TransportConfiguration;
use Netresearch\NrVault\Outbound\Cli\Doctor\Configuration;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Netresearch\NrVault\Outbound\Cli\Doctor\LibraryFiles;
use Netresearch\NrVault\Outbound\Cli\Doctor\OwnProcess;
use Netresearch\NrVault\Outbound\Cli\Doctor\PhpSettings;
use Netresearch\NrVault\Outbound\Cli\Doctor\Remedies;
use Netresearch\NrVault\Outbound\Cli\Doctor\Worker;
use Netresearch\NrVault\Outbound\Cli\Doctor\WorkerReport;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\NativeLibrary;
use Netresearch\NrVault\Transport\Rust\LibraryLocator;
use TYPO3\CMS\Core\Core\Environment;

/**
 * PHP, library, master key and root certificates, in the current process.
 *
 * @internal
 */
final readonly class ProcessCheck implements Check
{
    public function __construct(private TransportConfiguration $configuration)
    {
    }

    public function findings(): array
    {
        $unusable = [];
        try {
            [$config, $notes] = self::withoutClosures($this->configuration->document());
        } catch (OutboundException $refusal) {
            [$config, $notes] = [[], []];
            $unusable[] = Finding::critical(
                'config.open',
                $refusal->getMessage(),
                'vendor/bin/typo3 vault:init   # where nr-vault has no key; else the settings that are named',
            );
        }
        $remedies = Remedies::ofThisHost(null, $config, null);
        return [...self::process($config, $remedies, $unusable === []), ...$unusable, ...$notes];
    }

    /**
     * What a worker of php-fpm says when the command line asks it.
     *
     * @return list<Finding>
     */
    public function ofWorker(string $socket): array
    {
        [$config] = self::withoutClosures($this->configuration->document());
        return (new Worker($socket, Configuration::forWorker($config), Remedies::ofThisHost(null, $config, $socket)))->findings;
    }

    /**
     * @param array<string, mixed> $config
     * @return list<Finding>
     */
    private static function process(#[\SensitiveParameter] array $config, Remedies $remedies, bool $isUsable): array
    {
        if (PHP_SAPI === 'fpm-fcgi') {
            $asked = $isUsable ? ['config' => Configuration::forWorker($config, true)] : [];
            return Worker::judge(WorkerReport::read(OwnProcess::report(self::isPreloaded(), $asked), [], []), $config, [], $remedies);
        }
        return [
            ...(Environment::isCli() ? self::commandLine($config, $remedies) : self::anotherServer($config, $remedies)),
            ...($isUsable ? self::judged($config, $remedies) : []),
        ];
    }

    /**
     * @param array<string, mixed> $config
     * @return list<Finding>
     */
    private static function commandLine(#[\SensitiveParameter] array $config, Remedies $remedies): array
    {
        $files = new LibraryFiles(null, null);
        return [
            ...PhpSettings::ofThisProcess($remedies),
            ...$files->findings,
            ...PhpSettings::transportOfThisProcess($files->missing, $config, $remedies),
        ];
    }

    /**
     * A web server's PHP that is not php-fpm.
     *
     * @param array<string, mixed> $config
     * @return list<Finding>
     */
    private static function anotherServer(#[\SensitiveParameter] array $config, Remedies $remedies): array
    {
        try {
            NativeLibrary::bind(LibraryLocator::locate());
            $bound = [Finding::ok('library.abi', 'The library is bound, version ' . NativeLibrary::version() . '.')];
        } catch (\RuntimeException $failure) {
            $bound = PhpSettings::transportOfThisProcess($failure->getMessage(), $config, $remedies);
        }
        return [PhpSettings::version('php', PHP_VERSION), PhpSettings::functions('php', PhpSettings::missing(), $remedies), ...$bound];
    }

    /**
     * @param array<string, mixed> $config
     * @return list<Finding>
     */
    private static function judged(#[\SensitiveParameter] array $config, Remedies $remedies): array
    {
        // nr-vault always has a key: if the configuration has none here, PHP hands it over.
        return array_values(array_filter(
            Configuration::ofThisProcess($config, $remedies),
            static fn (Finding $finding): bool => $finding->code !== 'config.no_key',
        ));
    }

    /**
     * Removes keys that PHP hands over, so that the check does not ask for them: a provider may be a key server that counts each
     * request.
     *
     * @param array<string, mixed> $config
     * @return array{array<string, mixed>, list<Finding>}
     */
    private static function withoutClosures(#[\SensitiveParameter] array $config): array
    {
        $keys = Configuration::keys($config);
        $known = array_values(array_filter($keys, static fn (array $key): bool => !($key['material'] ?? null) instanceof \Closure));
        return [['master_keys' => $known] + $config, count($known) === count($keys) ? [] : [Finding::ok(
            'config.key_of_php',
            "The master key is one that PHP hands over, from nr-vault's provider: whether it fits is known at the first call.",
        )]];
    }

    /** A preloaded class exists although this request has not included its file. */
    private static function isPreloaded(): bool
    {
        return class_exists(NativeLibrary::class)
            && !in_array((new \ReflectionClass(NativeLibrary::class))->getFileName(), get_included_files(), true);
    }
}
