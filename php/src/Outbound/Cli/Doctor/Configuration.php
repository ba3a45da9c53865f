<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\NativeLibrary;
use Netresearch\NrVault\Transport\Php\PhpTransport;
use Netresearch\NrVault\Transport\Wire;

/**
 * Checks the transport's configuration: its form, its master keys, its root certificates. The library checks it, or PhpTransport
 * if the library is not bound. No other part of the doctor reads keys.
 *
 * @internal
 */
final class Configuration
{
    /** Warnings that do not prevent a call. */
    private const MINOR = [
        'key_file.permissions',
        'key_file.symlink',
        'memory.not_locked',
        'http_versions.no_http3',
        'token_cache.missing',
        'token_cache.owner',
        'token_cache.permissions',
        'refresh_tokens.old_key',
    ];

    /**
     * Opens an engine in this process.
     *
     * @param array<string, mixed> $config
     * @return list<Finding>
     */
    public static function ofThisProcess(#[\SensitiveParameter] array $config, Remedies $remedies): array
    {
        try {
            $result = NativeLibrary::open(Wire::encode($config + ['version' => Wire::VERSION]));
            $state = EngineState::ofLibrary($result['head']);
        } catch (\RuntimeException) {
            $state = self::openedInPhp($config);
        }
        if ($state === null) {
            return [Finding::critical(
                'config.unchecked',
                'Without the library, and without curl and sockets or with php_transport false, configuration, keys and roots '
                    . 'cannot be checked.',
                Installation::install() . '   # and what else is named here',
            )];
        }
        $findings = self::judge('config', $state, $remedies);
        array_push($findings, ...self::http3($config, $state));
        if (!isset($config['master_keys']) || $config['master_keys'] === []) {
            $findings[] = Finding::warning(
                'config.no_key',
                'The configuration has no master key: only requests without a credential work.',
                $remedies->installKey() . '; then "master_keys": [{"id": "vault", "provider": "file", "path": …}]',
            );
        }
        return $findings;
    }

    /**
     * Whether HTTP/3 is there, where the configuration allows it. That it is not is a warning of the engine.
     *
     * @param array<string, mixed> $config
     * @return list<Finding>
     */
    public static function http3(array $config, EngineState $state): array
    {
        $isAllowed = in_array('3', (array) ($config['http_versions'] ?? []), true);
        $isMissing = $state->error !== null || in_array('http_versions.no_http3', array_column($state->warnings, 'code'), true);
        return !$isAllowed || $isMissing ? [] : [Finding::ok(
            'config.http3',
            'The library speaks HTTP/3 with services whose policy has http3.',
        )];
    }

    /**
     * The result of PhpTransport if the library is not bound.
     *
     * @param array<string, mixed> $config
     * @return EngineState|null null if PHP lacks extensions or functions for that, or if the configuration forbids PhpTransport
     */
    private static function openedInPhp(#[\SensitiveParameter] array $config): ?EngineState
    {
        try {
            return new EngineState(null, (new PhpTransport($config))->open());
        } catch (OutboundException $refusal) {
            $error = ['code' => $refusal->errorCode(), 'message' => $refusal->reason()];
            return $refusal->errorCode() === 'configuration.transport_unavailable' ? null : new EngineState($error);
        }
    }

    /**
     * @param string $area "config" for this process, "fpm" for a worker
     * @return list<Finding>
     */
    public static function judge(string $area, EngineState $state, Remedies $remedies): array
    {
        $process = $area === 'fpm' ? 'The worker: ' : '';
        if ($state->error !== null) {
            $message = $process . $state->error['message'] . ' [' . $state->error['code'] . ']';
            return [Finding::critical($area . '.open', $message, 'less ' . Installation::page('wire.md') . '   # "Configuration" has every key')];
        }
        $findings = [Finding::ok($area . '.open', $process . 'The configuration is taken.')];
        $keys = true;
        $roots = true;
        foreach ($state->warnings as ['code' => $code, 'message' => $message]) {
            $keys = $keys && !str_starts_with($code, 'key_');
            $roots = $roots && $code !== 'tls.no_roots';
            $remedy = self::remedy($code, $remedies);
            $name = $area . '.' . $code;
            $findings[] = match (true) {
                // The doctor is seldom run by the user of the workers. Only a worker can tell whether the owner is right.
                $code === 'token_cache.owner' && $process === '' => Finding::ok(
                    $name,
                    'The command line shares no tokens: token_cache.directory belongs to another user.',
                ),
                $code === 'refresh_tokens.owner' && $process === '' => Finding::ok(
                    $name,
                    'The command line uses no refresh token: refresh_tokens.directory belongs to another user.',
                ),
                in_array($code, self::MINOR, true) => Finding::warning($name, $process . $message, $remedy),
                default => Finding::critical($name, $process . $message, $remedy),
            };
        }
        if ($keys) {
            $findings[] = Finding::ok($area . '.keys', $process . 'Every master key can be read and has its length.');
        }
        if ($roots) {
            $findings[] = Finding::ok($area . '.roots', $process . 'Trust anchors are loaded.');
        }
        return $findings;
    }

    private static function remedy(string $code, Remedies $remedies): string
    {
        return match ($code) {
            'key_file.permissions', 'key_file.unreadable' => $remedies->ownKeys(),
            'key_file.symlink' => $remedies->withoutLinks(),
            'key_file.missing', 'key_file.invalid' => $remedies->installKey(),
            'key_variable.missing', 'key_variable.invalid' => $remedies->poolVariable(),
            'memory.not_locked' => $remedies->lockedMemory(),
            'token_cache.missing', 'token_cache.owner', 'token_cache.permissions' => $remedies->tokenCache(),
            'refresh_tokens.missing', 'refresh_tokens.owner', 'refresh_tokens.permissions' => $remedies->refreshTokens(),
            'refresh_tokens.old_key' => 'less ' . Installation::page('oauth.md') . '   # "A new master key"',
            'refresh_tokens.unreadable' => 'less ' . Installation::page('oauth.md') . '   # "What is kept of a consent"',
            'tls.no_roots' => 'apt-get install ca-certificates   # or name a file in tls.ca_file',
            default => 'less ' . Installation::page('wire.md') . '   # "Configuration"',
        };
    }

    /**
     * The entries of `master_keys` that have the form of one.
     *
     * @param array<mixed> $config
     * @return list<array<mixed>>
     */
    public static function keys(#[\SensitiveParameter] array $config): array
    {
        $keys = $config['master_keys'] ?? [];
        return is_array($keys) ? array_values(array_filter($keys, is_array(...))) : [];
    }

    /**
     * The configuration that a worker may be asked to open. It has keys by file or variable only, without their ids: a key with
     * an id that the worker knows would replace the key of the application, or would find the application's engine.
     *
     * @param array<string, mixed> $config
     * @param bool $isItsOwn whether the worker has read the configuration itself; then all its keys are included
     * @return array<string, mixed>
     */
    public static function forWorker(#[\SensitiveParameter] array $config, bool $isItsOwn = false): array
    {
        $keys = [];
        foreach (self::keys($config) as $entry) {
            if ($isItsOwn || in_array($entry['provider'] ?? null, ['file', 'env'], true)) {
                $keys[] = array_diff_key($entry, ['id' => 0]);
            }
        }
        if (!$isItsOwn && is_array($config['proxy'] ?? null) && is_string($config['proxy']['url'] ?? null)) {
            // The password of the proxy is removed: any program may listen at the socket, and the check does not need it.
            $config['proxy']['url'] = (string) preg_replace('~^([a-z][a-z0-9+.-]*://)?.*@~is', '$1', $config['proxy']['url']);
        }
        return ['version' => Wire::VERSION, 'user_agent' => 'secure-outbound-doctor', 'master_keys' => $keys] + $config;
    }
}
