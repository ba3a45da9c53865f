<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\System;

use Netresearch\NrVault\Transport\Text\Printable;
use Psr\Log\LoggerInterface;

/**
 * Writes messages for the operator of the host: to the host's logger, or to PHP's error log if there is none. A log that fails is
 * ignored and never ends a call.
 *
 * @internal
 */
final class OperatorLog
{
    /**
     * @param string $level one of PSR-3's
     * @param string $message with {places} for what the context holds
     * @param array<string, string|null> $context
     */
    public static function write(?LoggerInterface $logger, string $level, string $message, array $context): void
    {
        try {
            if ($logger !== null) {
                $logger->log($level, $message, $context);
            } elseif (function_exists('error_log')) {
                error_log(self::line($message, $context));
            }
        } catch (\Throwable) {
        }
    }

    /**
     * The same, and to standard error of a command line process, whose user seldom reads the log.
     *
     * @param array<string, string|null> $context
     */
    public static function announce(?LoggerInterface $logger, string $level, string $message, array $context): void
    {
        self::write($logger, $level, $message, $context);
        // Without a file of its own, the error log of the command line is standard error.
        $isThere = $logger === null && (string) ini_get('error_log') === '';
        if (PHP_SAPI === 'cli' && !$isThere && function_exists('file_put_contents')) {
            $line = self::line($message, $context) . "\n";
            Quiet::call(static fn () => file_put_contents('php://stderr', $line));
        }
    }

    /**
     * Context that the message does not mention is appended to it.
     *
     * @param array<string, string|null> $context
     */
    private static function line(string $message, array $context): string
    {
        $more = '';
        foreach ($context as $name => $value) {
            if (!str_contains($message, '{' . $name . '}') && $value !== null) {
                $more .= ($more === '' ? '' : ', ') . $name . ' ' . $value;
                continue;
            }
            $message = implode((string) $value, explode('{' . $name . '}', $message));
        }
        return Printable::text($message . ($more === '' ? '' : ' [' . $more . ']'));
    }
}
