<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrVault\Http\OAuth\OAuthConfig;
use Netresearch\NrVault\Http\SecretPlacement;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;

/**
 * What a caller has told nr-vault's client: which secret goes where, why, and how long a call may take. The defaults are
 * nr-vault's.
 *
 * @internal
 */
final readonly class Wanted
{
    private const HEADER = 'X-API-Key';
    private const NAME = 'api_key';

    /**
     * @param array<mixed> $options of withAuthentication(), without the reason
     * @param list<array{string, string}> $fields further secrets, each with the body field that it goes into
     */
    private function __construct(
        public string $reason = 'HTTP API call',
        public ?string $identifier = null,
        public ?SecretPlacement $placement = null,
        private array $options = [],
        public ?OAuthConfig $oauth = null,
        public ?int $seconds = null,
        public array $fields = [],
    ) {
    }

    public static function nothing(): self
    {
        return new self();
    }

    /**
     * @param array<mixed> $options
     */
    public function withAuthentication(string $identifier, SecretPlacement $placement, array $options): self
    {
        $reason = self::text($options, 'reason') ?? $this->reason;
        foreach (['headerName', 'prefix', 'queryParam', 'bodyField', 'usernameSecret'] as $option) {
            self::text($options, $option);
        }
        return new self($reason, $identifier, $placement, $options, null, $this->seconds, $this->fields);
    }

    public function withOAuth(OAuthConfig $config, string $reason): self
    {
        return new self($reason, null, SecretPlacement::OAuth2, [], $config, $this->seconds, $this->fields);
    }

    public function withReason(string $reason): self
    {
        return $this->with($reason, $this->seconds, $this->fields);
    }

    public function withTimeout(int $seconds): self
    {
        return $this->with($this->reason, $seconds > 0 ? $seconds : null, $this->fields);
    }

    /**
     * @throws \InvalidArgumentException with nr-vault's codes, for an invalid name of a field, and for a field that is used
     *         already
     */
    public function withAdditionalBodyField(string $identifier, string $field): self
    {
        $isField = preg_match('/\A[A-Za-z_][A-Za-z0-9_]{0,63}\z/', $field) === 1;
        [$message, $code] = match (true) {
            count($this->fields) >= 8 => ['a request has at most 8 additional body fields', 2780984125],
            !$isField => ['a body field is a letter or "_", and up to 63 letters, digits or "_" after it', 4345651550],
            preg_match('/\A[A-Za-z0-9_-]{3,255}\z/', $identifier) !== 1 => ['this is no identifier of a secret', 4345651550],
            $field === $this->bodyField() => ["the body field \"$field\" has the secret of the client already", 7902701577],
            in_array($field, array_column($this->fields, 1), true) => ["the body field \"$field\" is given twice", 5284686842],
            default => [null, 0],
        };
        if ($message !== null) {
            throw new \InvalidArgumentException($message, $code);
        }
        return $this->with($this->reason, $this->seconds, [...$this->fields, [$identifier, $field]]);
    }

    /**
     * The secrets as the library's credentials, in the order in which nr-vault reads them.
     *
     * @return list<CredentialReference> none for OAuth, whose two secrets are one secret for the library
     * @throws OutboundException invalid_request.malformed
     */
    public function references(): array
    {
        $references = $this->identifier === null ? [] : $this->primary($this->identifier);
        foreach ($this->fields as [$identifier, $field]) {
            $references[] = self::secret($identifier, Placement::bodyField($field));
        }
        return $references;
    }

    /**
     * The body fields that secrets go into.
     *
     * @return list<string>
     */
    public function bodyFields(): array
    {
        $primary = $this->bodyField();
        return [...($primary === null ? [] : [$primary]), ...array_column($this->fields, 1)];
    }

    /** How nr-vault's records name the secret of a call. */
    public function recorded(): string
    {
        return $this->oauth === null ? $this->identifier ?? 'none' : 'oauth2:' . $this->oauth->clientIdSecret;
    }

    private function bodyField(): ?string
    {
        return $this->placement === SecretPlacement::BodyField ? self::text($this->options, 'bodyField') ?? self::NAME : null;
    }

    /**
     * @return list<CredentialReference>
     */
    private function primary(string $identifier): array
    {
        $username = self::text($this->options, 'usernameSecret');
        if ($this->placement === SecretPlacement::BasicAuth && $username !== null) {
            return [self::secret($identifier, Placement::basicPassword()), self::secret($username, Placement::basicUsername())];
        }
        $placement = match ($this->placement) {
            SecretPlacement::Bearer => Placement::bearer(),
            SecretPlacement::ApiKey => Placement::apiKey(),
            SecretPlacement::BasicAuth => Placement::basic(),
            SecretPlacement::Header => Placement::header(
                self::text($this->options, 'headerName') ?? self::HEADER,
                self::text($this->options, 'prefix') ?? '',
            ),
            SecretPlacement::QueryParam => Placement::query(self::text($this->options, 'queryParam') ?? self::NAME),
            SecretPlacement::BodyField => Placement::bodyField($this->bodyField() ?? self::NAME),
            // Without an OAuth configuration nr-vault sends no token.
            SecretPlacement::OAuth2, null => null,
        };
        return $placement === null ? [] : [self::secret($identifier, $placement)];
    }

    private static function secret(string $identifier, Placement $placement): CredentialReference
    {
        return new CredentialReference($identifier, CredentialReference::SECRET, $placement);
    }

    /**
     * @param list<array{string, string}> $fields
     */
    private function with(string $reason, ?int $seconds, array $fields): self
    {
        return new self($reason, $this->identifier, $this->placement, $this->options, $this->oauth, $seconds, $fields);
    }

    /**
     * @param array<mixed> $options
     */
    private static function text(array $options, string $name): ?string
    {
        $value = $options[$name] ?? null;
        return $value === null || is_string($value) ? $value : throw new \TypeError("the option $name is no string");
    }
}
