<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use Doctrine\DBAL\Driver;
use Doctrine\DBAL\Driver\Middleware;
use Doctrine\DBAL\Logging\Middleware as Logging;
use Psr\Log\AbstractLogger;

/**
 * Kills the process before it sends a certain write to the database: the first one, the second one, and so on.
 */
final class KillsAtWrite implements Middleware
{
    /** Key in TYPO3_CONF_VARS/EXTENSIONS; 0: the process lives. */
    public const SETTING = 'outbound_test_killed_at_write';

    public function wrap(Driver $driver): Driver
    {
        $logger = new class () extends AbstractLogger {
            private int $writes = 0;

            public function log(mixed $level, string|\Stringable $message, array $context = []): void
            {
                $isWrite = isset($context['sql']) && preg_match('/\A\s*(INSERT|UPDATE|DELETE)\b/i', $context['sql']) === 1;
                $last = $GLOBALS['TYPO3_CONF_VARS']['EXTENSIONS'][KillsAtWrite::SETTING] ?? 0;
                if ($isWrite && ++$this->writes === $last) {
                    posix_kill(getmypid(), SIGKILL);
                }
            }
        };
        return (new Logging($logger))->wrap($driver);
    }
}
