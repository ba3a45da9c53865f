<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Transport\Php\PhpTransport;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;
use Netresearch\NrVault\Transport\Sidecar\SidecarTransport;
use Netresearch\NrVault\Transport\System\OperatorLog;
use Netresearch\NrVault\Transport\TransportInterface;
use Netresearch\NrVault\Transport\TransportSelector;
use Psr\Log\LoggerInterface;

/**
 * Chooses between the sidecar, the library and PhpTransport. "auto" uses the sidecar where the configuration has "sidecar", and then
 * nothing else. Otherwise it uses the library if it is bound, otherwise PhpTransport, and reports the
 * reason once: in the log, and on standard error of a command line process.
 *
 * The choice is made before a request is checked, and is not changed: a library of another version, a configuration that it
 * refuses or a refused request never leads to the other transport. With "php_transport": false in the configuration, PhpTransport
 * is never used.
 *
 * @api
 */
final class TransportFactory implements TransportSelector
{
    private readonly RustFfiTransport $rust;

    private readonly PhpTransport $php;

    /** Whether PhpTransport may replace the library; a value that is not a boolean is refused when the configuration is read. */
    private readonly bool $hasPhp;

    /** Null where the configuration has no sidecar. */
    private readonly ?SidecarTransport $sidecar;

    private bool $logged = false;

    /**
     * @param array<string, mixed> $config configuration document, in the form of RustFfiTransport's
     * @param string|null $library path of the library, for processes in which PHP opens it itself
     * @param LoggerInterface|null $logger null: PHP's error log
     */
    public function __construct(
        #[\SensitiveParameter] array $config,
        ?string $library = null,
        private readonly ?LoggerInterface $logger = null,
    ) {
        $this->rust = new RustFfiTransport($config, $library);
        $this->php = new PhpTransport($config);
        $this->hasPhp = ($config['php_transport'] ?? true) !== false;
        $this->sidecar = array_key_exists('sidecar', $config) ? new SidecarTransport($config) : null;
    }

    public function select(string $transport): TransportInterface
    {
        return match ($transport) {
            ServiceDefinition::TRANSPORT_RUST => $this->rust($this->rust->bind()),
            ServiceDefinition::TRANSPORT_PHP => $this->php(),
            ServiceDefinition::TRANSPORT_AUTO => $this->sidecar ?? $this->auto(),
            ServiceDefinition::TRANSPORT_SIDECAR => $this->sidecar
                ?? throw self::unavailable('the configuration has no sidecar.socket, which "transport": "sidecar" needs'),
            default => throw OutboundException::malformed('the transport of a service is unknown'),
        };
    }

    private function auto(): TransportInterface
    {
        $reason = $this->rust->bind();
        if ($reason === null) {
            return $this->rust(null);
        }
        if (!$this->hasPhp) {
            throw PhpTransport::forbidden($reason);
        }
        if (!$this->logged) {
            $this->logged = true;
            OperatorLog::announce($this->logger, 'warning', 'secure-outbound: PHP opens the credentials itself: {reason}', [
                'reason' => $reason,
            ]);
        }
        return $this->php();
    }

    private function rust(?string $reason): RustFfiTransport
    {
        if ($reason !== null) {
            throw self::unavailable($reason);
        }
        $this->rust->open();
        return $this->rust;
    }

    private function php(): PhpTransport
    {
        $this->php->open();
        return $this->php;
    }

    private static function unavailable(string $message): OutboundException
    {
        return OutboundException::create('configuration.transport_unavailable', $message);
    }
}
