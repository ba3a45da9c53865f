<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Text\Names;

/**
 * The declaration of a credential: its identifier, what its envelope contains, and where a plain secret goes. The envelope itself
 * is found by the identifier.
 *
 * @api
 */
final readonly class CredentialReference
{
    public const BEARER = 'bearer';
    public const API_KEY = 'api_key';
    public const BASIC = 'basic';
    public const OAUTH2_CLIENT_CREDENTIALS = 'oauth2_client_credentials';
    public const OAUTH2_JWT_BEARER = 'oauth2_jwt_bearer';
    public const OAUTH2_REFRESH_TOKEN = 'oauth2_refresh_token';
    public const JWT = 'jwt';
    public const AWS_SIGV4 = 'aws_sigv4';
    public const HMAC = 'hmac';
    public const MTLS = 'mtls';
    public const SECRET = 'secret';

    /** S3 among the services of AWS. */
    public const S3 = 's3';

    /** An optional prefix of the identifier, as in the settings of extensions. */
    public const PREFIX = 'vault:';

    /** The types that a token is fetched or signed with, which is kept and is what a request carries. */
    public const FETCHING = [self::OAUTH2_CLIENT_CREDENTIALS, self::OAUTH2_JWT_BEARER, self::OAUTH2_REFRESH_TOKEN, self::JWT];

    /** The types that sign a request, which carries what was made with the secret. */
    public const SIGNING = [self::AWS_SIGV4, self::HMAC];

    private const TYPES = [
        self::BEARER,
        self::API_KEY,
        self::BASIC,
        self::OAUTH2_CLIENT_CREDENTIALS,
        self::OAUTH2_JWT_BEARER,
        self::OAUTH2_REFRESH_TOKEN,
        self::JWT,
        self::AWS_SIGV4,
        self::HMAC,
        self::MTLS,
        self::SECRET,
    ];

    private const KEYS = ['identifier', 'type', 'placement', 'service'];

    /** Without the prefix: the exact bytes that the envelope is bound to, in nr-vault's case and spelling. */
    public string $identifier;

    /**
     * @param string $identifier "identifier" or "vault:identifier", 1 to 255 bytes
     * @param string $type one of the constants; it says what the envelope holds
     * @param Placement|null $placement required for SECRET, and not allowed for other types
     * @param string|null $service the service of AWS that an AWS_SIGV4 signs for, in a-z 0-9 -; required where it is S3, and not
     *        allowed for other types
     * @throws OutboundException invalid_request.malformed
     */
    public function __construct(
        string $identifier,
        public string $type,
        public ?Placement $placement = null,
        public ?string $service = null,
    ) {
        $this->identifier = str_starts_with($identifier, self::PREFIX)
            ? substr($identifier, strlen(self::PREFIX))
            : $identifier;
        if ($this->identifier === '' || strlen($this->identifier) > 255) {
            throw OutboundException::malformed('the identifier of a credential is empty or longer than 255 bytes');
        }
        if (!in_array($type, self::TYPES, true)) {
            throw OutboundException::malformed('the type of the credential "' . $this->identifier . '" is unknown');
        }
        if (($type === self::SECRET) !== ($placement !== null)) {
            throw OutboundException::malformed(
                'the credential "' . $this->identifier . '": a secret needs a placement, and nothing else has one',
            );
        }
        if ($service !== null && ($type !== self::AWS_SIGV4 || preg_match('/\A[a-z0-9-]+\z/', $service) !== 1)) {
            throw OutboundException::malformed(
                'the credential "' . $this->identifier . '": an aws_sigv4 may name its service, in a-z 0-9 -, and nothing else has one',
            );
        }
    }

    /**
     * Whether one of them signs for S3, whose URLs are spelt in a way of their own.
     *
     * @param list<self> $references
     */
    public static function haveS3(array $references): bool
    {
        return in_array(self::S3, array_column($references, 'service'), true);
    }

    /** Whether a request carries the secret itself, and nothing that was made with it. */
    public function isSent(): bool
    {
        return !in_array($this->type, [...self::FETCHING, ...self::SIGNING, self::MTLS], true);
    }

    /**
     * The credential with its envelope.
     *
     * @throws OutboundException credential.malformed
     */
    public function seal(#[\SensitiveParameter] string $envelope): SealedCredential
    {
        return new SealedCredential($this, $envelope);
    }

    /**
     * The entry of "credentials" in the request head. The envelope is sent separately.
     *
     * @return array{identifier: string, type: string, placement?: array{type: string, name?: string, prefix?: string}, service?: string}
     */
    public function toWire(): array
    {
        $wire = ['identifier' => $this->identifier, 'type' => $this->type];
        if ($this->placement !== null) {
            $wire['placement'] = $this->placement->toWire();
        }
        if ($this->service !== null) {
            $wire['service'] = $this->service;
        }
        return $wire;
    }

    /**
     * The reverse of toWire().
     *
     * @param array<mixed> $wire
     * @throws OutboundException invalid_request.malformed
     */
    public static function fromWire(array $wire): self
    {
        $unknown = Names::unknown('a credential', $wire, self::KEYS);
        if ($unknown !== null) {
            throw OutboundException::malformed($unknown);
        }
        $placement = isset($wire['placement']) ? Placement::fromWire($wire['placement']) : null;
        [$identifier, $type, $service] = [$wire['identifier'] ?? '', $wire['type'] ?? '', $wire['service'] ?? null];
        return is_string($identifier) && is_string($type) && ($service === null || is_string($service))
            ? new self($identifier, $type, $placement, $service)
            : throw OutboundException::malformed('a value of a credential has the wrong type');
    }
}
