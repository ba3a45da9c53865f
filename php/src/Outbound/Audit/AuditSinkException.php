<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Audit;

/**
 * A sink could not do what it was asked for. The message is a fixed text, with the reason of the system or the database as a
 * number or as a fixed text of theirs. It has no value of a record and no password.
 *
 * @api
 */
final class AuditSinkException extends \RuntimeException
{
    /**
     * From the exception of a database driver, without its message, because drivers quote values in messages.
     *
     * @internal
     */
    public static function fromPdo(string $what, \PDOException $exception): self
    {
        // PDO's exceptions have the SQLSTATE as their code; exceptions that PHP itself throws do not.
        $state = $exception->errorInfo[0] ?? $exception->getCode();
        $state = is_string($state) || is_int($state) ? (string) $state : '';
        $code = $exception->errorInfo[1] ?? 0;
        $code = is_string($code) || is_int($code) ? (int) $code : 0;
        $reason = match ($code) {
            1 => 'the statement does not fit it, as where the table is missing',
            5, 6 => 'it is locked',
            8, 1290 => 'it is read-only',
            13, 1021, 1114 => 'the disk or the table is full',
            14, 2002, 2003 => 'it cannot be reached',
            1044, 1045, 1142 => 'access is denied',
            1054 => 'a column is missing',
            1146 => 'the table is missing',
            1205, 1969, 3024 => 'a lock was not free in time',
            2006, 2013 => 'the connection was lost, or no response came in time',
            default => str_starts_with($state, '28') ? 'access is denied' : 'it responded with an error',
        };
        return new self(sprintf('%s: %s (SQLSTATE %s, code %d)', $what, $reason, $state, $code));
    }
}
