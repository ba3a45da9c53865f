<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Policy\DeclaredCredentials;
use Netresearch\NrVault\Transport\Php\Policy\HeaderRules;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * Puts credentials where they belong in a request.
 *
 * @internal
 */
final class CredentialInjector
{
    /** A password that is shorter than this is a placeholder, and the user name is the secret. */
    private const SHORTEST_PASSWORD = 4;

    /** @var list<array{string, Secret}> names in lower case and values */
    private array $headers = [];

    /** @var list<array{string, Secret}> */
    private array $parameters = [];

    /** @var list<array{string, Secret}> */
    private array $fields = [];

    /** @var list<Secret> halves of a pair "user:password", which belong to no credential */
    private array $halves = [];

    private ?Secret $username = null;

    private ?Secret $password = null;

    private readonly Redactor $redactor;

    private function __construct(private readonly RequestDraft $draft)
    {
        $this->redactor = new Redactor();
    }

    /**
     * Puts the credentials into the request. The result owns their secrets; after a failure all are wiped.
     *
     * @param list<Credential> $credentials
     * @throws OutboundException policy.header_not_allowed, credential.unusable, credential.placement_conflict,
     *         invalid_request.malformed
     */
    public static function inject(
        #[\SensitiveParameter] array $credentials,
        #[\SensitiveParameter] RequestDraft $draft,
    ): RequestChanges {
        $injector = new self($draft);
        $changes = null;
        try {
            foreach ($credentials as $credential) {
                try {
                    $injector->add($credential);
                } catch (OutboundException $refusal) {
                    throw $credential->identifier === null ? $refusal : $refusal->ofCredential($credential->identifier);
                }
            }
            $changes = $injector->finish();
            return $changes;
        } finally {
            if ($changes === null) {
                $injector->wipe();
                foreach ($credentials as $credential) {
                    $credential->wipe();
                }
            }
        }
    }

    private function add(#[\SensitiveParameter] Credential $credential): void
    {
        match ($credential->type) {
            CredentialReference::BEARER => $this->bearer($credential->secret),
            CredentialReference::API_KEY => $this->header(
                (string) $credential->header,
                $credential->prefix,
                $credential->secret,
            ),
            CredentialReference::BASIC => $this->basic(
                $credential->username ?? throw new \LogicException('a basic credential has a user name'),
                $credential->secret,
            ),
            default => $this->plain(
                $credential->secret,
                $credential->placement ?? throw new \LogicException('a plain secret has a placement'),
            ),
        };
        $credential->prefix?->wipe();
    }

    private function plain(#[\SensitiveParameter] Secret $secret, Placement $placement): void
    {
        match ($placement->type) {
            'bearer' => $this->bearer($secret),
            'api_key' => $this->header(HeaderRules::X_API_KEY, null, $secret),
            'header' => $this->header(DeclaredCredentials::settable($placement), new Secret($placement->prefix), $secret),
            'basic' => $this->pair($secret),
            'basic_username' => $this->username = self::half($this->username, $secret),
            'basic_password' => $this->password = self::half($this->password, $secret),
            'query' => $this->parameter($placement, $secret),
            'body_field' => $this->field($placement, $secret),
        };
    }

    private function bearer(#[\SensitiveParameter] Secret $secret): void
    {
        $this->header(HeaderRules::AUTHORIZATION, new Secret('Bearer '), $secret);
    }

    private function header(
        string $name,
        #[\SensitiveParameter] ?Secret $prefix,
        #[\SensitiveParameter] Secret $secret,
    ): void {
        $this->claim($name);
        $this->headers[] = [$name, HeaderField::value($prefix, $secret)];
        $this->redactor->add($secret);
    }

    private function basic(#[\SensitiveParameter] Secret $username, #[\SensitiveParameter] Secret $password): void
    {
        $this->claim(HeaderRules::AUTHORIZATION);
        $value = HeaderField::basic($username, $password);
        $this->headers[] = [HeaderRules::AUTHORIZATION, $value];
        $this->redactor->add(HeaderField::pair($username, $password));
        // One half can be a common word, as in "api:<key>" or "<key>:x". Such a half is searched for in responses only as a part
        // of the pair.
        $isFiller = strlen($password->expose()) < self::SHORTEST_PASSWORD;
        $this->redactor->add($isFiller ? $username : $password);
        ($isFiller ? $password : $username)->wipe();
    }

    /** A secret that is "user:password". */
    private function pair(#[\SensitiveParameter] Secret $secret): void
    {
        $colon = strpos($secret->expose(), ':');
        if ($colon === false) {
            throw OutboundException::create(
                'credential.unusable',
                'a secret placed as basic is a user name, a colon and a password',
            );
        }
        $this->halves = [
            new Secret(substr($secret->expose(), 0, $colon)),
            new Secret(substr($secret->expose(), $colon + 1)),
        ];
        $this->basic(...$this->halves);
        $secret->wipe();
    }

    private function parameter(Placement $placement, #[\SensitiveParameter] Secret $secret): void
    {
        $name = (string) $placement->name;
        if (self::isTaken($this->parameters, $name) || FormPairs::hasName((string) $this->draft->query, $name)) {
            throw self::conflict('the query already has the parameter' . DeclaredCredentials::named($placement) . ' of a placement');
        }
        $this->parameters[] = [$name, self::notEmpty($secret)];
    }

    private function field(Placement $placement, #[\SensitiveParameter] Secret $secret): void
    {
        $name = (string) $placement->name;
        $kind = BodyKind::demand($this->draft->headers);
        if (self::isTaken($this->fields, $name) || $kind->hasField($this->draft->body, $name)) {
            throw self::conflict('the body already has the field' . DeclaredCredentials::named($placement) . ' of a placement');
        }
        $this->fields[] = [$name, self::notEmpty($secret)];
    }

    /** Reserves a field for a credential; the request is refused if the field is filled already. */
    private function claim(string $name): void
    {
        foreach ($this->draft->headers as [$callers]) {
            if (strtolower($callers) === $name) {
                throw HeaderRules::filledByCredential($name);
            }
        }
        if ($this->draft->keyHeader === $name) {
            throw HeaderRules::filledWithKey($name);
        }
        if (self::isTaken($this->headers, $name)) {
            // The header's name is sealed with an api_key, so no message repeats it.
            throw self::conflict('another credential fills the same header');
        }
    }

    private function finish(): RequestChanges
    {
        if ($this->username !== null && $this->password !== null) {
            try {
                $this->basic($this->username, $this->password);
            } catch (OutboundException $refusal) {
                throw $refusal->about('basic_username and basic_password');
            }
        } elseif ($this->username !== null || $this->password !== null) {
            throw DeclaredCredentials::halved();
        }
        $body = $this->fields === []
            ? null
            : BodyKind::demand($this->draft->headers)->withFields($this->draft->body, $this->fields);
        $query = $this->parameters === []
            ? null
            : FormPairs::append((string) $this->draft->query, $this->parameters);
        foreach ([...$this->parameters, ...$this->fields] as [, $secret]) {
            $this->redactor->add($secret);
        }
        return new RequestChanges($this->headers, $query, $body, $this->redactor);
    }

    /** Wipes the secrets that were made here, since the trace of an exception may contain them. */
    private function wipe(): void
    {
        foreach ([...array_column($this->headers, 1), ...$this->halves] as $secret) {
            $secret->wipe();
        }
        $this->redactor->wipe();
    }

    private static function half(#[\SensitiveParameter] ?Secret $taken, #[\SensitiveParameter] Secret $secret): Secret
    {
        return $taken === null ? $secret : throw self::conflict('another credential is the same half of a pair');
    }

    /** An empty value would send the request as if it had no credential. */
    private static function notEmpty(#[\SensitiveParameter] Secret $secret): Secret
    {
        return $secret->expose() !== ''
            ? $secret
            : throw OutboundException::create('credential.unusable', 'the secret is empty');
    }

    /**
     * @param list<array{string, Secret}> $taken
     */
    private static function isTaken(#[\SensitiveParameter] array $taken, string $name): bool
    {
        return in_array($name, array_column($taken, 0), true);
    }

    private static function conflict(string $message): OutboundException
    {
        return OutboundException::create('credential.placement_conflict', $message);
    }
}
