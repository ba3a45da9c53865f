<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Registry;

use Netresearch\NrSecureOutbound\Tests\Functional\OutboundTestCase;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
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

    #[Test]
    public function anEditorImportsNone(): void
    {
        $this->export($this->saveService('crm'));
        self::connections()->getConnectionForTable(self::SERVICE)->truncate(self::SERVICE);

        foreach ([0, 1, 2] as $pid) {
            $this->import(self::EDITOR, $pid);
            self::assertSame(0, $this->countRows(self::SERVICE), "at pid $pid");
        }
        // The import by an administrator shows that the file is valid, and that it was the editor who was refused.
        $this->import(self::ADMIN, 0);
        self::assertSame(1, $this->countRows(self::SERVICE));
    }

    #[Test]
    public function noRecordLiesOnAPage(): void
    {
        [$table, $fields] = self::tables()['services'];
        $handler = $this->edit([$table => ['NEW1' => $fields + ['pid' => 1]]]);

        self::assertNotSame([], $handler->errorLog);
        self::assertSame(0, $this->countRows($table));
    }

    #[Test]
    public function aCopyIsDisabledAndHasAnIdOfItsOwn(): void
    {
        $uid = $this->saveService('crm');

        $copy = $this->edit([], [self::SERVICE => [$uid => ['copy' => 0]]])->copyMappingArray_merged[self::SERVICE][$uid];

        self::assertIsInt($copy);
        $row = $this->row(self::SERVICE, $copy);
        self::assertSame(1, $row['hidden']);
        self::assertNotSame('crm', $row['identifier']);
    }

    private function export(int $uid): void
    {
        $export = GeneralUtility::makeInstance(Export::class);
        $export->setRecord([self::SERVICE . ':' . $uid]);
        $export->setExportFileType(Export::FILETYPE_XML);
        $export->process();
        file_put_contents($this->instancePath . '/fileadmin/service.xml', $export->render());
    }

    private function import(int $user, int $pid): void
    {
        $this->logIn($user);
        $import = GeneralUtility::makeInstance(Import::class);
        $import->setPid($pid);
        try {
            $import->loadFile('fileadmin/service.xml');
            $import->importData();
        } catch (ImportFailedException | PrerequisitesNotMetException) {
            // The import throws an exception that says that records were refused.
        }
    }
}
