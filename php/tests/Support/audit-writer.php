<?php

/**
 * Writes audit entries and prints their IDs: audit-writer.php TARGET WRITER COUNT, see AuditEntries::sink(). It ends at the first entry
 * that cannot be stored.
 */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Tests\Support\AuditEntries;

require __DIR__ . '/../bootstrap.php';

[, $target, $writer, $count] = $argv;
$sink = AuditEntries::sink($target);
for ($number = 0; $number < (int) $count; $number++) {
    $id = $writer . '-' . $number;
    try {
        $sink->begin(AuditEntries::intent($id));
        $sink->complete(AuditEntries::complete($id));
    } catch (\Throwable $error) {
        echo 'failed ', $id, ' ', $error->getMessage(), "\n";
        exit(1);
    }
    echo 'stored ', $id, "\n";
}
