<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Authorize;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Secret\JsonScanner;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * What a token endpoint or a device authorization endpoint has responded: a JSON object, whose members stay where they are until one is
 * read (RFC 6749 sections 5.1 and 5.2, RFC 8628 sections 3.2 and 3.5).
 *
 * @internal
 */
final readonly class EndpointAnswer
{
    private const MEMBERS = [
        'access_token', 'refresh_token', 'scope', 'error', 'device_code', 'user_code', 'verification_uri', 'verification_url',
        'verification_uri_complete', 'expires_in', 'interval',
    ];

    /** The error codes of these standards. Whatever else a response says is not repeated. */
    private const ERRORS = [
        'invalid_request', 'invalid_client', 'invalid_grant', 'unauthorized_client', 'unsupported_grant_type', 'invalid_scope',
        'invalid_target', 'access_denied', 'authorization_pending', 'slow_down', 'expired_token',
    ];

    /**
     * @param array<string, array{int, int}> $places
     */
    private function __construct(private bool $isSuccess, private Secret $body, private array $places)
    {
    }

    /**
     * @throws OutboundException oauth.token_response_invalid, oauth.token_endpoint_unreachable
     */
    public static function read(int $status, #[\SensitiveParameter] Secret $body): self
    {
        if ($status === 408 || $status === 429 || $status >= 500) {
            $why = 'the endpoint cannot be used now: it is overloaded or out of order';
            throw OutboundException::create('oauth.token_endpoint_unreachable', $why, true, 'yes', $status);
        }
        $places = [];
        $isTwice = false;
        $isObject = (new JsonScanner($body->expose()))->members(
            self::MEMBERS,
            static function (?string $name, int $offset, int $length) use (&$places, &$isTwice): void {
                if ($name !== null) {
                    $isTwice = $isTwice || isset($places[$name]);
                    $places[$name] = [$offset, $length];
                }
            },
        );
        if (!$isObject || $isTwice || $status < 200 || ($status >= 300 && $status < 400)) {
            throw self::invalid('it is no JSON object, or has a member twice, or its status is no end of this request', $status);
        }
        return new self($status < 300, $body, $places);
    }

    /** Whether it grants what was asked for. Some servers refuse with 200. */
    public function isGrant(): bool
    {
        return $this->isSuccess && !isset($this->places['error']);
    }

    /** The error that it names, where a standard has it. */
    public function error(): ?string
    {
        $error = $this->text('error');
        return $error !== null && in_array($error, self::ERRORS, true) ? $error : null;
    }

    /**
     * The refusal, for an exception.
     *
     * @param string $of the endpoint
     */
    public function refusal(string $of): OutboundException
    {
        $error = $this->error();
        $name = $error === null ? '' : ': ' . $error;
        return OutboundException::create('oauth.token_endpoint_rejected', "$of refuses$name", false, 'yes');
    }

    /** A member that is a text, and not empty. */
    public function text(string $name): ?string
    {
        $text = isset($this->places[$name]) ? JsonScanner::text($this->body->expose(), ...$this->places[$name]) : null;
        return $text === '' ? null : $text;
    }

    /** The same of a member that is secret. */
    public function secret(string $name): ?Secret
    {
        $text = $this->text($name);
        return $text === null ? null : new Secret($text);
    }

    /** A member that is a whole number of seconds, or text of one as some servers write it. */
    public function seconds(string $name): ?int
    {
        $value = isset($this->places[$name]) ? trim(substr($this->body->expose(), ...$this->places[$name]), '"') : '';
        return preg_match('/\A[1-9][0-9]{0,5}\z/', $value) === 1 ? (int) $value : null;
    }

    public static function invalid(string $why, ?int $status = null): OutboundException
    {
        $message = 'the response of the endpoint is not acceptable: ' . $why;
        return OutboundException::create('oauth.token_response_invalid', $message, false, 'yes', $status);
    }
}
