<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit\DependencyInjection;

/**
 * Makes a changed copy of an installed class.
 */
trait MovedClasses
{
    private static int $number = 0;

    /**
     * The installed class with changes, under another name.
     *
     * @param class-string $class
     * @param array<string, string> $changes pattern => replacement, each of which has to match
     */
    private static function moved(string $class, array $changes): string
    {
        $reflection = new \ReflectionClass($class);
        $source = (string) file_get_contents((string) $reflection->getFileName());
        foreach ($changes as $pattern => $replacement) {
            $source = (string) preg_replace($pattern, $replacement, $source, -1, $count);
            self::assertGreaterThan(0, $count, $pattern);
        }
        $namespace = 'Netresearch\\NrSecureOutbound\\Tests\\Moved\\N' . ++self::$number;
        // The copy needs neither the interfaces of the original nor the bodies of its methods.
        $source = (string) preg_replace('/^namespace .*;$/m', "namespace $namespace; use {$reflection->getNamespaceName()} as Own;", $source);
        $source = (string) preg_replace('/^final (readonly )?class (\w+).*$/m', 'final $1class $2', $source);
        $source = (string) preg_replace('/: (EncryptedData|ReEncryptedDek);/', ': Own\\\\$1;', $source);
        $source = (string) preg_replace('/(?<!\w)(SecretPlacement \$|VaultHttpClientInterface;)/', 'Own\\\\$1', $source);
        eval(substr($source, strlen('<?php')));
        return $namespace . '\\' . $reflection->getShortName();
    }
}
