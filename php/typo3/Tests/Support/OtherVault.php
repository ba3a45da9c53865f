<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Support;

use PHPUnit\Framework\Assert;

/**
 * Replaces classes of the installed nr-vault by changed ones, in every process of a site.
 */
final class OtherVault
{
    /**
     * @param array<string, array<string, string>> $changes replacements by file below Classes, without the suffix
     * @param list<string> $files with classes that the installed nr-vault does not have
     */
    public static function in(Site $site, array $changes, array $files = []): void
    {
        $map = [];
        foreach ($changes as $class => $replacements) {
            $source = (string) file_get_contents($site->path . '/vendor/netresearch/nr-vault/Classes/' . $class . '.php');
            foreach ($replacements as $from => $to) {
                Assert::assertStringContainsString($from, $source);
                $source = str_replace($from, $to, $source);
            }
            $map['Netresearch\\NrVault\\' . strtr($class, '/', '\\')] = $site->write(strtr($class, '/', '-') . '.php', $source);
        }
        $loader = '(require ' . var_export($site->path . '/vendor/autoload.php', true) . ')->addClassMap(' . var_export($map, true) . ');';
        $more = array_map(static fn (string $file): string => 'require ' . var_export($file, true) . ';', $files);
        $site->prepend($site->write('other-vault.php', "<?php\n$loader\n" . implode("\n", $more)));
    }
}
