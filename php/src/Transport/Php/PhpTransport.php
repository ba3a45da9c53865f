<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\BodySource;
use Netresearch\NrVault\Transport\CredentialCheck;
use Netresearch\NrVault\Transport\Decision;
use Netresearch\NrVault\Transport\ExchangeInterface;
use Netresearch\NrVault\Transport\ExchangesInterface;
use Netresearch\NrVault\Transport\Functions;
use Netresearch\NrVault\Transport\KeyRenewal;
use Netresearch\NrVault\Transport\PackageVersion;
use Netresearch\NrVault\Transport\Php\Engine\Call;
use Netresearch\NrVault\Transport\Php\Engine\Configuration;
use Netresearch\NrVault\Transport\Php\Engine\OpenCall;
use Netresearch\NrVault\Transport\Php\Engine\Preparation;
use Netresearch\NrVault\Transport\Php\Engine\Product;
use Netresearch\NrVault\Transport\Php\Engine\Reading;
use Netresearch\NrVault\Transport\Php\Engine\Settings;
use Netresearch\NrVault\Transport\Php\Net\Deadline;
use Netresearch\NrVault\Transport\Php\Net\Transfers;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;

/**
 * Sends through ext-curl, for hosts without FFI: the same policy, the same guard and the same codes as the library. It is the
 * weaker one, because the credential is opened in PHP: its bytes are in the memory of PHP and of libcurl, and only some of the
 * copies can be wiped. docs/transports.md lists what else differs.
 *
 * @api
 */
final class PhpTransport implements ExchangesInterface, CredentialCheck
{
    /** What audit records call it. */
    public const NAME = Product::TRANSPORT;

    /** Of this package; the library of the same release has the same. */
    public const VERSION = Product::VERSION;

    private const EXTENSIONS = [
        'curl' => 'ext-curl sends the requests',
        'sockets' => 'ext-sockets resolves names',
    ];

    /** Wrapped, so that neither a dump nor a trace shows key material. */
    private readonly \SensitiveParameterValue $config;

    private readonly KeyRenewal $renewal;

    private readonly Transfers $transfers;

    private ?Settings $settings = null;

    /**
     * Does nothing yet: the configuration is read by the first use.
     *
     * @param array<string, mixed> $config configuration document, as RustFfiTransport takes it
     */
    public function __construct(#[\SensitiveParameter] array $config)
    {
        $this->config = new \SensitiveParameterValue($config);
        $this->renewal = new KeyRenewal($config);
        $this->transfers = new Transfers();
    }

    public function send(
        #[\SensitiveParameter] RequestSpec $request,
        #[\SensitiveParameter] ?Decision $decided = null,
    ): ResponseSpec {
        $call = $this->begin($request, $decided, new Reading(true));
        $this->transfers->finish($call->run());
        return $call->response();
    }

    public function start(
        #[\SensitiveParameter] RequestSpec $request,
        #[\SensitiveParameter] ?Decision $decided = null,
        ?BodySource $body = null,
        bool $isCollected = false,
    ): ExchangeInterface {
        $call = $this->begin($request, $decided, new Reading($isCollected, $body));
        return new PhpExchange($call, $isCollected);
    }

    public function wait(array $exchanges, int $milliseconds): array
    {
        $until = Deadline::in($milliseconds);
        $this->transfers->wait(0);
        while (true) {
            [$ready, $left] = [[], max(0, $until->left())];
            foreach ($exchanges as $exchange) {
                if ($exchange instanceof PhpExchange) {
                    $exchange->advance();
                    $ready = $exchange->isReady() ? [...$ready, $exchange] : $ready;
                    $left = min($left, $exchange->patience());
                }
            }
            if ($ready !== [] || $until->hasPassed()) {
                return $ready;
            }
            $this->transfers->wait($left);
        }
    }

    private function begin(
        #[\SensitiveParameter] RequestSpec $request,
        #[\SensitiveParameter] ?Decision $decided,
        Reading $reading,
    ): OpenCall {
        try {
            return (new Call($this->settings()))->begin($request, $decided?->begun, $reading);
        } catch (OutboundException $failure) {
            if (!$this->renewal->isDue($failure)) {
                throw $failure;
            }
        }
        // If reading fails, the earlier settings remain in use.
        $this->settings = $this->read();
        return (new Call($this->settings))->begin($request, null, $reading);
    }

    public function decide(
        #[\SensitiveParameter] RequestSpec $request,
        array $references = [],
        ?int $bodyLength = null,
    ): Decision {
        return (new Call($this->settings()))->decide($request, $references, $bodyLength);
    }

    public function check(#[\SensitiveParameter] RequestSpec $request): void
    {
        (new Preparation($this->settings()))->check($request);
    }

    /**
     * Reads the configuration now, as the first send() would.
     *
     * @return list<array{code: string, message: string}> warnings, such as a key file that others can read
     * @throws OutboundException configuration.transport_unavailable, configuration.invalid, credential.key_unavailable
     */
    public function open(): array
    {
        return $this->settings()->warnings;
    }

    /**
     * The exception for a configuration with php_transport: false.
     *
     * @internal
     */
    public static function forbidden(string $why = ''): OutboundException
    {
        return Configuration::forbidden($why);
    }

    private function settings(): Settings
    {
        return $this->settings ??= $this->read();
    }

    private function read(): Settings
    {
        Functions::demand(true);
        $conflict = PackageVersion::conflict();
        if ($conflict !== null) {
            throw OutboundException::create('configuration.transport_unavailable', $conflict);
        }
        foreach (self::EXTENSIONS as $extension => $use) {
            if (!extension_loaded($extension)) {
                throw OutboundException::create(
                    'configuration.transport_unavailable',
                    'the transport in PHP lacks an extension: ' . $use,
                );
            }
        }
        if (!defined('CURLOPT_HTTP09_ALLOWED')) {
            throw OutboundException::create(
                'configuration.transport_unavailable',
                "PHP's libcurl is older than 7.64",
            );
        }
        return Configuration::open($this->config->getValue(), $this->transfers);
    }

    /**
     * What dumps show: no key, and nothing of the configuration.
     *
     * @return array<string, mixed>
     */
    public function __debugInfo(): array
    {
        return ['name' => self::NAME];
    }
}
