<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional;

use Doctrine\DBAL\Driver;
use Doctrine\DBAL\Driver\Middleware;
use Doctrine\DBAL\Logging\Middleware as Logging;
use Psr\Log\AbstractLogger;

/**
 * Records the statements that are sent to the database, in their order.
 */
final class Statements implements Middleware
{
    /** @var list<string> */
    public static array $sent = [];

    public function wrap(Driver $driver): Driver
    {
        $logger = new class () extends AbstractLogger {
            public function log(mixed $level, string|\Stringable $message, array $context = []): void
            {
                if (isset($context['sql']) && is_string($context['sql'])) {
                    Statements::$sent[] = $context['sql'];
                }
            }
        };
        return (new Logging($logger))->wrap($driver);
    }
}
