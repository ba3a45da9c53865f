<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Backend;

use PHPUnit\Framework\Attributes\Test;

/**
 * The lists of credential sets and of what the doctor finds.
 */
final class CredentialSetsTest extends ModuleTestCase
{
    private const PAGE = self::ROUTE . '.credentials';
    private const FINDINGS = self::ROUTE . '.findings';

    #[Test]
    public function aSetIsShownWithItsServicesAndItsEnd(): void
    {
        $set = $this->saveSet('crm-key', $this->storeSecret('crm_key', 's3cr3t-v4lue'));
        $this->saveSet('spare', $this->storeSecret('spare_key', 's3cr3t-v4lue', ['expiresAt' => time() - 60]));
        $this->saveSet('lost', 0);
        $this->saveService('crm', ['credential_sets' => (string) $set]);

        $response = $this->open(self::PAGE);
        $page = self::text($response);

        self::assertStringContainsString('crm-key crm_key Authorization: Bearer … crm api.example.com never', $page);
        self::assertMatchesRegularExpression('/spare spare_key Authorization: Bearer … – \d{4}-\d\d-\d\d/', $page);
        self::assertStringContainsString('lost secret_uid names no secret of nr-vault', $page);
        self::assertStringContainsString('badge-danger', (string) $response->getBody());
        self::assertStringNotContainsString('s3cr3t-v4lue', (string) $response->getBody());
        self::assertStringContainsString('New credential set', $page);
    }

    #[Test]
    public function whoMayOnlySeeChangesNoSet(): void
    {
        $this->saveSet('crm-key', $this->storeSecret('crm_key', 's3cr3t-v4lue'));
        $this->logInWith('view');

        $response = $this->open(self::PAGE);

        self::assertStringContainsString('crm-key', self::text($response));
        self::assertStringNotContainsString('New credential set', self::text($response));
        self::assertStringNotContainsString('record/edit', (string) $response->getBody());
        $this->logInWith('audit');
        self::assertSame(403, $this->open(self::PAGE)->getStatusCode());
    }

    #[Test]
    public function administratorsSeeWhatTheDoctorFinds(): void
    {
        $this->saveService('broken', ['allowed_paths' => 'v1']);
        $this->saveSet('open', $this->storeSecret('open_key', 's3cr3t-v4lue', ['frontendAccessible' => true]));

        $page = self::text($this->open(self::FINDINGS));

        self::assertStringContainsString('vault.frontend_accessible', $page);
        self::assertStringContainsString('broken', $page);
        self::assertLessThan(strpos($page, 'In order'), strpos($page, 'Critical'));
        $this->logInWith('view', 'explain', 'test', 'audit', 'export');
        $refusal = $this->open(self::FINDINGS);
        self::assertSame(403, $refusal->getStatusCode());
        self::assertStringContainsString('for administrators', self::text($refusal));
        self::assertStringNotContainsString('open_key', self::text($refusal));
    }
}
