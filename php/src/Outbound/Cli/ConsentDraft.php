<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Credential\ClientPayload;
use Netresearch\NrVault\Transport\Php\Credential\Payload as TransportPayload;
use Netresearch\NrVault\Transport\Php\Credential\PayloadValues;
use Netresearch\NrVault\Transport\Php\Policy\Canonicalizer;
use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;
use Netresearch\NrVault\Transport\Secret\JsonScanner;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * The payload of a refresh token before there is one: the client, its token endpoint, and the binding.
 *
 * @internal
 */
final readonly class ConsentDraft
{
    private const TYPE = CredentialReference::OAUTH2_REFRESH_TOKEN;

    private const TOKEN = 'refresh_token';

    /**
     * @param Secret $document the payload with another text in place of the token
     * @param array<string, array{int, int}> $places of its values
     */
    private function __construct(private Secret $draft, private Secret $document, private array $places)
    {
    }

    /**
     * @throws UsageError for what could not be sealed once the token is there
     */
    public static function read(#[\SensitiveParameter] Secret $draft): self
    {
        if (Payload::typeOf($draft) !== self::TYPE) {
            throw new UsageError('"type" is ' . self::TYPE . ': the payload that is to be sealed, without "' . self::TOKEN . '".');
        }
        $hasToken = false;
        (new JsonScanner($draft->expose()))->members([self::TOKEN], static function (?string $name) use (&$hasToken): void {
            $hasToken = $hasToken || $name !== null;
        });
        if ($hasToken) {
            throw new UsageError('The payload has a "' . self::TOKEN . '" already: seal takes it as it is.');
        }
        $document = self::with($draft, new Secret('-'));
        Payload::check($document);
        return new self($draft, $document, TransportPayload::fields(self::TYPE, $document->expose()));
    }

    /** The payload with this token. */
    public function complete(#[\SensitiveParameter] Secret $token): Secret
    {
        return self::with($this->draft, $token);
    }

    public function tokenUrl(): string
    {
        $url = $this->value('token_url', '');
        return is_string($url) ? $url : '';
    }

    public function clientId(): string
    {
        return $this->text('client_id')->expose();
    }

    /**
     * @return list<string>
     */
    public function scopes(): array
    {
        $scopes = $this->value('scopes', []);
        return is_array($scopes) ? array_values(array_filter($scopes, is_string(...))) : [];
    }

    /**
     * Refuses an endpoint whose host the secret is not bound to.
     *
     * @throws UsageError
     */
    public function checkEndpoint(string $option, string $url): void
    {
        try {
            $origin = Canonicalizer::fromUrl($url, 'it')->origin;
            TransportPayload::binding($this->document->expose(), $this->places)?->checkTokenEndpoint($origin);
        } catch (OutboundException $refusal) {
            throw new UsageError('--' . $option . ': ' . $refusal->reason() . '.');
        }
    }

    /**
     * What the client puts into a form to say who it is.
     *
     * @return list<array{string, Secret}>
     * @throws UsageError where authorize cannot show who the client is
     */
    public function form(): array
    {
        return match ($this->authentication()) {
            'basic' => [],
            'body' => [['client_id', $this->text('client_id')], ['client_secret', $this->text('client_secret')]],
            default => [['client_id', $this->text('client_id')]],
        };
    }

    /**
     * The same beside the form: a credential that the library opens.
     *
     * @return array{CredentialReference, Secret}|null its payload
     */
    public function credential(string $identifier): ?array
    {
        [$kind, $members] = match (true) {
            $this->authentication() === 'basic' => [CredentialReference::BASIC, [
                'username' => urlencode($this->text('client_id')->expose()),
                'password' => urlencode($this->text('client_secret')->expose()),
            ]],
            isset($this->places['certificate_chain']) => [CredentialReference::MTLS, [
                'private_key' => $this->text('private_key')->expose(),
                'certificate_chain' => $this->text('certificate_chain')->expose(),
            ]],
            default => [null, []],
        };
        if ($kind === null) {
            return null;
        }
        $payload = ['type' => $kind, 'binding' => $this->value('binding', null)] + $members;
        $json = (string) json_encode($payload, JSON_UNESCAPED_SLASHES);
        return [CredentialReference::fromWire(['identifier' => $identifier, 'type' => $kind]), new Secret($json)];
    }

    /**
     * @throws UsageError
     */
    private function authentication(): string
    {
        $form = $this->value('client_auth', 'body');
        $isByOther = in_array($form, ClientPayload::BY_CERTIFICATE, true) && !isset($this->places['certificate_chain']);
        return match (true) {
            $form === ClientPayload::PRIVATE_KEY_JWT => throw new UsageError('authorize signs no assertion for "client_auth": '
                . '"private_key_jwt": get the first refresh token by other means, and seal it.'),
            $isByOther => throw new UsageError('authorize knows no other credential: give the payload the client\'s own "private_key" and '
                . '"certificate_chain".'),
            default => is_string($form) ? $form : '',
        };
    }

    private function value(string $name, mixed $default): mixed
    {
        return PayloadValues::of($this->document->expose(), $this->places)($name, $default);
    }

    private function text(string $name): Secret
    {
        try {
            return TransportPayload::text($this->document->expose(), $this->places, $name);
        } catch (InvalidPayload $fault) {
            throw new UsageError('The payload cannot be used: ' . $fault->getMessage() . '.');
        }
    }

    private static function with(#[\SensitiveParameter] Secret $draft, #[\SensitiveParameter] Secret $token): Secret
    {
        $text = $draft->expose();
        $begin = (int) strpos($text, '{') + 1;
        $json = json_encode($token->expose(), JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);
        return new Secret(substr($text, 0, $begin) . '"' . self::TOKEN . '": ' . $json . ', ' . substr($text, $begin));
    }
}
