<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Policy\Host;
use Netresearch\NrVault\Transport\Php\Policy\HostRule;
use Netresearch\NrVault\Transport\Php\Policy\Origin;
use Netresearch\NrVault\Transport\Php\Policy\Rules;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * The HTTP proxy of the configuration. Proxies in the environment are ignored.
 *
 * @internal
 */
final readonly class Proxy
{
    /** Who resolves the target's name. */
    public const LOCAL = 'local';
    public const PROXY = 'proxy';

    /**
     * @param string $resolve one of the constants
     * @param list<HostRule> $direct hosts that are reached without it
     */
    private function __construct(
        public Host $host,
        public int $port,
        public ?Secret $user,
        public ?Secret $password,
        public string $resolve,
        private array $direct,
    ) {
    }

    /**
     * @param string $url http://[user:password@]host[:port]
     * @param list<string> $noProxy hosts, as in allowed_hosts, without ports
     * @throws OutboundException configuration.invalid
     */
    public static function create(#[\SensitiveParameter] string $url, array $noProxy, string $resolve): self
    {
        $form = '~\Ahttp://(?:(?<user>[^/?#@:]*)(?<password>:[^/?#@]*)?@)?(?<authority>[^/?#@]+)/?\z~i';
        if (preg_match($form, $url, $found, PREG_UNMATCHED_AS_NULL) !== 1) {
            throw self::invalid('proxy.url is http://[user:password@]host[:port] and nothing more');
        }
        try {
            [$host, $port] = Host::parseWithPort($found['authority']);
        } catch (OutboundException) {
            throw self::invalid('proxy.url has a host that cannot be used');
        }
        try {
            $direct = Rules::parseHosts('proxy.no_proxy', $noProxy)->hosts ?? [];
        } catch (OutboundException $exception) {
            throw self::invalid($exception->reason());
        }
        foreach ($direct as $rule) {
            if ($rule->hasPort()) {
                // An entry applies to every port, so an entry with a port would exempt more than it says.
                throw self::invalid('proxy.no_proxy has an entry with a port');
            }
        }
        $user = rawurldecode((string) $found['user']);
        $password = rawurldecode(substr((string) $found['password'], 1));
        if (preg_match('/[\x00-\x08\x0A-\x1F\x7F]/', $user . $password) === 1) {
            throw self::invalid('proxy.url has userinfo that cannot be sent');
        }
        $hasUser = $user !== '' || $found['password'] !== null;
        return new self(
            $host,
            $port ?? Origin::defaultPort(Origin::HTTP),
            $hasUser ? new Secret($user) : null,
            $hasUser ? new Secret($password) : null,
            $resolve,
            $direct,
        );
    }

    /**
     * Whether a request goes through it. Plain HTTP never does: it goes to internal hosts only, whose addresses the guard
     * must see, and a forwarding proxy would read the credential.
     */
    public function serves(Origin $origin): bool
    {
        if ($origin->scheme !== Origin::HTTPS) {
            return false;
        }
        foreach ($this->direct as $rule) {
            if ($rule->names($origin->host)) {
                return false;
            }
        }
        return true;
    }

    private static function invalid(string $message): OutboundException
    {
        return OutboundException::create('configuration.invalid', $message);
    }
}
