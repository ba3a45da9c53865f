<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\System\LocalFile;

/**
 * How long php-fpm lets workers finish when it is reloaded. With 0, the default, a reload ends calls that are in progress. The
 * value is read from php-fpm's configuration file, whose path is in the title of the master process.
 *
 * @internal
 */
final class ControlTimeout
{
    private const CODE = 'fpm.control_timeout';

    private const SETTING = '/^\s*process_control_timeout\s*=\s*["\']?(\d+)/m';

    /**
     * @param int $master process id of the master; 0 if it is not known
     * @param string $reload the command that reloads php-fpm
     */
    public static function of(int $master, string $reload): Finding
    {
        $title = (string) LocalFile::read('/proc/' . $master . '/cmdline');
        $named = preg_match('/\Aphp-fpm: master process \((\/[^)\0]+)\)/', $title, $match) === 1;
        $text = $named ? LocalFile::read($match[1]) : null;
        if ($text === null) {
            return Finding::ok(self::CODE, "process_control_timeout was not looked at: php-fpm's file is not known here.");
        }
        $file = $match[1];
        preg_match_all('/^\s*include\s*=\s*(\S+)/m', $text, $includes);
        $texts = [$text];
        foreach ($includes[1] as $pattern) {
            foreach (FileNames::matching($pattern) as $included) {
                $texts[] = (string) LocalFile::read($included);
            }
        }
        preg_match_all(self::SETTING, implode("\n", $texts), $values);
        $value = $values[1] === [] ? 0 : (int) end($values[1]);
        return $value > 0
            ? Finding::ok(self::CODE, 'A reload lets workers finish: process_control_timeout is ' . $value . '.')
            : Finding::warning(
                self::CODE,
                'A reload of php-fpm ends the calls that are under way: process_control_timeout is 0 in ' . $file . '.',
                self::line($text) . ' ' . escapeshellarg($file) . ' && ' . $reload,
            );
    }

    private static function line(string $text): string
    {
        return preg_match('/^[;\s]*process_control_timeout\s*=/m', $text) === 1
            ? "sed -i 's/^[;[:space:]]*process_control_timeout[[:space:]]*=.*/process_control_timeout = 10s/'"
            : "sed -i '0,/^[[:space:]]*\\[global\\]/s//&\\nprocess_control_timeout = 10s/'";
    }
}
