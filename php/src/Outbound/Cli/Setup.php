<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Console\Arguments;
use Netresearch\NrVault\Outbound\Cli\Console\ConfigFile;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider;
use Netresearch\NrVault\Outbound\Credential\CredentialProvider;
use Netresearch\NrVault\Outbound\Credential\DirectoryCredentialProvider;
use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\ServiceRegistry;
use Netresearch\NrVault\Outbound\TransportFactory;

/**
 * What the commands explain and send need for a call: the files that the options name.
 *
 * @internal
 */
final readonly class Setup
{
    /** The command's options for these files. */
    public const OPTIONS = ['config', 'registry', 'credentials', 'library'];

    public const HELP = "--registry=FILE [--config=FILE] [--credentials=DIR] [--library=PATH]";

    public ServiceRegistry $registry;
    public TransportFactory $transports;
    public CredentialProvider $credentials;

    /**
     * @throws UsageError
     */
    public function __construct(Arguments $arguments)
    {
        $file = $arguments->value('config');
        $directory = $arguments->value('credentials');
        $this->registry = new JsonFileServiceRegistry($arguments->required('registry'));
        $this->transports = new TransportFactory(
            $file === null ? [] : ConfigFile::read($file),
            $arguments->value('library'),
        );
        $this->credentials = $directory === null
            ? new ArrayCredentialProvider([])
            : new DirectoryCredentialProvider($directory);
    }

    /**
     * Splits words in the form "name=value" or "name: value".
     *
     * @param list<string> $words
     * @param non-empty-string $separator
     * @return list<array{string, string}>
     * @throws UsageError
     */
    public static function pairs(array $words, string $option, string $separator): array
    {
        $pairs = [];
        foreach ($words as $word) {
            $pair = explode($separator, $word, 2);
            if ($pair[0] === '' || !isset($pair[1])) {
                throw new UsageError('--' . $option . ' is NAME' . $separator . 'VALUE.');
            }
            $pairs[] = [$pair[0], ltrim($pair[1], ' ')];
        }
        return $pairs;
    }
}
