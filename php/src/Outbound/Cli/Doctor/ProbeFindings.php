<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Outbound\Cli\Console\Refusal;

/**
 * The findings of a worker that checked the files of an operator, see WorkerProbe.
 *
 * @phpstan-import-type Denied from WorkerReport
 * @phpstan-import-type Problem from WorkerReport
 * @phpstan-import-type Credentials from WorkerReport
 *
 * @internal
 */
final readonly class ProbeFindings
{
    private const SEALED_AGAIN = [
        'credential.authentication_failed' => 'no master key of the configuration opens it for this identifier',
        'credential.expired' => 'its binding has expired',
        'credential.payload_invalid' => 'what was sealed is not of the type that the registry has',
        'credential.malformed' => 'its file holds no envelope',
        'credential.not_found' => 'the worker finds no file for it',
    ];

    /**
     * Names that DirectoryCredentialProvider accepts. With another name, the command that seals a payload could write outside of
     * the directory.
     */
    private const FILE_NAME = '/\A[A-Za-z0-9_-][A-Za-z0-9._-]*\z/';

    private string $group;

    private string $pool;

    private int $master;

    /**
     * @param array<string, string> $files that the worker was asked to check, in the form of WorkerProbe::look()
     */
    public function __construct(private WorkerReport $report, private array $files, private Remedies $remedies)
    {
        $process = WorkerProcess::of($report->pid);
        [$this->master, $this->pool] = [$process->master, $process->pool];
        $entry = $process->group !== null && function_exists('posix_getgrgid') ? posix_getgrgid($process->group) : false;
        $this->group = $entry['name'] ?? (string) ($process->group ?? $remedies->user);
    }

    /**
     * @return list<Finding>
     */
    public function all(): array
    {
        $findings = [ControlTimeout::of($this->master, $this->remedies->reload())];
        $denied = $this->report->denied;
        if (array_key_exists('config', $denied)) {
            $findings[] = $this->file('fpm.config', $this->files['config'], $denied['config']);
        }
        foreach (array_intersect_key($denied, ['ca_file' => 0, 'crl_file' => 0]) as $name => $why) {
            $findings[] = $this->file('fpm.tls', $this->files[$name], $why);
        }
        if (array_key_exists('registry', $denied)) {
            $findings[] = $this->file('fpm.registry', $this->files['registry'], $denied['registry']);
        }
        if (array_key_exists('registry_cache', $denied)) {
            $findings[] = $this->registryCache($this->files['registry_cache'], $denied['registry_cache']);
        }
        if ($this->report->credentials !== null) {
            array_push($findings, ...$this->credentials($this->report->credentials));
        }
        if ($this->report->audit !== null) {
            $findings[] = $this->audit($this->report->audit);
        }
        return $findings;
    }

    /**
     * @param Denied|null $denied
     */
    private function file(string $code, string $path, ?array $denied): Finding
    {
        return $denied === null
            ? Finding::ok($code, 'The worker reads ' . $path . '.')
            : Finding::critical($code, $this->why('The worker cannot read ' . $path, $denied), $this->letRead($denied));
    }

    /**
     * @param Denied|null $denied
     */
    private function registryCache(string $directory, ?array $denied): Finding
    {
        $code = 'fpm.registry_cache';
        if ($denied === null) {
            return Finding::ok($code, 'The worker keeps the compiled registry in ' . $directory . '.');
        }
        ['reason' => $reason, 'at' => $at] = $denied;
        $why = match ($reason) {
            'missing' => $at . ' is not there',
            'no_directory' => $at . ' is a link or no directory',
            'owner' => $at . ' belongs to another user',
            'permissions' => 'others can write to ' . $at,
            'hidden' => 'open_basedir hides what lies above ' . $at,
            default => 'user ' . $this->remedies->user . ' cannot write to ' . $at,
        };
        $message = ucfirst($why) . ': the worker reads the registry at each request.';
        if ($reason === 'hidden') {
            // Calls work without the cache, so there is no reason to change open_basedir.
            return Finding::ok($code, $message);
        }
        $owner = '-o ' . escapeshellarg($this->remedies->user) . ' -g ' . escapeshellarg($this->group);
        return Finding::warning($code, $message, match (true) {
            $reason === 'no_directory' => 'ls -ld ' . escapeshellarg($at) . '   # name the directory as it is',
            $at === $directory => 'install -d ' . $owner . ' -m 0700 ' . escapeshellarg($directory),
            default => 'chown root:root ' . escapeshellarg($at) . ' && chmod go-w ' . escapeshellarg($at),
        });
    }

    /**
     * @param Credentials $told
     * @return list<Finding>
     */
    private function credentials(array $told): array
    {
        $findings = [];
        foreach ($told['problems'] as $problem) {
            $findings[] = $this->credential($problem);
        }
        if ($told['key_ids'] !== []) {
            $findings[] = Finding::critical(
                'fpm.key_id',
                'The worker has another key under the id "' . implode('", "', $told['key_ids']) . '": another site of this '
                    . 'php-fpm uses the same id and gave it first, or the key was changed without a reload.',
                $this->renameIds($told['key_ids']),
            );
        }
        if ($told['unchecked'] > 0) {
            $findings[] = Finding::warning(
                'fpm.unchecked',
                'The worker cannot look into ' . $told['unchecked'] . ' envelopes: ' . $this->whyUnchecked(),
                Installation::install() . ' && ' . $this->remedies->reload(),
            );
        }
        return $findings === []
            ? [Finding::ok('fpm.credentials', 'The worker can use every credential of the registry: ' . $told['checked'] . '.')]
            : $findings;
    }

    private function whyUnchecked(): string
    {
        return match (true) {
            $this->report->failure !== null => 'it has not bound the library, and PHP serves none of their services.',
            !$this->report->checks => 'its library or header is older and has no secure_outbound_check.',
            default => 'no engine can be opened with this configuration, or the transport in PHP is not there.',
        };
    }

    /**
     * @param Problem $problem
     */
    private function credential(array $problem): Finding
    {
        ['service' => $service, 'identifier' => $identifier, 'code' => $code] = $problem;
        $name = 'Service "' . $service . '", credential "' . $identifier . '": ';
        if (preg_match(self::FILE_NAME, $identifier) !== 1) {
            $message = $name . 'no file of a directory can have this name [' . $code . '].';
            return Finding::critical('fpm.credential', $message, Remedies::edit($this->files['registry'], 'name a file'));
        }
        $seal = $this->remedies->seal($identifier, $this->files['credentials'] ?? '');
        if ($problem['denied'] !== null && $problem['denied']['reason'] !== 'missing') {
            $message = $this->why($name . 'the worker cannot read its file', $problem['denied']);
            return Finding::critical('fpm.credential', $message, $this->letRead($problem['denied']));
        }
        if ($code === 'policy.binding_violated') {
            $methods = $problem['methods'];
            $message = $name . ($methods === []
                ? 'its binding does not allow the host or the methods of the service, or there has to be one'
                : 'its binding does not allow ' . implode(', ', $methods) . ', which the service may use') . ' [' . $code . '].';
            return $methods === []
                ? Finding::critical('fpm.binding', $message, $seal)
                : Finding::warning('fpm.binding', $message, $seal);
        }
        $why = self::SEALED_AGAIN[$code] ?? Refusal::remedy($code);
        return Finding::critical('fpm.credential', $name . $why . ' [' . $code . '].', match (true) {
            isset(self::SEALED_AGAIN[$code]) => $seal,
            $code === 'credential.key_unavailable' => $this->remedies->ownKeys(),
            default => $seal . '   # ' . Refusal::remedy($code),
        });
    }

    /**
     * @param array{message: string|null, denied: Denied|null} $told
     */
    private function audit(array $told): Finding
    {
        $file = $this->files['audit'];
        if ($told['message'] === null) {
            return Finding::ok('fpm.audit', 'The worker can write ' . $file . '.');
        }
        $message = 'The worker cannot write the audit record to ' . $file . ': ' . $told['message'];
        if (($told['denied']['reason'] ?? '') === 'open_basedir') {
            return Finding::critical('fpm.audit', $message, $this->openBasedir());
        }
        // `secure-outbound init` makes the directory in the same way, with Debian's group for readers of logs.
        $readers = function_exists('posix_getgrnam') && posix_getgrnam('adm') !== false ? 'adm' : $this->group;
        $own = '-o ' . escapeshellarg($this->remedies->user) . ' -g ' . escapeshellarg($readers) . ' -m 2750 ';
        $remedy = 'install -d ' . $own . escapeshellarg(dirname($file));
        if (is_file($file)) {
            $remedy .= ' && chown -h ' . escapeshellarg($this->remedies->user . ':' . $readers) . ' ' . escapeshellarg($file);
        }
        return Finding::critical('fpm.audit', $message, $remedy);
    }

    /**
     * @param Denied $denied
     */
    private function why(string $what, array $denied): string
    {
        return $what . match ($denied['reason']) {
            'open_basedir' => ': open_basedir of the pool does not name its directory.',
            'missing' => ': for it, there is no such file.',
            default => ': user ' . $this->remedies->user . ' may not ' . (is_dir($denied['at']) ? 'enter ' : 'read ') . $denied['at'] . '.',
        };
    }

    /**
     * @param Denied $denied
     */
    private function letRead(array $denied): string
    {
        $at = escapeshellarg($denied['at']);
        return match ($denied['reason']) {
            'open_basedir' => $this->openBasedir(),
            'missing' => 'ls -l ' . $at,
            default => 'chgrp ' . escapeshellarg($this->group) . ' ' . $at . ' && chmod ' . (is_dir($denied['at']) ? 'g+rx ' : 'g+r ') . $at,
        };
    }

    /** One line for all hidden paths, because PHP would use only one of two lines. */
    private function openBasedir(): string
    {
        $denied = [...array_values($this->report->denied), ...array_column($this->report->credentials['problems'] ?? [], 'denied')];
        $hidden = array_filter($denied, static fn (?array $why): bool => ($why['reason'] ?? '') === 'open_basedir');
        $places = array_map(static fn (string $at): string => dirname($at) . '/', array_column($hidden, 'at'));
        if (($this->report->audit['denied']['reason'] ?? '') === 'open_basedir') {
            $places[] = dirname($this->files['audit']) . '/';
        }
        sort($places);
        $value = $this->report->ini['open_basedir'];
        $last = null;
        foreach ($places as $place) {
            if ($last === null || !str_starts_with($place, $last)) {
                $value .= ':' . $place;
                $last = $place;
            }
        }
        return $this->remedies->openBasedir($this->pool, ltrim($value, ':'));
    }

    /**
     * @param list<string> $ids
     */
    private function renameIds(array $ids): string
    {
        $file = $this->files['config'] ?? '';
        foreach ($ids as $id) {
            // JSON can write other ids in more than one way.
            if (preg_match('/\A[\w.:+ -]+\z/', $id) !== 1) {
                return Remedies::edit($file, 'give these keys ids that no other site has');
            }
        }
        $lines = array_map(
            static fn (string $id): string => 's/"id"[[:space:]]*:[[:space:]]*"' . str_replace('.', '\\.', $id) . '"/"id": "' . $id . '-'
                . bin2hex(random_bytes(3)) . '"/',
            $ids,
        );
        return 'sed -i ' . implode(' ', array_map(static fn (string $line): string => '-e ' . escapeshellarg($line), $lines)) . ' '
            . escapeshellarg($file);
    }
}
