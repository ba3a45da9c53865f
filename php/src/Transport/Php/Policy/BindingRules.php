<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * What was sealed with a credential to say where it may go and until when. What is absent does not bind; an empty list
 * allows nothing.
 *
 * @internal
 */
final readonly class BindingRules
{
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
     * @param mixed $binding decoded JSON, in which an object is a stdClass; that no key stands twice is the reader's task
     * @return self|null null for what is not of its form: the payload is invalid
     */
    public static function read(#[\SensitiveParameter] mixed $binding): ?self
    {
        if (!$binding instanceof \stdClass) {
            return null;
        }
        $members = get_object_vars($binding);
        $lists = array_intersect_key($members, ['hosts' => 0, 'methods' => 0, 'paths' => 0]);
        foreach ($lists as $list) {
            if (!is_array($list) || array_filter($list, is_string(...)) !== $list) {
                return null;
            }
        }
        $others = array_diff_key($members, $lists);
        $hasEnd = array_key_exists('expires_at', $others);
        $end = $hasEnd ? Moment::read($others['expires_at']) : null;
        if (count($others) !== (int) $hasEnd || $hasEnd && $end === null) {
            return null;
        }
        return new self($lists['hosts'] ?? null, $lists['methods'] ?? null, $lists['paths'] ?? null, $end);
    }

    /** Whether it says which hosts the credential may go to. */
    public function hasHosts(): bool
    {
        return $this->hosts !== null;
    }

    /**
     * Refuses a credential whose time is over, or that is bound elsewhere.
     *
     * @throws OutboundException credential.expired, credential.payload_invalid, policy.binding_violated
     */
    public function check(Target $target, string $method, \DateTimeInterface $now): void
    {
        if ($this->expiresAt?->isOver($now) === true) {
            throw OutboundException::create('credential.expired', 'the credential has expired');
        }
        $rules = $this->rules();
        try {
            $rules->allow($target, $method);
        } catch (OutboundException $refusal) {
            throw OutboundException::create(
                'policy.binding_violated',
                'the credential is bound elsewhere: ' . RequestForm::reason($refusal),
            );
        }
    }

    /**
     * Refuses a hop to where the credential is not bound. The time has no say: the request is on its way.
     *
     * @throws OutboundException policy.redirect_not_allowed
     */
    public function checkRedirect(Target $target, string $method): void
    {
        try {
            $this->rules()->allow($target, $method);
        } catch (OutboundException) {
            throw OutboundException::create(
                'policy.redirect_not_allowed',
                'the redirect is refused: the credential is bound elsewhere',
            );
        }
    }

    private function rules(): Rules
    {
        try {
            return Rules::parse($this->hosts, $this->methods, $this->paths);
        } catch (OutboundException) {
            throw OutboundException::create(
                'credential.payload_invalid',
                "the credential's binding has an entry that cannot be read",
            );
        }
    }
}
