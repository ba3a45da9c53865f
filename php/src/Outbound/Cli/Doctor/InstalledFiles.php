<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * Compares library, header and PHP library with the sums that were written when they were installed. The list is beside them and is root's
 * as they are: it shows an update that was not finished, or an edit by hand, and not what root wants to hide.
 *
 * @internal
 */
final class InstalledFiles
{
    private const LIST = '/installed.sha256';

    /** Only the first few names are in the message. */
    private const NAMED = 3;

    /**
     * @return list<Finding> none if there is no list, as in a checkout or where Composer has installed the PHP library
     */
    public static function examine(): array
    {
        $list = LocalFile::read(dirname(Installation::directory()) . self::LIST);
        if ($list === null) {
            return [];
        }
        preg_match_all('~^([0-9a-f]{64})  (/.+)$~m', $list, $lines, PREG_SET_ORDER);
        $differing = [];
        foreach ($lines as [, $sum, $file]) {
            if (Quiet::call(static fn () => hash_file('sha256', $file)) !== $sum) {
                $differing[] = $file;
            }
        }
        $count = count($lines);
        if ($differing === []) {
            return [Finding::ok('library.installed', "All $count files are as they were installed.")];
        }
        $more = count($differing) - self::NAMED;
        $names = implode(', ', array_slice($differing, 0, self::NAMED)) . ($more > 0 ? " and $more more" : '');
        $message = count($differing) . " of $count files are not as they were installed: $names.";
        return [Finding::warning('library.installed', $message, Installation::install())];
    }
}
