<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit\Form;

use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * Every label that forms and module use exists in both languages, and every existing label is used.
 */
final class LabelsTest extends TestCase
{
    private const FOLDER = __DIR__ . '/../../../Resources/Private/Language/';

    #[Test]
    public function everyLabelOfTheFormsIsThere(): void
    {
        define('TYPO3', true);
        $named = [];
        foreach (['tx_nrvault_service', 'tx_nrvault_credential_set'] as $table) {
            $tca = [require __DIR__ . '/../../../Configuration/TCA/' . $table . '.php'];
            array_walk_recursive($tca, static function (mixed $value) use (&$named): void {
                preg_match_all('/LLL:EXT:nr_secure_outbound[^:]*tca\.xlf:([\w.-]+)/', is_string($value) ? $value : '', $match);
                array_push($named, ...$match[1]);
            });
        }
        sort($named);

        self::assertNotSame([], $named);
        self::assertSame(array_values(array_unique($named)), $this->keys('tca.xlf'));
    }

    #[Test]
    public function germanHasWhatEnglishHas(): void
    {
        foreach (glob(self::FOLDER . '[!.]*.xlf') ?: [] as $file) {
            $name = basename($file);
            if (!str_starts_with($name, 'de.')) {
                self::assertSame($this->keys($name), $this->keys('de.' . $name));
                self::assertSame($this->texts($name, 'source'), $this->texts('de.' . $name, 'source'));
                self::assertNotContains('', $this->texts('de.' . $name, 'target'));
                self::assertCount(count($this->keys($name)), $this->texts('de.' . $name, 'target'));
            }
        }
    }

    #[Test]
    public function everyLabelOfTheModuleIsThereAndNoOther(): void
    {
        $text = '';
        foreach (['Classes/Backend' => 'php', 'Configuration/Backend' => 'php', 'Resources/Private/Templates' => 'html'] as $folder => $type) {
            $files = new \RecursiveDirectoryIterator(self::FOLDER . '../../../' . $folder, \FilesystemIterator::SKIP_DOTS);
            foreach (new \RecursiveIteratorIterator($files) as $file) {
                self::assertInstanceOf(\SplFileInfo::class, $file);
                $text .= $file->getExtension() === $type ? file_get_contents($file->getPathname()) : '';
            }
        }
        // Whole keys, and the beginnings of keys that end with a value.
        preg_match_all('/(?:Labels::(?:get|path)\(\'|module\.xlf:|\blabel: \')([a-z][\w.]*\w)[\'"]/', $text, $match);
        $named = array_unique($match[1]);
        preg_match_all('/(?:Labels::(?:get|path)\([\'"]|module\.xlf:)([a-z][\w.]*\.)[\'{$]/', $text, $match);
        $begun = array_unique($match[1]);
        $keys = $this->keys('module.xlf');

        self::assertNotSame([], $begun);
        self::assertSame([], array_diff($named, $keys));
        foreach (array_diff($keys, $named) as $key) {
            $beginnings = array_filter($begun, static fn (string $beginning): bool => str_starts_with($key, $beginning));
            self::assertNotSame([], $beginnings, "nobody names $key");
        }
    }

    /**
     * @return list<string>
     */
    private function keys(string $file): array
    {
        $keys = [];
        foreach ($this->document($file)->getElementsByTagName('trans-unit') as $unit) {
            $keys[] = $unit->getAttribute('id');
        }
        sort($keys);
        return $keys;
    }

    /**
     * @return list<string>
     */
    private function texts(string $file, string $element): array
    {
        $texts = [];
        foreach ($this->document($file)->getElementsByTagName($element) as $text) {
            $texts[] = trim($text->textContent);
        }
        return $texts;
    }

    private function document(string $file): \DOMDocument
    {
        $document = new \DOMDocument();
        self::assertTrue($document->load(self::FOLDER . $file));
        return $document;
    }
}
