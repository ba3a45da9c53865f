<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Wizard;

use Netresearch\NrSecureOutbound\Backend\Input;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Cli\GooglePayload;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * What a user has filled in in the wizard.
 *
 * @internal
 */
final readonly class Wish
{
    /** Length of the column, in characters. */
    private const LONGEST_URL = 2048;

    private function __construct(
        public string $id,
        public string $baseUrl,
        private Secret $key,
        private Secret $client,
        public string $scopes,
        public string $audience,
        public string $user,
    ) {
    }

    /**
     * @param array<mixed> $fields
     */
    public static function read(Template $template, #[\SensitiveParameter] array $fields): self
    {
        return new self(
            Input::text($fields, 'id'),
            $template->baseUrl === '' ? rtrim(Input::text($fields, 'base_url'), '/') : $template->baseUrl,
            new Secret(Input::text($fields, 'key')),
            new Secret(Input::text($fields, 'client')),
            Input::text($fields, 'scopes'),
            Input::text($fields, 'audience'),
            Input::text($fields, 'user'),
        );
    }

    /** Id of the credential set. */
    public function setId(): string
    {
        return substr($this->id, 0, 60) . '-key';
    }

    /** Identifier of the secret in nr-vault; such identifiers have neither dots nor hyphens. */
    public function secretId(): string
    {
        return strtr($this->id, '.-', '__') . '_key';
    }

    public function hasBaseUrl(): bool
    {
        return str_starts_with($this->baseUrl, 'https://')
            && strlen($this->baseUrl) <= self::LONGEST_URL
            && filter_var($this->baseUrl, FILTER_VALIDATE_URL) !== false;
    }

    /**
     * Fields whose secret is missing, or cannot be sent in a request.
     *
     * @return list<string>
     */
    public function unusable(Template $template): array
    {
        if ($template->hasAccount) {
            return [];
        }
        $secrets = $template->type() === Template::CLIENT ? ['client' => $this->client, 'key' => $this->key] : ['key' => $this->key];
        return array_keys(array_filter(
            $secrets,
            static fn (Secret $secret): bool => preg_match('/\A[\x21-\x7E]+\z/', $secret->expose()) !== 1,
        ));
    }

    /** Whether it says for what the tokens of a service account are: scopes, or for whom an ID token is asked, and not both. */
    public function saysWhatFor(): bool
    {
        return ($this->scopes === '') !== ($this->audience === '');
    }

    /**
     * The secret as it is sealed: bound to the provider's hosts, so that no row can send it elsewhere.
     *
     * @throws UsageError if the file of a service account is none
     */
    public function payload(Template $template): Secret
    {
        if ($template->hasAccount) {
            $scopes = preg_split('/[\s,]+/', $this->scopes, -1, PREG_SPLIT_NO_EMPTY);
            $others = array_filter(['target-audience' => $this->audience, 'sub' => $this->user], static fn (string $text): bool => $text !== '');
            return GooglePayload::make($this->key->expose(), $scopes === false ? [] : $scopes, $template->hosts($this->baseUrl), $others);
        }
        $secret = $template->type() === Template::CLIENT
            ? [
                'client_id' => $this->client->expose(),
                'client_secret' => $this->key->expose(),
                'token_url' => $template->tokenUrl,
            ]
            : ['secret' => $this->key->expose()];
        return new Secret(json_encode(
            ['type' => $template->type()] + $secret + ['binding' => ['hosts' => $template->hosts($this->baseUrl)]],
            JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE,
        ));
    }
}
