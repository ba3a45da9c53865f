<?php

declare(strict_types=1);

/**
 * CycloneDX 1.5 as JSON, the same for the same content and SOURCE_DATE_EPOCH.
 */
final class CycloneDx
{
    /**
     * @param array<string, mixed> $metadata without the timestamp
     * @param list<array<string, mixed>> $components
     * @param list<array{ref: string, dependsOn: list<string>}> $dependencies
     */
    public static function document(array $metadata, array $components, array $dependencies): string
    {
        $content = [
            'version' => 1,
            'metadata' => ['timestamp' => gmdate('Y-m-d\TH:i:s\Z', (int) getenv('SOURCE_DATE_EPOCH'))] + $metadata,
            'components' => $components,
            'dependencies' => $dependencies,
        ];
        $hash = hash('sha256', json_encode($content, JSON_THROW_ON_ERROR));
        // A UUID of version 8 (RFC 9562), whose bits may come from a hash.
        $serial = preg_replace('/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/', '$1-$2-8$3-8$4-$5', $hash);
        $head = ['bomFormat' => 'CycloneDX', 'specVersion' => '1.5', 'serialNumber' => 'urn:uuid:' . $serial];
        return json_encode($head + $content, JSON_THROW_ON_ERROR | JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES) . "\n";
    }
}
