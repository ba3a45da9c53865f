<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Credential\AwsPayload;
use Netresearch\NrVault\Transport\Php\Credential\CredentialInjector;
use Netresearch\NrVault\Transport\Php\Credential\HmacPayload;
use Netresearch\NrVault\Transport\Php\Credential\MtlsPayload;
use Netresearch\NrVault\Transport\Php\Credential\RequestDraft;
use Netresearch\NrVault\Transport\Php\Credential\Payload as TransportPayload;
use Netresearch\NrVault\Transport\Php\Credential\TokenPayload;
use Netresearch\NrVault\Transport\Php\Policy\BindingRules;
use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\Secret\JsonScanner;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * Checks a payload by the rules of the transport before it is sealed, because a fault would otherwise show only when the envelope
 * is opened.
 *
 * @internal
 */
final class Payload
{
    private const PLAIN = ' For a secret that is just its bytes: --plain.';

    /**
     * A typed payload: a JSON object with "type", the type's keys and perhaps "binding".
     *
     * @return bool whether the binding names hosts
     * @throws UsageError
     */
    public static function check(#[\SensitiveParameter] Secret $payload): bool
    {
        $type = self::type($payload->expose());
        try {
            $binding = match (true) {
                in_array($type, CredentialReference::FETCHING, true) => TokenPayload::check($type, $payload->expose()),
                $type === CredentialReference::AWS_SIGV4 => AwsPayload::check($payload->expose()),
                $type === CredentialReference::HMAC => HmacPayload::check($payload->expose()),
                $type === CredentialReference::MTLS => MtlsPayload::check($payload->expose()),
                default => self::place($type, $payload->expose()),
            };
            $binding?->verify();
            return $binding?->hasHosts() === true;
        } catch (InvalidPayload $fault) {
            throw self::refused($fault->getMessage(), $type === CredentialReference::SECRET ? self::PLAIN : '');
        } catch (OutboundException $refusal) {
            throw self::refused($refusal->reason());
        }
    }

    /**
     * When the client certificate of a payload that was checked expires, if there is one.
     */
    public static function certificateExpiry(#[\SensitiveParameter] Secret $payload): ?\DateTimeImmutable
    {
        $places = TransportPayload::fields(self::type($payload->expose()), $payload->expose());
        return isset($places['certificate_chain'])
            ? new \DateTimeImmutable('@' . MtlsPayload::chain($payload->expose(), $places)->expiresAt)
            : null;
    }

    /**
     * A plain secret. The service decides where it goes, so nothing more can be checked.
     *
     * @throws UsageError
     */
    public static function checkPlain(#[\SensitiveParameter] Secret $secret): void
    {
        if ($secret->expose() === '') {
            throw new UsageError('The secret is empty.');
        }
        if (!TransportPayload::isPlain($secret->expose())) {
            throw new UsageError('The secret is a typed payload: seal it without --plain.');
        }
    }

    /**
     * The type that a payload says it is of.
     *
     * @throws UsageError
     */
    public static function typeOf(#[\SensitiveParameter] Secret $payload): string
    {
        return self::type($payload->expose());
    }

    /** The type is required, because a reader would otherwise have to guess it. */
    private static function type(#[\SensitiveParameter] string $payload): string
    {
        $type = null;
        $isObject = (new JsonScanner($payload))->members(
            ['type'],
            static function (?string $name, int $offset, int $length) use (&$type, $payload): void {
                $type ??= $name === null ? null : JsonScanner::text($payload, $offset, $length);
            },
        );
        if (!$isObject) {
            throw new UsageError('The payload is no JSON object.' . self::PLAIN);
        }
        if (!in_array($type, TransportPayload::types(), true)) {
            throw new UsageError('"type" is one of ' . implode(', ', TransportPayload::types()) . '.');
        }
        return $type;
    }

    /** Puts the credential into an empty request. A secret whose place the service decides goes where any text is allowed. */
    private static function place(string $type, #[\SensitiveParameter] string $payload): ?BindingRules
    {
        $placement = $type === CredentialReference::SECRET ? Placement::query('any') : null;
        $credential = TransportPayload::parse($type, $payload, $placement);
        $changes = CredentialInjector::inject([$credential], new RequestDraft());
        $changes->wipe();
        $changes->redactor->wipe();
        return $credential->binding;
    }

    private static function refused(string $reason, string $hint = ''): UsageError
    {
        return new UsageError('The payload cannot be used: ' . $reason . '.' . $hint);
    }
}
