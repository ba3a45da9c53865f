<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Authorize\CodeFlow;
use Netresearch\NrVault\Outbound\Cli\Authorize\DeviceFlow;
use Netresearch\NrVault\Outbound\Cli\Authorize\Endpoint;
use Netresearch\NrVault\Outbound\Cli\Authorize\EndpointAnswer;
use Netresearch\NrVault\Outbound\Cli\Authorize\RedirectUri;
use Netresearch\NrVault\Outbound\Cli\Console\Arguments;
use Netresearch\NrVault\Outbound\Cli\Console\ConfigFile;
use Netresearch\NrVault\Outbound\Cli\Console\Streams;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider;
use Netresearch\NrVault\Outbound\TransportFactory;
use Netresearch\NrVault\Transport\Php\Envelope\Algorithm;
use Netresearch\NrVault\Transport\Secret\Secret;
use Netresearch\NrVault\Transport\Text\Printable;

/**
 * Gets the first refresh token of a consent, and seals it.
 *
 * @internal
 */
final class AuthorizeCommand implements Command
{
    private const CODE = 'authorization-url';
    private const DEVICE = 'device-url';

    /** Options of the authorization code grant alone. */
    private const OF_CODE = ['redirect-uri', 'issuer', 'open', 'wait'];

    /** Gives the payload to whatever else seals. */
    private const UNSEALED = 'unsealed';

    private const OPTIONS = ['scope', 'parameter', 'audit-log', 'library', self::CODE, self::DEVICE, ...self::OF_CODE];

    /** Seconds for which a consent is waited for. */
    private const WAIT = 600;

    /** Keys of a configuration that are for calls, which the exchange of a consent is none of. */
    private const NOT_USED = ['refresh_tokens', 'token_cache', 'sidecar', 'php_transport', 'master_keys'];

    public static function help(): string
    {
        return <<<'TEXT'
            authorize IDENTIFIER KEY --authorization-url=URL [--redirect-uri=URI] [--issuer=URL] [--open=PROGRAM] [--wait=SECONDS]
                 [--scope=SCOPE]… [--parameter=NAME=VALUE]… [--config=FILE] [--library=PATH] [--audit-log=FILE] < CLIENT
            authorize IDENTIFIER KEY --device-url=URL [--scope=SCOPE]… [--parameter=NAME=VALUE]… … < CLIENT
            authorize --unsealed [--config=FILE] (--authorization-url=URL | --device-url=URL) … < CLIENT | PROGRAM
              Gets the first refresh token of a consent and seals it as seal does. CLIENT is the payload without the token:
              {"type": "oauth2_refresh_token", "client_id": "…", "client_secret": "…", "token_url": "…", "binding": …}.
              With --authorization-url it shows a URL that somebody opens on this host, and waits on 127.0.0.1 for the answer
              (code with PKCE); --open=xdg-open opens it. With --device-url it shows a code for another device.
              IDENTIFIER and KEY as of seal; --config is the network's configuration too, so another KEY may stand beside it.
              --unsealed gives the payload to a pipe, for what seals it by itself: TYPO3's outbound:credential:set.
              --scope is what the consent is for, by default the scopes of the payload. Google wants
              --parameter=access_type=offline and --parameter=prompt=consent, Microsoft --scope=offline_access.

            TEXT;
    }

    public function run(array $argv, Streams $streams): int
    {
        $isUnsealed = in_array('--' . self::UNSEALED, $argv, true);
        $options = $isUnsealed ? [SealKey::CONFIG] : ['algorithm', ...SealKey::OPTIONS];
        $arguments = Arguments::parse($argv, [self::UNSEALED], [...self::OPTIONS, ...$options], $isUnsealed ? [] : ['IDENTIFIER']);
        if ($isUnsealed && $streams->isTerminal()) {
            throw new UsageError('--' . self::UNSEALED . ' gives the refresh token itself to a pipe, and not to a terminal.');
        }
        $seal = $isUnsealed ? null : self::sealing($arguments);
        $draft = ConsentDraft::read(new Secret($streams->read('The client')));
        $scopes = $arguments->has('scope') ? $arguments->values('scope') : $draft->scopes();
        $answer = self::consent($arguments, $draft, $scopes, $streams);
        $token = $answer->secret('refresh_token') ?? throw EndpointAnswer::invalid('it has no refresh_token: ask for offline access, with '
            . '--scope=offline_access, or for Google --parameter=access_type=offline and --parameter=prompt=consent');
        self::tellScopes($scopes, $answer->text('scope'), $streams);
        unset($answer);
        $payload = $draft->complete($token);
        $token->wipe();
        Payload::check($payload);
        SealCommand::tellExpiry('authorize', Payload::certificateExpiry($payload), $streams);
        $streams->write($seal === null ? $payload->expose() : $seal($payload) . "\n");
        return Application::OK;
    }

    /**
     * @return \Closure(Secret): string
     */
    private static function sealing(Arguments $arguments): \Closure
    {
        $identifier = SealKey::identifier($arguments->word(0));
        $algorithm = Envelope::algorithm($arguments->value('algorithm'));
        $masterKey = SealKey::of($arguments, true);
        return static fn (Secret $payload): string => Envelope::seal($masterKey, $identifier, $payload, $algorithm);
    }

    /**
     * @param list<string> $scopes
     */
    private static function consent(Arguments $arguments, ConsentDraft $draft, array $scopes, Streams $streams): EndpointAnswer
    {
        if ($arguments->has(self::CODE) === $arguments->has(self::DEVICE)) {
            throw new UsageError('One of these goes here: --' . self::CODE . ' or --' . self::DEVICE . '.');
        }
        $parameters = Setup::pairs($arguments->values('parameter'), 'parameter', '=');
        $tell = static fn (string $line) => $streams->error($line . "\n");
        $endpoint = self::endpoint($arguments, $draft, $streams);
        if ($arguments->has(self::DEVICE)) {
            foreach (self::OF_CODE as $option) {
                if ($arguments->has($option)) {
                    throw new UsageError('--' . $option . ' goes with --' . self::CODE . '.');
                }
            }
            $url = $arguments->required(self::DEVICE);
            $draft->checkEndpoint(self::DEVICE, $url);
            $pause = static function (int $seconds): void {
                sleep($seconds);
            };
            return (new DeviceFlow($url, $draft->tokenUrl(), $scopes, $parameters, $tell, $pause))->run($endpoint);
        }
        $flow = new CodeFlow(
            $arguments->required(self::CODE),
            $draft->tokenUrl(),
            $draft->clientId(),
            $scopes,
            $parameters,
            $arguments->value('issuer'),
            $tell,
        );
        $program = $arguments->value('open');
        $seconds = self::seconds($arguments->value('wait'));
        $redirect = RedirectUri::listen($arguments->value('redirect-uri') ?? RedirectUri::DEFAULT);
        return $flow->run($endpoint, $redirect, $seconds, static function (string $url) use ($tell, $program): void {
            $tell("Open this on this host, and consent:\n$url");
            if ($program !== null) {
                self::open($program, $url);
            }
        });
    }

    /** The transport gets a key of its own, so that what it opens is this client alone. */
    private static function endpoint(Arguments $arguments, ConsentDraft $draft, Streams $streams): Endpoint
    {
        $file = $arguments->value(SealKey::CONFIG);
        $config = $file === null ? ['version' => 1] : array_diff_key(ConfigFile::read($file), array_flip(self::NOT_USED));
        $key = new Secret(random_bytes(Algorithm::KEY_BYTES));
        $config['master_keys'] = [['provider' => 'raw', 'key_base64' => base64_encode($key->expose())]];
        $log = $arguments->value('audit-log');
        if ($log !== null && !str_starts_with($log, '/')) {
            throw new UsageError('--audit-log is an absolute path.');
        }
        $identifier = 'client';
        $credential = $draft->credential($identifier);
        $envelopes = $credential === null
            ? []
            : [$identifier => Envelope::seal($key, $identifier, $credential[1], Envelope::algorithm(null))];
        return new Endpoint(
            new TransportFactory($config, $arguments->value('library')),
            new ArrayCredentialProvider($envelopes),
            $log === null ? new StandardErrorAuditSink($streams) : OwnersAuditSink::open($log),
            $credential === null ? [] : [$credential[0]],
            $draft->form(),
        );
    }

    private static function seconds(?string $text): int
    {
        return match (true) {
            $text === null => self::WAIT,
            preg_match('/\A[1-9][0-9]{0,4}\z/', $text) === 1 => (int) $text,
            default => throw new UsageError('--wait is a whole number of seconds.'),
        };
    }

    /** The program goes on by itself: PHP would wait for the end of one that it has started. */
    private static function open(string $program, string $url): void
    {
        $shell = ['/bin/sh', '-c', 'command -v "$0" > /dev/null || exit 127; "$0" "$1" &', $program, $url];
        $process = proc_open($shell, [['file', '/dev/null', 'r'], ['file', '/dev/null', 'w'], ['file', '/dev/null', 'w']], $pipes);
        if (!is_resource($process) || proc_close($process) !== 0) {
            throw new UsageError('--open: there is no such program.');
        }
    }

    /**
     * RFC 6749 section 5.1: the server says which scopes it has granted, where these are not those that were asked for.
     *
     * @param list<string> $asked
     */
    private static function tellScopes(array $asked, ?string $granted, Streams $streams): void
    {
        $missing = $granted === null ? [] : array_diff($asked, explode(' ', $granted), ['offline_access']);
        if ($missing !== []) {
            $streams->error('secure-outbound authorize: warning: the consent does not have ' . Printable::text(implode(' ', $missing), 300)
                . ". A token endpoint refuses a refresh with \"scopes\" that it has not.\n");
        }
    }
}
