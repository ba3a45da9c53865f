<?php

/**
 * The processor time of this process so far in microseconds, including the time that the kernel used for it.
 */

declare(strict_types=1);

return static function (): float {
    $usage = (array) getrusage();
    return ($usage['ru_utime.tv_sec'] + $usage['ru_stime.tv_sec']) * 1e6 + $usage['ru_utime.tv_usec'] + $usage['ru_stime.tv_usec'];
};
