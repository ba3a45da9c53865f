<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Transport\Functions;
use PHPUnit\Framework\TestCase;

/**
 * The lists of the PHP functions that a call needs have exactly those that its code calls.
 */
final class FunctionsTest extends TestCase
{
    /**
     * Code that a call can do without: the command line, the test doubles, the adapters for optional packages, the start of a
     * host, the audit sinks, which report their own failures, and the compiled registry, in place of which the registry itself is
     * read.
     */
    private const ELSEWHERE = '~^(?:Outbound/(?:Cli|Testing|Guzzle|Stripe|Symfony|HostDirectory|Registry/CompiledRegistry|Audit/(?:AuditRow|JsonLines|Pdo|PsrLog))'
        . '|Transport/System/(?:RootUser|OwnDirectory|NewFile))~';

    /** Their callers ask function_exists() first, and work without them. */
    private const OPTIONAL = [
        'error_log',
        'file_put_contents',
        'getmypid',
        'idn_to_ascii',
        'ini_parse_quantity',
        'memory_get_usage',
        'pcntl_async_signals',
        'pcntl_signal_dispatch',
        'register_shutdown_function',
        'sodium_memzero',
        'stream_wrapper_register',
        'stream_wrapper_unregister',
    ];

    public function testTheListsAreThoseOfTheSources(): void
    {
        $used = ['base' => [], 'php' => [], 'sidecar' => []];
        foreach (Build::sources() as $name => $code) {
            if (preg_match(self::ELSEWHERE, $name) !== 1) {
                $part = ['Php' => 'php', 'Sidecar' => 'sidecar'][explode('/', $name)[1] ?? ''] ?? 'base';
                $used[$part] = [...$used[$part], ...self::functions($code)];
            }
        }
        $base = array_diff(array_unique($used['base']), self::OPTIONAL);
        $php = array_diff(array_unique($used['php']), $base, self::OPTIONAL);
        $sidecar = array_diff(array_unique($used['sidecar']), $base, self::OPTIONAL);
        $listed = (new \ReflectionClass(Functions::class))->getConstants();

        self::assertLists($base, $listed['NEEDED'], 'NEEDED');
        self::assertLists($php, array_merge(...array_values($listed['NEEDED_BY_PHP'])), 'NEEDED_BY_PHP');
        self::assertLists($sidecar, $listed['NEEDED_BY_SIDECAR'], 'NEEDED_BY_SIDECAR');
        $core = ['core', 'standard', 'date', 'hash', 'json', 'pcre', 'random', 'spl'];
        $all = [...$listed['NEEDED_BY_PHP'], 'core' => [...$listed['NEEDED'], ...$listed['NEEDED_BY_SIDECAR']]];
        foreach ($all as $extension => $names) {
            foreach ($names as $name) {
                $of = strtolower((string) (new \ReflectionFunction($name))->getExtensionName());
                self::assertContains($of, $extension === 'core' ? $core : [$extension], $name);
            }
        }
    }

    public function testNothingIsMissingHere(): void
    {
        self::assertSame([[], [], []], [Functions::missing(), Functions::missing(true), Functions::missingForSidecar()]);
    }

    /**
     * @param array<string> $used
     * @param list<string> $listed
     */
    private static function assertLists(array $used, array $listed, string $name): void
    {
        self::assertSame('', implode(' ', array_diff($used, $listed)), 'to be put into Functions::' . $name);
        self::assertSame('', implode(' ', array_diff($listed, $used)), 'to be taken out of Functions::' . $name);
    }

    /**
     * The functions of PHP that a source calls.
     *
     * @return list<string>
     */
    private static function functions(string $source): array
    {
        $tokens = array_values(array_filter(
            \PhpToken::tokenize($source),
            static fn (\PhpToken $token): bool => !$token->isIgnorable(),
        ));
        $names = [];
        foreach ($tokens as $index => $token) {
            $isCalled = $token->is([T_STRING, T_NAME_FULLY_QUALIFIED]) && ($tokens[$index + 1]->text ?? '') === '(';
            $isOther = in_array($tokens[$index - 1]->text ?? '', ['->', '?->', '::', 'function', 'new', '#['], true);
            $name = ltrim($token->text, '\\');
            if ($isCalled && !$isOther && function_exists($name)) {
                $names[] = $name;
            }
        }
        return $names;
    }
}
