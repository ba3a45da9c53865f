<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Form;

use Netresearch\NrSecureOutbound\Tests\Functional\OutboundTestCase;
use PHPUnit\Framework\Attributes\Test;
use TYPO3\CMS\Backend\Form\FormDataCompiler;
use TYPO3\CMS\Backend\Form\FormDataGroup\TcaDatabaseRecord;
use TYPO3\CMS\Backend\Form\NodeFactory;
use TYPO3\CMS\Backend\Routing\Route;
use TYPO3\CMS\Core\Http\NormalizedParams;
use TYPO3\CMS\Core\Http\ServerRequest;
use TYPO3\CMS\Core\Messaging\FlashMessageService;
use TYPO3\CMS\Core\Utility\GeneralUtility;

/**
 * The forms of services and credential sets, as an administrator sees them.
 */
final class RecordFormTest extends OutboundTestCase
{
    #[Test]
    public function whatIsWrongStandsAtItsField(): void
    {
        $set = $this->saveSet('crm-token', 0);
        $service = $this->saveService('crm', [
            'allowed_paths' => 'v1',
            'headers' => 'Authorization: Bearer x',
            'credential_sets' => (string) $set,
        ]);

        $form = $this->form(self::SERVICE, $service);

        self::assertSame([
            'the credential set "crm-token": secret_uid names no secret of nr-vault, or one that is deleted',
            'must be a list of patterns that begin with "/"',
            "has Authorization, which carries a credential: let a credential set place it, and renew a value that was here, since the record's "
                . 'history keeps it',
        ], $this->alerts($form));
        $this->assertAlertAt($form, 'allowed_paths', 'must be a list of patterns');
        $this->assertAlertAt($form, 'headers', 'has Authorization');
        self::assertSame(
            ['names no secret of nr-vault, or one that is deleted'],
            $this->alerts($this->form(self::SET, $set)),
        );
    }

    #[Test]
    public function soundRecordsAndNewOnesHaveNothingWrong(): void
    {
        $set = $this->saveSet('crm-token', $this->storeSecret('crm_token', 's3cr3t'));
        $service = $this->saveService('crm', ['credential_sets' => (string) $set]);

        self::assertSame([], $this->alerts($this->form(self::SERVICE, $service)));
        self::assertSame([], $this->alerts($this->form(self::SET, $set)));
        self::assertSame([], $this->alerts($this->form(self::SERVICE, 0)));
        self::assertSame([], $this->alerts($this->form(self::SET, 0)));
    }

    #[Test]
    public function aFormReadsItsRecordOnceForAllItsFields(): void
    {
        $service = $this->saveService('crm');

        $sent = $this->statementsOf(fn () => $this->form(self::SERVICE, $service));

        $joined = array_filter($sent, static fn (string $sql): bool => str_contains($sql, 'technical_user__uid'));
        // One statement for the record, and one for others with its id.
        self::assertCount(2, $joined);
    }

    #[Test]
    public function anIdThatAnotherRecordHasIsNamed(): void
    {
        $first = $this->saveService('crm');
        $second = $this->saveService('other');
        self::connections()->getConnectionForTable(self::SERVICE)->update(
            self::SERVICE,
            ['identifier' => 'crm'],
            ['uid' => $second],
        );

        self::assertSame(
            ["is the id of the record with uid $first as well: both are disabled"],
            $this->alerts($this->form(self::SERVICE, $second)),
        );
    }

    #[Test]
    public function aMethodThatIsNotOfferedStaysWhereARowHasIt(): void
    {
        $service = $this->saveService('crm', ['allowed_methods' => 'POST,PROPFIND']);

        preg_match_all('/value="([A-Z]+)"[^>]*checked/', $this->form(self::SERVICE, $service), $match);

        self::assertSame(['POST', 'PROPFIND'], $match[1]);
        self::assertStringNotContainsString('PROPFIND', $this->form(self::SERVICE, 0));
    }

    #[Test]
    public function neitherUsersWhoMayDoEverythingNorTheSecretsThemselvesAreOffered(): void
    {
        $this->storeSecret('crm_token', 's3cr3t-value');
        self::connections()->getConnectionForTable('be_users')
            ->insert('be_users', ['username' => 'root', 'password' => 'x', 'admin' => 1]);
        $service = $this->saveService('crm');

        $form = $this->form(self::SERVICE, $service);

        preg_match('/<select[^>]+\[technical_user\]".*?<\/select>/s', $form, $match);
        preg_match_all('/<option value="(\d+)"/', $match[0] ?? '', $offered);
        self::assertEqualsCanonicalizing(['0', (string) self::EDITOR, (string) self::OTHER, (string) self::DISABLED], $offered[1]);
        self::assertStringNotContainsString('s3cr3t-value', $form);
    }

    /**
     * @param int $uid 0 for a new record
     */
    private function form(string $table, int $uid): string
    {
        $request = new ServerRequest('https://typo3.example/typo3/record/edit');
        $request = $request
            ->withAttribute('applicationType', 2)
            ->withAttribute('route', new Route('/record/edit', ['_identifier' => 'record_edit']))
            ->withAttribute('normalizedParams', NormalizedParams::createFromRequest($request));
        $GLOBALS['TYPO3_REQUEST'] = $request;
        $data = $this->get(FormDataCompiler::class)->compile([
            'request' => $request,
            'tableName' => $table,
            'vanillaUid' => $uid,
            'command' => $uid === 0 ? 'new' : 'edit',
            'returnUrl' => '',
        ], GeneralUtility::makeInstance(TcaDatabaseRecord::class));
        self::assertSame([], $this->get(FlashMessageService::class)->getMessageQueueByIdentifier()->getAllMessages());
        $result = $this->get(NodeFactory::class)->create(['renderType' => 'fullRecordContainer'] + $data)->render();
        $html = $result['html'] ?? null;
        self::assertIsString($html);
        return $html;
    }

    /**
     * @return list<string>
     */
    private function alerts(string $form): array
    {
        preg_match_all('/<div class="alert alert-danger mb-2" role="alert">(.*?)<\/div>/s', $form, $match);
        return array_map(htmlspecialchars_decode(...), $match[1]);
    }

    private function assertAlertAt(string $form, string $column, string $message): void
    {
        // The part of the form from the message to its field.
        $rest = strstr($form, htmlspecialchars($message));
        self::assertIsString($rest);
        self::assertSame(1, preg_match('/\[(\w+)\](\[\])?"/', $rest, $match));
        self::assertSame($column, $match[1] ?? null);
    }
}
