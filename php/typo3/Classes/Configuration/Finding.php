<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Configuration;

/**
 * Something about an installation that whoever looks after it should know.
 *
 * @api
 */
final readonly class Finding
{
    public const CRITICAL = 'critical';
    public const WARNING = 'warning';
    public const NOTICE = 'notice';

    /**
     * @param string $severity one of the constants
     * @param string $id stable, such as "http.verify"
     * @param string $message what is found; nothing secret
     * @param string $remedy the line that fixes it
     */
    public function __construct(
        public string $severity,
        public string $id,
        public string $message,
        public string $remedy,
    ) {
    }
}
