<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * Header fields that carry a credential. The parts are of the type Secret: with a string, the trace of an exception would contain
 * a copy.
 *
 * @internal
 */
final class HeaderField
{
    /**
     * The value of a field, joined from these parts.
     *
     * @throws OutboundException credential.unusable
     */
    public static function value(
        #[\SensitiveParameter] ?Secret $prefix,
        #[\SensitiveParameter] Secret $secret,
    ): Secret {
        if ($secret->expose() === '') {
            throw self::unusable('the secret is empty');
        }
        $value = new Secret($prefix?->expose() . $secret->expose());
        // White space around a value is not part of it: HTTP/1.1 removes it, and in HTTP/2 the request is malformed.
        if (trim($value->expose(), " \t") !== $value->expose()) {
            throw self::unusable('the secret starts or ends with a blank');
        }
        if (preg_match('/[\x00-\x08\x0A-\x1F\x7F]/', $value->expose()) !== 0) {
            throw self::unusable('the secret holds a control character, which no header can carry');
        }
        return $value;
    }

    /**
     * "Basic" and the base64 of both, joined by a colon.
     *
     * @throws OutboundException credential.unusable
     */
    public static function basic(
        #[\SensitiveParameter] Secret $username,
        #[\SensitiveParameter] Secret $password,
    ): Secret {
        if ($username->expose() === '' && $password->expose() === '') {
            throw self::unusable('the secret is empty');
        }
        if (str_contains($username->expose(), ':')) {
            throw self::unusable('the user name holds a colon, which ends it for the receiver');
        }
        $pair = self::pair($username, $password);
        // RFC 7617 forbids control characters. With a line break by mistake, the server would only refuse the authentication.
        if (preg_match('/[\x00-\x1F\x7F]/', $pair->expose()) !== 0) {
            throw self::unusable('the user name or the password holds a control character');
        }
        return self::value(new Secret('Basic '), new Secret(base64_encode($pair->expose())));
    }

    /** user:password */
    public static function pair(
        #[\SensitiveParameter] Secret $username,
        #[\SensitiveParameter] Secret $password,
    ): Secret {
        return new Secret($username->expose() . ':' . $password->expose());
    }

    private static function unusable(string $message): OutboundException
    {
        return OutboundException::create('credential.unusable', $message);
    }
}
