<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Console\Arguments;
use Netresearch\NrVault\Outbound\Cli\Console\Streams;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * Seals a payload from standard input, or one that it makes of Google's file; in nr-vault's form one cannot enter a typed payload with a binding.
 *
 * @internal
 */
final class SealCommand implements Command
{
    private const UNBOUND = "secure-outbound seal: warning: the credential is bound to no hosts, so whoever can edit the registry\n"
        . "can send it anywhere. Seal it with \"binding\": {\"hosts\": [\"api.example.com\"]}; bytes as\n"
        . "{\"type\": \"secret\", \"secret\": \"…\", \"binding\": …}. limits.require_binding refuses what has none.\n";

    public static function help(): string
    {
        $key = SealKey::HELP;
        return <<<TEXT
            seal IDENTIFIER KEY [--plain] [--algorithm=xchacha20poly1305|aes256gcm] < PAYLOAD
            seal IDENTIFIER KEY --google=FILE --scope=SCOPE… --host=HOST… [--sub=USER] [--token-url=URL]
              Seals the payload into an nr-vault envelope, which goes to standard output. IDENTIFIER is sealed with it.
              The payload is JSON, {"type": "bearer", "token": "…", "binding": {"hosts": ["api.example.com"]}}, or with
              --plain bytes. Without "hosts" there is a warning: whoever edits the registry can send it anywhere.
              --google makes the payload of the JSON file of a service account, bound to the hosts of the API;
              --target-audience=URL in place of the scopes asks for an ID token.
            $key

            seal --try METHOD URL [--header=NAME:VALUE]… [--body=FILE] [--id=IDEMPOTENCY-KEY] < PAYLOAD
              Seals nothing: shows the text that a payload of type hmac or aws_sigv4 would sign of this request now (of
              aws_sigv4 the canonical request), with [secret] in place of what is secret.

            TEXT;
    }

    public function run(array $argv, Streams $streams): int
    {
        if (in_array('--' . SealTry::FLAG, $argv, true)) {
            return SealTry::run($argv, $streams);
        }
        $arguments = Arguments::parse(
            $argv,
            ['plain'],
            ['algorithm', GooglePayload::FILE, ...GooglePayload::OPTIONS, ...SealKey::OPTIONS],
            ['IDENTIFIER'],
        );
        $identifier = SealKey::identifier($arguments->word(0));
        $algorithm = Envelope::algorithm($arguments->value('algorithm'));
        $masterKey = SealKey::of($arguments);
        $payload = self::payload($arguments, $streams);
        if ($arguments->has('plain')) {
            // An editor or echo adds one line break, which is no part of the secret.
            $payload = new Secret((string) preg_replace('/\r?\n\z/', '', $payload->expose()));
            Payload::checkPlain($payload);
            $hasHosts = false;
        } else {
            $hasHosts = Payload::check($payload);
            self::tellExpiry('seal', Payload::certificateExpiry($payload), $streams);
        }
        if (!$hasHosts) {
            $streams->error(self::UNBOUND);
        }
        $streams->write(Envelope::seal($masterKey, $identifier, $payload, $algorithm) . "\n");
        return Application::OK;
    }

    /** Says when a certificate expires that is sealed by this command. */
    public static function tellExpiry(string $command, ?\DateTimeImmutable $end, Streams $streams): void
    {
        if ($end !== null) {
            $isOver = $end->getTimestamp() <= time();
            $streams->error('secure-outbound ' . $command . ': ' . ($isOver ? 'warning: ' : '') . 'the certificate '
                . ($isOver ? 'expired' : 'expires') . ' on ' . $end->format('Y-m-d H:i') . " UTC\n");
        }
    }

    private static function payload(Arguments $arguments, Streams $streams): Secret
    {
        if ($arguments->has(GooglePayload::FILE)) {
            return $arguments->has('plain')
                ? throw new UsageError('--google makes a typed payload: leave --plain out.')
                : GooglePayload::of($arguments);
        }
        foreach (GooglePayload::OPTIONS as $option) {
            if ($arguments->has($option)) {
                throw new UsageError('--' . $option . ' goes with --google; a payload has it inside.');
            }
        }
        return new Secret($streams->read('The payload'));
    }
}
