<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Registry;

use Netresearch\NrSecureOutbound\Tests\Functional\OutboundTestCase;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use TYPO3\CMS\Core\Configuration\SiteWriter;
use TYPO3\CMS\Core\Utility\GeneralUtility;
use TYPO3\CMS\Impexp\Exception\ImportFailedException;
use TYPO3\CMS\Impexp\Exception\PrerequisitesNotMetException;
use TYPO3\CMS\Impexp\Export;
use TYPO3\CMS\Impexp\Import;

/**
 * Only administrators may edit records that decide where a secret goes, whatever tables a group may modify.
 */
final class RecordAccessTest extends OutboundTestCase
{
    protected array $coreExtensionsToLoad = ['impexp'];

    /**
     * @return array<string, array{string, array<string, mixed>}>
     */
    public static function tables(): array
    {
        return [
            'services' => [self::SERVICE, [
                'identifier' => 'mine',
                'base_url' => 'https://evil.example',
                'allowed_methods' => 'GET',
            ]],
            'credential sets' => [self::SET, ['identifier' => 'mine', 'type' => 'bearer', 'secret_uid' => 1]],
        ];
    }

    /**
     * @param array<string, mixed> $fields
     */
    #[Test]
    #[DataProvider('tables')]
    public function anEditorMakesNone(string $table, array $fields): void
    {
        $this->logIn(self::EDITOR);
        foreach ([0, 1, 2] as $pid) {
            $handler = $this->edit([$table => ['NEW1' => $fields + ['pid' => $pid]]]);
            self::assertNotSame([], $handler->errorLog, "at pid $pid");
        }

        self::assertSame(0, $this->countRows($table));
    }

    /**
     * @param array<string, mixed> $fields
     */
    #[Test]
    #[DataProvider('tables')]
    public function anEditorChangesCopiesMovesAndDeletesNone(string $table, array $fields): void
    {
        $uid = $this->save($table, ['identifier' => 'theirs'] + $fields);
        $before = $this->row($table, $uid);
        $this->logIn(self::EDITOR);

        $this->edit([$table => [$uid => ['identifier' => 'mine', 'base_url' => 'https://evil.example', 'secret_uid' => 7]]]);
        foreach (['hidden' => 1, 'deleted' => 1, 'pid' => 1, 'tstamp' => 1, 'crdate' => 1, 'uid' => 9] as $control => $value) {
            $this->edit([$table => [$uid => [$control => $value]]]);
        }
        foreach ([['copy' => 0], ['copy' => 1], ['move' => 1], ['delete' => 1], ['undelete' => 1]] as $command) {
            $this->edit([], [$table => [$uid => $command]]);
        }

        self::assertSame($before, $this->row($table, $uid));
        self::assertSame(1, $this->countRows($table));
    }

    /**
     * A record has no version of a workspace, and nobody changes the live one from there.
     *
     * @param array<string, mixed> $fields
     */
    #[Test]
    #[DataProvider('tables')]
    public function aWorkspaceMakesAndChangesNone(string $table, array $fields): void
    {
        $uid = $this->save($table, ['identifier' => 'theirs'] + $fields);
        $before = $this->row($table, $uid);
        $this->logIn(self::ADMIN)->workspace = 1;

        self::assertNotSame([], $this->edit([$table => ['NEW1' => $fields + ['pid' => 0]]])->errorLog);
        self::assertNotSame([], $this->edit([$table => [$uid => ['identifier' => 'mine']]])->errorLog);
        $this->edit([], [$table => [$uid => ['delete' => 1]]]);

        self::assertSame($before, $this->row($table, $uid));
        self::assertSame(1, $this->countRows($table));
    }

    /**
     * @param array<string, mixed> $fields
     */
    #[Test]
    #[DataProvider('tables')]
    public function anEditorImportsNone(string $table, array $fields): void
    {
        $this->export($table, $this->save($table, $fields));
        self::connections()->getConnectionForTable($table)->truncate($table);

        foreach ([0, 1, 2] as $pid) {
            $this->import(self::EDITOR, $pid);
            self::assertSame(0, $this->countRows($table), "at pid $pid");
        }
        // The import by an administrator shows that the file is valid, and that it was the editor who was refused.
        $this->import(self::ADMIN, 0);
        self::assertSame(1, $this->countRows($table));
    }

    /**
     * @param array<string, mixed> $fields
     */
    #[Test]
    #[DataProvider('tables')]
    public function anEditorChangesNoneByAnImport(string $table, array $fields): void
    {
        $uid = $this->save($table, $fields);
        $this->export($table, $uid);
        $this->change($table, $uid, ['identifier' => 'theirs', 'hidden' => 1]);
        $before = $this->row($table, $uid);

        foreach ([0, 1, 2] as $pid) {
            $this->import(self::EDITOR, $pid, true);
            self::assertSame([$before], $this->rows($table), "at pid $pid");
        }
        $this->import(self::ADMIN, 0, true);
        self::assertSame(['mine', 0], [$this->row($table, $uid)['identifier'], $this->row($table, $uid)['hidden']]);
    }

    #[Test]
    public function noRecordLiesOnAPage(): void
    {
        [$table, $fields] = self::tables()['services'];
        $handler = $this->edit([$table => ['NEW1' => $fields + ['pid' => 1]]]);

        self::assertNotSame([], $handler->errorLog);
        self::assertSame(0, $this->countRows($table));
    }

    /**
     * @param array<string, mixed> $fields
     */
    #[Test]
    #[DataProvider('tables')]
    public function aCopyIsDisabledAndHasAnIdOfItsOwn(string $table, array $fields): void
    {
        $uid = $this->save($table, $fields);

        $copy = $this->edit([], [$table => [$uid => ['copy' => 0]]])->copyMappingArray_merged[$table][$uid];

        self::assertIsInt($copy);
        $row = $this->row($table, $copy);
        self::assertSame(1, $row['hidden']);
        self::assertNotSame('mine', $row['identifier']);
        self::assertSame(['mine', 0], [$this->row($table, $uid)['identifier'], $this->row($table, $uid)['hidden']]);
    }

    /**
     * @param array<string, mixed> $fields
     */
    #[Test]
    #[DataProvider('tables')]
    public function noRecordIsTranslated(string $table, array $fields): void
    {
        $this->get(SiteWriter::class)->write('main', ['rootPageId' => 1, 'base' => '/', 'languages' => array_map(
            static fn (int $id, string $locale): array => ['languageId' => $id, 'title' => $locale, 'locale' => $locale, 'base' => "/$locale/"],
            ...[[0, 1], ['en', 'de']],
        )]);
        $uid = $this->save($table, $fields);

        foreach (['localize', 'copyToLanguage'] as $command) {
            self::assertNotSame([], $this->edit([], [$table => [$uid => [$command => 1]]])->errorLog);
        }

        self::assertSame(1, $this->countRows($table));
    }

    /** Nobody edits a record of a call, so no form and no DataHandler knows its table. */
    #[Test]
    public function theAuditTableHasNoForm(): void
    {
        self::assertIsArray($GLOBALS['TCA']);
        self::assertArrayHasKey(self::SERVICE, $GLOBALS['TCA']);
        self::assertArrayNotHasKey('tx_nrvault_outbound_audit', $GLOBALS['TCA']);
    }

    private function export(string $table, int $uid): void
    {
        $export = GeneralUtility::makeInstance(Export::class);
        $export->setRecord([$table . ':' . $uid]);
        $export->setExportFileType(Export::FILETYPE_XML);
        $export->process();
        file_put_contents($this->instancePath . '/fileadmin/record.xml', $export->render());
    }

    /**
     * @param bool $isUpdate whether a record with the same uid is changed
     */
    private function import(int $user, int $pid, bool $isUpdate = false): void
    {
        $this->logIn($user);
        $import = GeneralUtility::makeInstance(Import::class);
        $import->setPid($pid);
        $import->setUpdate($isUpdate);
        try {
            $import->loadFile('fileadmin/record.xml');
            $import->importData();
        } catch (ImportFailedException | PrerequisitesNotMetException) {
            // The import throws an exception that says that records were refused.
        }
    }
}
