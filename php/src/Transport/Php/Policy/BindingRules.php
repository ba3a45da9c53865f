<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * The rules that are sealed with a credential: where it may be sent, and until when. A missing rule restricts nothing; an empty
 * list allows nothing.
 *
 * @internal
 */
final readonly class BindingRules
{
    private const LISTS = ['hosts', 'methods', 'paths'];

    /**
     * @param list<string>|null $hosts in the form of allowed_hosts
     * @param list<string>|null $methods
     * @param list<string>|null $paths in the form of allowed_paths
     * @param Moment|null $expiresAt the moment from which the credential must not be used
     */
    private function __construct(
        private ?array $hosts,
        private ?array $methods,
        private ?array $paths,
        private ?Moment $expiresAt,
    ) {
    }

    /**
     * Reads the payload's "binding".
     *
     * @param mixed $binding decoded JSON, in which an object is a stdClass; the caller has to refuse duplicate keys
     * @throws InvalidPayload
     */
    public static function read(#[\SensitiveParameter] mixed $binding): self
    {
        if (!$binding instanceof \stdClass) {
            throw new InvalidPayload('"binding" is no object');
        }
        $lists = get_object_vars($binding);
        $end = null;
        if (array_key_exists('expires_at', $lists)) {
            $end = Moment::read($lists['expires_at']) ?? throw new InvalidPayload(
                '"binding.expires_at" is neither a time of RFC 3339 nor whole seconds since 1970',
            );
            unset($lists['expires_at']);
        }
        $read = [];
        foreach ($lists as $key => $list) {
            if (!in_array($key, self::LISTS, true)) {
                throw new InvalidPayload('"binding" has a key that is not one of hosts, methods, paths, expires_at');
            }
            $texts = is_array($list) ? array_values(array_filter($list, is_string(...))) : null;
            if ($texts === null || $texts !== $list) {
                throw new InvalidPayload('"binding.' . $key . '" is no list of texts');
            }
            $read[$key] = $texts;
        }
        return new self($read['hosts'] ?? null, $read['methods'] ?? null, $read['paths'] ?? null, $end);
    }

    /** Whether it says which hosts the credential may go to. */
    public function hasHosts(): bool
    {
        return $this->hosts !== null;
    }

    /**
     * Refuses a binding that restricts nothing, or that no call can fulfil; called before sealing.
     *
     * @throws InvalidPayload
     */
    public function verify(): void
    {
        $lists = array_combine(self::LISTS, [$this->hosts, $this->methods, $this->paths]);
        if ($this->expiresAt === null && array_filter($lists, is_array(...)) === []) {
            throw new InvalidPayload('"binding" is empty and would bind nothing');
        }
        foreach ($lists as $key => $list) {
            if ($list === []) {
                throw new InvalidPayload('"binding.' . $key . '" is empty, which allows nothing');
            }
            try {
                Rules::parseSealed(...[$key => $list] + array_fill_keys(self::LISTS, null));
                array_map(HeaderRules::checkMethod(...), $key === 'methods' ? $list ?? [] : []);
            } catch (OutboundException $refusal) {
                throw new InvalidPayload('"binding.' . $key . '": ' . $refusal->reason());
            }
        }
    }

    /**
     * Refuses a token endpoint to which the credential is not bound. Methods and paths of the binding are about the API only.
     *
     * @throws OutboundException policy.*
     */
    public function checkTokenEndpoint(Origin $origin): void
    {
        $this->rules()->allowOrigin($origin);
    }

    /**
     * Refuses a credential that has expired, or that is bound to another target.
     *
     * @param string $identifier of the credential, which the message names, since a request can have several
     * @throws OutboundException credential.expired, credential.payload_invalid, policy.binding_violated
     */
    public function check(string $identifier, Target $target, string $method, \DateTimeInterface $now): void
    {
        $this->judge($identifier, $now, static function (Rules $rules) use ($target, $method): void {
            $rules->allow($target, $method);
        });
    }

    /**
     * The same for a service without a call: paths are not checked.
     *
     * @throws OutboundException credential.expired, credential.payload_invalid, policy.binding_violated
     */
    public function checkService(string $identifier, Origin $origin, string $method, \DateTimeInterface $now): void
    {
        $this->judge($identifier, $now, static function (Rules $rules) use ($origin, $method): void {
            $rules->allowOrigin($origin);
            $rules->allowMethod($method);
        });
    }

    /**
     * @param \Closure(Rules): void $allow
     */
    private function judge(string $identifier, \DateTimeInterface $now, \Closure $allow): void
    {
        if ($this->expiresAt?->isOver($now) === true) {
            throw OutboundException::create('credential.expired', 'it has expired')->ofCredential($identifier);
        }
        $rules = $this->readFor($identifier);
        try {
            $allow($rules);
        } catch (OutboundException $refusal) {
            throw OutboundException::create('policy.binding_violated', self::elsewhere($identifier, $refusal));
        }
    }

    /**
     * Refuses a redirect to a target to which the credential is not bound. Its expiry is not checked, since the first request has
     * been sent already.
     *
     * @throws OutboundException policy.redirect_not_allowed
     */
    public function checkRedirect(string $identifier, Target $target, string $method): void
    {
        try {
            $this->rules()->allow($target, $method);
        } catch (OutboundException $refusal) {
            throw OutboundException::create(
                'policy.redirect_not_allowed',
                'the redirect is refused: ' . self::elsewhere($identifier, $refusal),
            );
        }
    }

    private static function elsewhere(string $identifier, OutboundException $refusal): string
    {
        return 'the credential "' . $identifier . '" is bound elsewhere: ' . $refusal->reason();
    }

    private function readFor(string $identifier): Rules
    {
        try {
            return $this->rules();
        } catch (OutboundException $refusal) {
            throw $refusal->ofCredential($identifier);
        }
    }

    private function rules(): Rules
    {
        try {
            return Rules::parseSealed($this->hosts, $this->methods, $this->paths);
        } catch (OutboundException) {
            throw OutboundException::create(
                'credential.payload_invalid',
                'its binding has an entry that cannot be read',
            );
        }
    }
}
