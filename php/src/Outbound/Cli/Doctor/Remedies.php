<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\System\LocalFile;

/**
 * Makes the commands that fix what the doctor found, to be pasted into a shell, with the paths, the PHP version and the worker's
 * user of this host. An explanation follows as a shell comment.
 *
 * @internal
 */
final readonly class Remedies
{
    /**
     * @param string $version of PHP, "8.2"
     * @param string $user that the workers run as
     * @param string|null $configFile of the transport
     * @param list<string> $keyFiles that it names
     * @param list<string> $variables names of environment variables that contain keys
     * @param array{string, string} $tokens the directories of its token cache and of its refresh tokens
     * @param list<string> $keyIds of its keys
     */
    private function __construct(
        public string $version,
        public string $user,
        private ?string $configFile,
        private array $keyFiles,
        private array $variables,
        private array $tokens,
        public array $keyIds,
    ) {
    }

    /**
     * @param array<string, mixed> $config of the transport
     * @param string|null $socket of php-fpm; on Debian its name contains the version of PHP
     */
    public static function ofThisHost(?string $configFile, #[\SensitiveParameter] array $config, ?string $socket): self
    {
        $version = PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION;
        if (preg_match('~/php(\d+\.\d+)-fpm[^/]*$~', (string) $socket, $match) === 1) {
            $version = $match[1];
        }
        $files = [];
        $variables = [];
        $ids = [];
        foreach (Configuration::keys($config) as $key) {
            if (is_string($key['id'] ?? null)) {
                $ids[] = $key['id'];
            }
            if (($key['provider'] ?? null) === 'file' && is_string($key['path'] ?? null)) {
                $files[] = $key['path'];
            } elseif (($key['provider'] ?? null) === 'env' && is_string($key['name'] ?? null)) {
                $variables[] = $key['name'];
            }
        }
        $directory = static function (string $key) use ($config): string {
            $directory = is_array($config[$key] ?? null) ? $config[$key]['directory'] ?? '' : '';
            return is_string($directory) ? $directory : '';
        };
        $tokens = [$directory('token_cache'), $directory('refresh_tokens')];
        return new self($version, self::poolUser($version), $configFile, $files, $variables, $tokens, $ids);
    }

    /** The same for a worker that has reported its version and its user. */
    public function ofWorker(string $version, ?int $user): self
    {
        $account = $user === null || !function_exists('posix_getpwuid') ? false : posix_getpwuid($user);
        // A program at the socket must not control a part of a command that root pastes.
        $version = preg_match('/^\d+\.\d+/', $version, $match) === 1 ? $match[0] : $this->version;
        $name = $user === 0 ? $this->user : $account['name'] ?? $this->user;
        return new self($version, $name, $this->configFile, $this->keyFiles, $this->variables, $this->tokens, $this->keyIds);
    }

    /** Tests, then reloads. */
    public function reload(): string
    {
        return 'php-fpm' . $this->version . ' -t && systemctl reload php' . $this->version . '-fpm';
    }

    /** The same for a php-fpm that does not run: a reload would fail. */
    public function restart(): string
    {
        return 'php-fpm' . $this->version . ' -t && systemctl restart php' . $this->version . '-fpm';
    }

    /** Adds a line to the ini file of php-fpm that docs/install.md makes; the last line for a setting counts. */
    public function fpmIni(string $line, bool $isRunning = true): string
    {
        return 'echo ' . escapeshellarg($line) . ' >> /etc/php/' . $this->version . '/fpm/conf.d/99-secure-outbound.ini && '
            . ($isRunning ? $this->reload() : $this->restart());
    }

    /** The same for the command line. */
    public function cliIni(string $line): string
    {
        $directory = PHP_CONFIG_FILE_SCAN_DIR === '' ? '/etc/php/' . $this->version . '/cli/conf.d' : PHP_CONFIG_FILE_SCAN_DIR;
        return 'echo ' . escapeshellarg($line) . ' >> ' . rtrim($directory, '/') . '/99-secure-outbound.ini';
    }

    /** Removes a setting from the ini file of the command line that has it. */
    public function withoutCliSetting(string $setting): string
    {
        $file = self::fileWith(preg_quote($setting) . '[ \t]*=', self::cliFiles());
        return $file === null
            ? 'php --ini   # take ' . $setting . ' out of the file that has it'
            : "sed -i '/^[[:space:]]*" . $setting . "[[:space:]]*=/d' " . escapeshellarg($file);
    }

    /**
     * Removes functions from disable_functions.
     *
     * @param non-empty-list<string> $names
     */
    public function allowFunctions(string $area, array $names): string
    {
        $files = $area === 'fpm' ? $this->fpmFiles() : self::cliFiles();
        $file = self::fileWith('[^;\n]*disable_functions.*=.*\b' . $names[0] . '\b', $files);
        if ($file === null) {
            $where = $area === 'fpm' ? '/etc/php/' . $this->version . '/fpm' : '/etc/php/' . $this->version . '/cli';
            return 'grep -rn disable_functions ' . $where . '   # take out ' . implode(', ', $names);
        }
        $line = "sed -i -E '/^[^;]*disable_functions/s/\\b(" . implode('|', $names) . ")\\b[ ,]*//g' " . escapeshellarg($file);
        return $area === 'fpm' ? $line . ' && ' . $this->reload() : $line;
    }

    public function extension(string $name): string
    {
        $package = ['curl' => '-curl', 'opcache' => '-opcache'][$name] ?? '-common';
        return 'apt-get install php' . $this->version . $package . ' && phpenmod -v ' . $this->version . ' ' . $name;
    }

    /** Makes the key files readable for the workers, and for nobody else. */
    public function ownKeys(): string
    {
        $files = $this->keyFiles === [] ? 'KEYFILE' : implode(' ', array_map(escapeshellarg(...), $this->keyFiles));
        return 'chown ' . $this->user . ': ' . $files . ' && chmod 0400 ' . $files;
    }

    /** Replaces links in the configuration by the files that they point to. */
    public function withoutLinks(): string
    {
        $changes = [];
        foreach ($this->keyFiles as $file) {
            $target = is_link($file) ? realpath($file) : false;
            if ($target !== false) {
                $changes[] = '-e ' . escapeshellarg('s#"' . $file . '"#"' . $target . '"#');
            }
        }
        return $changes === [] || $this->configFile === null
            ? 'ls -l ' . implode(' ', array_map(escapeshellarg(...), $this->keyFiles)) . '   # name what it leads to in "path"'
            : 'sed -i ' . implode(' ', $changes) . ' ' . escapeshellarg($this->configFile);
    }

    /** Installs a key file again; only the operator knows the right key. */
    public function installKey(): string
    {
        return 'install -o ' . $this->user . ' -g ' . $this->user . ' -m 0400 vault.key '
            . escapeshellarg($this->keyFiles[0] ?? '/etc/secure-outbound/vault.key') . '   # ' . Installation::page('install.md') . ', "The master key"';
    }

    /** Sets a variable of a pool; for the command line it is set in the shell. */
    public function poolVariable(): string
    {
        $name = $this->variables[0] ?? 'VAULT_KEY';
        return $this->poolSetting('www', 'env[' . $name . '] = "…"', '32 bytes in base64; in a shell: export ' . $name . '=…');
    }

    /** Adds a line to the file of a pool. */
    public function poolSetting(string $pool, string $line, string $note = ''): string
    {
        $directory = '/etc/php/' . $this->version . '/fpm/pool.d';
        $file = self::poolFile($directory, $pool);
        return $file === null
            ? self::edit($directory, 'into [' . $pool . ']: ' . $line . ($note === '' ? '' : '; ' . $note))
            : 'echo ' . escapeshellarg($line) . ' >> ' . escapeshellarg($file) . ' && ' . $this->reload()
                . ($note === '' ? '' : '   # ' . $note);
    }

    /** An existing line is changed: PHP accepts a second one only if it is more restrictive. */
    public function openBasedir(string $pool, string $value): string
    {
        $line = 'php_admin_value[open_basedir] = "' . $value . '"';
        $pools = '/etc/php/' . $this->version . '/fpm/pool.d';
        $own = self::poolFile($pools, $pool);
        $isOwn = static fn (string $file): bool => dirname($file) !== $pools || $file === $own;
        $files = array_values(array_filter($this->fpmFiles(), $isOwn));
        $file = self::fileWith('[^;\n]*\bopen_basedir\b[^=\n]*=', $files);
        if ($file === null) {
            return $this->poolSetting($pool, $line);
        }
        $isOfOthers = $file === $own && preg_match_all('/^[ \t]*\[/m', (string) LocalFile::read($file)) > 1;
        return $isOfOthers || preg_match('~\A[\w./:+-]+\z~', $value) !== 1
            ? self::edit($file, 'in place of the line that is there: ' . $line)
            : "sed -i '/^[^;]*open_basedir/s#=.*#= \"" . $value . "\"#' " . escapeshellarg($file) . ' && ' . $this->reload();
    }

    /** The file whose last section is that of the pool, so that a line at its end belongs to the pool; null if there is none. */
    public static function poolFile(string $directory, string $pool): ?string
    {
        foreach (FileNames::matching($directory . '/*.conf') as $file) {
            preg_match_all('/^[ \t]*\[([^\]\n]+)\]/m', (string) LocalFile::read($file), $sections);
            if (end($sections[1]) === $pool) {
                return $file;
            }
        }
        return null;
    }

    public function lockedMemory(): string
    {
        $unit = 'php' . $this->version . '-fpm.service';
        return 'mkdir -p /etc/systemd/system/' . $unit . ".d && printf '[Service]\\nLimitMEMLOCK=8M\\n' > /etc/systemd/system/" . $unit
            . '.d/secure-outbound.conf && systemctl daemon-reload && systemctl restart ' . $unit . '   # in a shell: ulimit -l 8192';
    }

    public function tokenCache(): string
    {
        return $this->ownDirectory($this->tokens[0] === '' ? '/run/secure-outbound' : $this->tokens[0]);
    }

    public function refreshTokens(): string
    {
        return $this->ownDirectory($this->tokens[1] === '' ? '/var/lib/secure-outbound' : $this->tokens[1]);
    }

    private function ownDirectory(string $directory): string
    {
        return 'install -d -o ' . $this->user . ' -g ' . $this->user . ' -m 0700 ' . escapeshellarg($directory);
    }

    /** Opens a file that only a person can change; the line contains nothing from a registry. */
    public static function edit(string $file, string $note): string
    {
        return '"${EDITOR:-vi}" ' . escapeshellarg($file) . '   # ' . $note;
    }

    /** Seals a payload that the operator has in the file PAYLOAD. */
    public function seal(string $identifier, string $directory): string
    {
        $config = $this->configFile === null ? '/etc/secure-outbound/transport.json' : $this->configFile;
        return 'secure-outbound seal ' . escapeshellarg($identifier) . ' --config=' . escapeshellarg($config) . ' < PAYLOAD > '
            . escapeshellarg(rtrim($directory, '/') . '/' . $identifier);
    }

    /**
     * @return list<string>
     */
    private static function cliFiles(): array
    {
        $scanned = explode(',', (string) php_ini_scanned_files());
        $files = array_map(trim(...), [(string) php_ini_loaded_file(), ...$scanned]);
        return array_values(array_filter($files, static fn (string $file): bool => $file !== ''));
    }

    /**
     * @return list<string>
     */
    private function fpmFiles(): array
    {
        $directory = '/etc/php/' . $this->version . '/fpm/';
        return array_merge(
            [$directory . 'php.ini', $directory . 'php-fpm.conf'],
            FileNames::matching($directory . 'conf.d/*.ini'),
            FileNames::matching($directory . 'pool.d/*.conf'),
        );
    }

    /**
     * @param string $setting a pattern for the beginning of a line
     * @param list<string> $files
     */
    private static function fileWith(string $setting, array $files): ?string
    {
        foreach (array_reverse($files) as $file) {
            if (preg_match('~^[ \t]*' . $setting . '~m', (string) LocalFile::read($file)) === 1) {
                return $file;
            }
        }
        return null;
    }

    private static function poolUser(string $version): string
    {
        foreach (FileNames::matching('/etc/php/' . $version . '/fpm/pool.d/*.conf') as $file) {
            if (preg_match('/^\s*user\s*=\s*([a-z_][a-z0-9_-]*)/m', (string) LocalFile::read($file), $match) === 1) {
                return $match[1];
            }
        }
        return 'www-data';
    }
}
