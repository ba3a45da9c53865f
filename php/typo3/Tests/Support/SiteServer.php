<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Support;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;

/**
 * A site behind PHP's built-in web server.
 */
final class SiteServer
{
    private readonly Process $process;
    private readonly int $port;

    public function __construct(Site $site)
    {
        $this->port = Port::free();
        $router = $site->write('router.php', <<<'PHP'
            <?php

            // Some addresses of the backend hold a dot, for which PHP's server looks for a file.
            if (is_file($_SERVER['DOCUMENT_ROOT'] . strtok($_SERVER['REQUEST_URI'], '?'))) {
                return false;
            }
            $_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = '/index.php';
            require $_SERVER['SCRIPT_FILENAME'] = $_SERVER['DOCUMENT_ROOT'] . '/index.php';
            PHP);
        $this->process = new Process(
            [
                PHP_BINARY, '-d', 'ffi.enable=1', ...$site->options(),
                '-S', '127.0.0.1:' . $this->port, '-t', $site->path . '/public', $router,
            ],
            $site->path . '/server.log',
            $site->environment(),
        );
        $this->process->waitUntil(fn (): bool => Port::isOpen($this->port), 'php -S');
    }

    /**
     * @return array{status: int, body: string}
     */
    public function get(string $path): array
    {
        return $this->browser()->get($path);
    }

    /** A visitor. */
    public function browser(): Browser
    {
        return new Browser('http://127.0.0.1:' . $this->port);
    }

    /** The output of the server and of PHP. */
    public function log(): string
    {
        return $this->process->log();
    }

    public function stop(): void
    {
        $this->process->stop();
    }
}
