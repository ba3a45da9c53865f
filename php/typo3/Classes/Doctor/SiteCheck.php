<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Doctor;

use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use TYPO3\CMS\Core\Core\Environment;

/**
 * Site configurations that refer to secrets: TYPO3 stores the values that nr-vault has resolved there in its caches, in clear
 * text.
 *
 * @internal
 */
final readonly class SiteCheck implements Check
{
    private const REFERENCE = '/^(?!\s*#).*%vault\(/m';

    public function findings(): array
    {
        $findings = [];
        foreach ($this->files() as $file) {
            if (preg_match(self::REFERENCE, (string) file_get_contents($file)) === 1) {
                $name = ltrim(substr($file, strlen(Environment::getProjectPath())), '/');
                $findings[] = Finding::critical(
                    'site.vault',
                    $name . ' has %vault(…)%, which nr-vault replaces by the value of the secret: it is in var/cache/code in clear',
                    'Write vault: and the identifier, read it by VaultReference::fromSetting(), and: vendor/bin/typo3 cache:flush',
                );
            }
        }
        return $findings === [] ? [Finding::ok('site.vault', 'No configuration of a site has the value of a secret.')] : $findings;
    }

    /**
     * @return list<string>
     */
    private function files(): array
    {
        $directory = Environment::getConfigPath() . '/sites';
        if (!is_dir($directory)) {
            return [];
        }
        $files = [];
        $found = new \RecursiveIteratorIterator(
            new \RecursiveDirectoryIterator($directory, \FilesystemIterator::SKIP_DOTS | \FilesystemIterator::FOLLOW_SYMLINKS),
        );
        foreach ($found as $file) {
            if ($file instanceof \SplFileInfo && in_array($file->getExtension(), ['yaml', 'yml'], true) && $file->isReadable()) {
                $files[] = $file->getPathname();
            }
        }
        sort($files);
        return $files;
    }
}
