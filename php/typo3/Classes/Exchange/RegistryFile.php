<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Exchange;

use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\RegistryProblem;

/**
 * The JSON registry as a file: what import reads and export writes.
 *
 * @internal
 */
final class RegistryFile
{
    /**
     * @return array<string, array<string, mixed>> portable entries by id, in order
     * @throws UsageError if the file or an entry is not valid: nothing of such a file is imported
     */
    public static function read(string $file): array
    {
        $problems = (new JsonFileServiceRegistry($file))->problems();
        if ($problems !== []) {
            throw new UsageError(implode("\n", array_map(self::line(...), $problems)));
        }
        $document = json_decode((string) file_get_contents($file), true, 64);
        $services = is_array($document) && is_array($document['services'] ?? null) ? $document['services'] : [];
        $entries = [];
        foreach ($services as $id => $entry) {
            $entries[(string) $id] = PortableEntry::of(is_array($entry) ? $entry : []);
        }
        ksort($entries, SORT_STRING);
        return $entries;
    }

    /**
     * @param array<string, array<string, mixed>> $entries by id
     */
    public static function text(array $entries): string
    {
        ksort($entries, SORT_STRING);
        foreach ($entries as $id => $entry) {
            if (isset($entry['headers'])) {
                $entries[$id]['headers'] = (object) $entry['headers'];
            }
        }
        $flags = JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR;
        return json_encode(['version' => 1, 'services' => (object) $entries], $flags) . "\n";
    }

    private static function line(RegistryProblem $problem): string
    {
        $where = $problem->entry === '' ? '' : 'service "' . $problem->entry . '": ';
        return $where . ltrim($problem->field . ' ') . $problem->message;
    }
}
