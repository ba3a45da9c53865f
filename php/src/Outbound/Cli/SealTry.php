<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Console\Arguments;
use Netresearch\NrVault\Outbound\Cli\Console\Streams;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Credential\Payload as TransportPayload;
use Netresearch\NrVault\Transport\Php\Credential\PayloadValues;
use Netresearch\NrVault\Transport\Secret\Secret;
use Netresearch\NrVault\Transport\System\Quiet;
use Netresearch\NrVault\Transport\Text\JsonObject;

/**
 * Shows the text that a payload would sign of a request, for whoever compares it with what a server says. Nothing is sealed or sent. It
 * has no secret in it, and no digest of one.
 *
 * @internal
 */
final class SealTry
{
    public const FLAG = 'try';

    /** The keys of a payload that are not secret, by type. */
    private const SHOWN = [
        CredentialReference::AWS_SIGV4 => ['access_key_id', 'region', 'service', 'unsigned_payload', 'in', 'lifetime'],
        CredentialReference::HMAC => ['template', 'headers', 'query'],
    ];

    /**
     * @param list<string> $argv
     */
    public static function run(array $argv, Streams $streams): int
    {
        $arguments = Arguments::parse($argv, [self::FLAG], ['header', 'body', 'id'], ['METHOD', 'URL']);
        $headers = Setup::pairs($arguments->values('header'), 'header', ':');
        $body = self::body($arguments->value('body'));
        $payload = new Secret($streams->read('The payload'));
        $type = Payload::typeOf($payload);
        Payload::check($payload);
        $shown = self::shown($type, $payload);
        $payload->wipe();
        $ofS3 = $shown->stringOrNull('service') === CredentialReference::S3;
        $request = TriedRequest::now($arguments->word(0), $arguments->word(1), $ofS3, $headers, $body, $arguments->value('id'));
        $text = $type === CredentialReference::AWS_SIGV4 ? AwsText::of($shown, $request) : HmacText::of($shown, $request);
        $streams->write($text . "\n");
        return Application::OK;
    }

    /** What of the payload is not secret. */
    private static function shown(string $type, #[\SensitiveParameter] Secret $payload): JsonObject
    {
        if (!isset(self::SHOWN[$type])) {
            $instead = match (true) {
                in_array($type, CredentialReference::FETCHING, true) => 'the library sends a token in its place.',
                $type === CredentialReference::MTLS => 'it is for the TLS handshake.',
                default => 'it is put into the request as it is.',
            };
            throw new UsageError('--try shows what a payload of type ' . implode(' or ', array_keys(self::SHOWN)) . ' signs. One of type '
                . $type . ' signs no request: ' . $instead);
        }
        $places = TransportPayload::fields($type, $payload->expose());
        $value = PayloadValues::of($payload->expose(), $places);
        $shown = [];
        foreach (array_intersect(self::SHOWN[$type], array_keys($places)) as $name) {
            $read = $value($name, null);
            $shown[$name] = $read instanceof \stdClass ? get_object_vars($read) : $read;
        }
        $isRole = $type === CredentialReference::AWS_SIGV4 && isset($places['exchange']);
        // The keys of a role come when it is called.
        $shown = ($isRole ? ['access_key_id' => TriedRequest::SECRET] : []) + $shown;
        return new JsonObject($shown + ($isRole || isset($places['session_token']) ? ['session_token' => TriedRequest::SECRET] : []));
    }

    private static function body(?string $file): string
    {
        $body = $file === null ? '' : Quiet::call(static fn () => file_get_contents($file));
        return is_string($body) ? $body : throw new UsageError('--body: the file cannot be read.');
    }
}
