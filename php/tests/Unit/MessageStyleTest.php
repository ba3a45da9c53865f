<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use PHPUnit\Framework\TestCase;

/**
 * The message of an exception is a phrase, in PHP and in Rust: it begins in lower case, has no full stop, and its parts are
 * joined by a colon or a semicolon, because a code comes before or after it. The doctor, the command line and the helps of metrics are
 * sentences.
 */
final class MessageStyleTest extends TestCase
{
    /** Beginnings of texts that are no messages of exceptions: those of other programs, header values and log lines. */
    private const OTHERS = '~^(Name |No address|Recv failure|Too large|Bearer |Basic |Outbound call)~';

    public function testOfPhp(): void
    {
        $seen = 0;
        foreach (Build::sources() as $path => $code) {
            if (str_contains($path, '/Cli/') || str_ends_with($path, '/ErrorCode.php')) {
                continue;
            }
            foreach (token_get_all($code) as $token) {
                if (is_array($token) && in_array($token[0], [T_CONSTANT_ENCAPSED_STRING, T_ENCAPSED_AND_WHITESPACE], true)) {
                    $seen += self::judge(trim($token[1], "'\""), $path . ':' . $token[2]);
                }
            }
        }
        self::assertGreaterThan(300, $seen);
    }

    public function testOfRust(): void
    {
        $seen = 0;
        foreach (self::rust() as $file) {
            $code = (string) strstr((string) file_get_contents($file) . "#[cfg(test)]", '#[cfg(test)]', true);
            $code = (string) preg_replace(['/^\s*\/\/.*$/m', "/'\\\\?\"'/"], '', $code);
            preg_match_all('/"((?:[^"\\\\\n]|\\\\.)+)"/s', $code, $literals);
            foreach ($literals[1] as $text) {
                $seen += self::judge($text, $file);
            }
        }
        self::assertGreaterThan(280, $seen);
    }

    /** Returns 1 for a message, and 0 for a literal that is none. */
    private static function judge(string $text, string $where): int
    {
        if (!str_contains(trim($text), ' ') || preg_match(self::OTHERS, $text) === 1) {
            return 0;
        }
        self::assertDoesNotMatchRegularExpression('/\A(?:[A-Z][a-z]+|A) [a-z"]|[a-z)"]\. [A-Z]|[a-z)"]\.\z/', $text, $where);
        return 1;
    }

    /**
     * @return iterable<string>
     */
    private static function rust(): iterable
    {
        $flags = \FilesystemIterator::SKIP_DOTS | \FilesystemIterator::CURRENT_AS_PATHNAME;
        $directory = new \RecursiveDirectoryIterator(dirname(Build::php()) . '/src', $flags);
        foreach (new \RecursiveIteratorIterator($directory) as $file) {
            if (is_string($file) && str_ends_with($file, '.rs') && basename($file) !== 'openmetrics.rs') {
                yield $file;
            }
        }
    }
}
