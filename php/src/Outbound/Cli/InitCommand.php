<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Console\Arguments;
use Netresearch\NrVault\Outbound\Cli\Console\Streams;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Cli\Init\Layout;
use Netresearch\NrVault\Outbound\SecureOutbound;

/**
 * Creates the files that SecureOutbound::fromDirectory() reads. Existing ones are not changed.
 *
 * @internal
 */
final class InitCommand implements Command
{
    private const REGISTRY = "{\n  \"version\": 1,\n  \"services\": {}\n}\n";

    public static function help(): string
    {
        $audit = dirname(SecureOutbound::AUDIT_LOG);
        $cache = SecureOutbound::REGISTRY_CACHE;
        return <<<TEXT
            init DIR [--user=USER] [--audit=DIR] [--cache=DIR]
              Makes a directory with configuration (transport.json), a new master key (vault.key), an empty registry
              (services.json) and vault/ for envelopes, and the directory of the audit file, $audit
              unless told otherwise. USER is PHP's, www-data unless told otherwise: the key and the audit directory are
              its, all else is root's and its group reads it. With --cache also a directory, USER's, in which workers
              keep the compiled registry: they look for it in $cache unless told otherwise.
              Whatever is there already stays as it is. Not as root, all is the caller's.

            TEXT;
    }

    public function run(array $argv, Streams $streams): int
    {
        $arguments = Arguments::parse($argv, [], ['user', 'audit', 'cache'], ['DIR']);
        $directory = self::path('DIR', $arguments->word(0));
        $audit = self::path('--audit', $arguments->value('audit') ?? dirname(SecureOutbound::AUDIT_LOG));
        $cache = $arguments->value('cache');
        $cache = $cache === null ? null : self::path('--cache', $cache);
        $layout = new Layout($arguments->value('user'));
        $layout->check($directory, true);
        $layout->check($audit, false);
        if ($cache !== null) {
            $layout->check($cache, false);
        }

        $layout->rootsDirectory($directory, 0755);
        // Another process may have created it in the meantime.
        $layout->check($directory, true);
        $layout->file($directory . '/transport.json', 0640, self::configuration($directory));
        $layout->file($directory . '/services.json', 0640, self::REGISTRY);
        $layout->directory($directory . '/vault', 0750);
        $layout->usersFile($directory . '/vault.key', 0400, base64_encode(random_bytes(32)));
        $layout->logDirectory($audit, 02750);
        if ($cache !== null) {
            $layout->usersDirectory($cache, 0700);
        }
        foreach ($layout->done as $line) {
            $streams->write($line . "\n");
        }
        $quoted = preg_match('~\A[\w./+-]+\z~', $directory) === 1 ? $directory : escapeshellarg($directory);
        $streams->write("\nNext, a credential, a service in $directory/services.json, and the doctor:\n"
            . "    secure-outbound seal NAME --config=$quoted/transport.json < PAYLOAD > $quoted/vault/NAME\n"
            . "    secure-outbound doctor --config=$quoted/transport.json --registry=$quoted/services.json"
            . " --credentials=$quoted/vault\n");
        return Application::OK;
    }

    private static function path(string $name, string $path): string
    {
        if (!str_starts_with($path, '/') || rtrim($path, '/') === '' || preg_match('/[^ -~]/', $path) === 1) {
            throw new UsageError($name . ' is an absolute path of ASCII characters.');
        }
        return rtrim($path, '/');
    }

    private static function configuration(string $directory): string
    {
        $flags = JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR;
        $key = ['id' => 'vault-' . gmdate('Y'), 'provider' => 'file', 'path' => $directory . '/vault.key'];
        $config = ['version' => 1, 'master_keys' => [$key], 'limits' => ['require_binding' => true]];
        return str_replace('    ', '  ', json_encode($config, $flags)) . "\n";
    }
}
