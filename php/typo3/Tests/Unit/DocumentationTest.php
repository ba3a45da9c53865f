<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit;

use Netresearch\NrSecureOutbound\Configuration\Settings;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;
use Symfony\Component\Console\Attribute\AsCommand;
use Symfony\Component\Console\Command\Command;

/**
 * The pages of Documentation/, as far as they can be checked without TYPO3's renderer.
 */
final class DocumentationTest extends TestCase
{
    /** @var array<mixed> the output of documentation.py */
    private static array $read;

    public static function setUpBeforeClass(): void
    {
        $result = Process::run(['python3', __DIR__ . '/../Support/documentation.py', __DIR__ . '/../../Documentation']);
        $read = json_decode($result['output'], true);
        self::$read = is_array($read) ? $read : throw new \RuntimeException('the pages cannot be read: ' . $result['output']);
    }

    #[Test]
    public function eachPageIsWellFormedAndEachReferenceLeadsSomewhere(): void
    {
        self::assertSame([], self::$read['problems']);
        self::assertGreaterThan(8, self::$read['pages']);
        self::assertGreaterThan(8, self::$read['references']);
    }

    #[Test]
    public function theCodeIsOfItsLanguage(): void
    {
        $parsed = 0;
        foreach (self::blocks() as $block) {
            if ($block['language'] === 'php') {
                $code = str_starts_with($block['text'], '<?php') ? $block['text'] : '<?php ' . $block['text'];
                token_get_all($code, TOKEN_PARSE);
                ++$parsed;
            } elseif ($block['language'] === 'json') {
                json_decode($block['text'], flags: JSON_THROW_ON_ERROR);
                ++$parsed;
            }
        }
        self::assertGreaterThan(5, $parsed);
    }

    /**
     * Classes that the code on the pages imports or writes with their full name.
     */
    #[Test]
    public function theClassesAreThere(): void
    {
        $text = '';
        foreach (glob(__DIR__ . '/../../Documentation/*/Index.rst') ?: [] as $file) {
            $text .= file_get_contents($file);
        }
        preg_match_all('/\\\\?(Netresearch(?:\\\\\w+)+)/', $text, $matches);
        $names = array_unique($matches[1]);
        self::assertContains('Netresearch\NrVault\Service\SecureHttpClientInterface', $names);
        foreach ($names as $name) {
            self::assertTrue(class_exists($name) || interface_exists($name), $name);
        }
    }

    /**
     * Each command has its section on the page, and the command lines on the pages use only options that it has.
     */
    #[Test]
    public function theCommandsAreThere(): void
    {
        $page = (string) file_get_contents(__DIR__ . '/../../Documentation/Commands/Index.rst');
        preg_match_all('/^(?:outbound:[a-z:-]+(?: and )?)+$/m', $page, $headings);
        preg_match_all('/outbound:[a-z:-]+/', implode(' ', $headings[0]), $named);
        $there = [];
        foreach (glob(__DIR__ . '/../../Classes/Command/*Command.php') ?: [] as $file) {
            $class = new \ReflectionClass('Netresearch\\NrSecureOutbound\\Command\\' . basename($file, '.php'));
            if ($class->getAttributes(AsCommand::class) !== []) {
                $command = $class->newInstanceWithoutConstructor();
                self::assertInstanceOf(Command::class, $command);
                // The constructor of all commands has the options added, and asks for nothing.
                (new \ReflectionMethod(Command::class, '__construct'))->invoke($command);
                $there[(string) $command->getName()] = $command->getDefinition();
            }
        }
        self::assertEqualsCanonicalizing(array_keys($there), $named[0]);
        preg_match_all('/vendor\/bin\/typo3 (outbound:[a-z:-]+)(.*)$/m', $page, $lines, PREG_SET_ORDER);
        $seen = 0;
        foreach ($lines as [, $command, $arguments]) {
            preg_match_all('/--([a-z-]+)/', $arguments, $options);
            foreach ($options[1] as $option) {
                self::assertTrue($there[$command]->hasOption($option), "$command --$option");
                ++$seen;
            }
        }
        self::assertGreaterThan(3, $seen);
    }

    #[Test]
    public function theSettingsAreTaken(): void
    {
        $blocks = array_column(self::blocks(), 'text', 'caption');
        self::assertArrayHasKey('config/system/additional.php', $blocks);
        $before = $GLOBALS['TYPO3_CONF_VARS'] ?? null;
        try {
            eval($blocks['config/system/additional.php']);
            $settings = Settings::fromGlobals();
        } finally {
            $GLOBALS['TYPO3_CONF_VARS'] = $before;
        }
        self::assertTrue($settings->requireBinding);
        self::assertFalse($settings->phpTransport);
        self::assertSame(['api.example.com', '*.example.org'], $settings->allowedHosts);
    }

    /**
     * @return list<array{language: string, caption: string, text: string}>
     */
    private static function blocks(): array
    {
        $blocks = [];
        self::assertIsArray(self::$read['blocks']);
        foreach (self::$read['blocks'] as $block) {
            self::assertIsArray($block);
            self::assertIsString($block['language']);
            self::assertIsString($block['caption']);
            self::assertIsString($block['text']);
            $blocks[] = ['language' => $block['language'], 'caption' => $block['caption'], 'text' => $block['text']];
        }
        return $blocks;
    }
}
