<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\Vault;

use Netresearch\NrSecureOutbound\Tests\Functional\CallTestCase;
use Netresearch\NrSecureOutbound\Vault\NrVaultCredentialProvider;
use Netresearch\NrSecureOutbound\Vault\SealingVault;
use Netresearch\NrVault\Exception\EncryptionException;
use Netresearch\NrVault\Service\VaultServiceInterface;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;

/**
 * Every check of access of the installed nr-vault applies to the read of an envelope as it does to the read of a value.
 */
final class GatesTest extends CallTestCase
{
    private const VISITOR = 0;

    /** A visitor who is logged into the backend as the editor. */
    private const COOKIE = -1;

    /**
     * @return iterable<string, array{int, array<string, mixed>, string|null}>
     */
    public static function gates(): iterable
    {
        $denied = 'credential.access_denied';
        $ofAdmin = ['owner' => self::ADMIN];
        yield 'an owner' => [self::EDITOR, ['owner' => self::EDITOR], null];
        yield 'a member of the group' => [self::EDITOR, $ofAdmin + ['groups' => [1]], null];
        $secrets = [
            'another\'s' => ['owner' => self::OTHER],
            'another group\'s' => ['owner' => self::OTHER, 'groups' => [2]],
            'shown in pages' => ['owner' => self::OTHER, 'frontendAccessible' => true],
            'hidden' => ['owner' => self::EDITOR, 'frontendAccessible' => true, 'hidden' => true],
            'expired' => ['owner' => self::EDITOR, 'frontendAccessible' => true, 'expiresAt' => 1],
        ];
        [$hidden, $expired] = ['credential.not_found', 'credential.expired'];
        $actors = [
            'a visitor' => [self::VISITOR, [$denied, $denied, null, $hidden, $expired]],
            'a visitor with the cookie of an editor' => [self::COOKIE, [$denied, $denied, $denied, $hidden, $expired]],
            'an editor' => [self::EDITOR, [$denied, $denied, $denied, $hidden, $expired]],
            'an administrator' => [self::ADMIN, [null, null, null, $hidden, $expired]],
        ];
        foreach ($actors as $actor => [$user, $codes]) {
            foreach (array_combine(array_keys($secrets), $codes) as $secret => $code) {
                yield "$actor, $secret" => [$user, $secrets[$secret], $code];
            }
        }
    }

    /**
     * @param array<string, mixed> $options
     */
    #[Test]
    #[DataProvider('gates')]
    public function whoMayNotReadCallsWithoutResult(int $user, array $options, ?string $code): void
    {
        $this->serviceWithSecret('crm', 's3cr3t', [], array_diff_key($options, ['hidden' => null]));
        self::connections()->getConnectionForTable('tx_nrvault_secret')
            ->update('tx_nrvault_secret', ['hidden' => (int) isset($options['hidden'])], ['uid' => 1]);
        match ($user) {
            self::VISITOR => $this->logOut(),
            self::COOKIE => $this->comeWithCookie(),
            default => $this->logIn($user),
        };

        if ($code === null) {
            self::assertSame('Bearer s3cr3t', self::authorization($this->call('crm')));
            $this->assertReads(1);
            return;
        }
        $failure = self::failure(fn () => $this->call('crm'));

        self::assertSame($code, $failure->errorCode());
        self::assertSame('no', $failure->sent());
        self::assertStringContainsString('crm_token', $failure->getMessage());
        $this->assertReads(0);
        // nr-vault has recorded the refusal; for it a hidden secret is not there.
        self::assertSame((int) !isset($options['hidden']), $this->countRows('tx_nrvault_audit_log', ['success' => 0]));
    }

    #[Test]
    public function aVisitorWithABackendCookieIsJudgedAsThatEditorAndRecordedAsAVisitor(): void
    {
        $this->serviceWithSecret('crm', 's3cr3t', [], ['owner' => self::EDITOR]);
        $this->comeWithCookie();

        self::assertSame('Bearer s3cr3t', self::authorization($this->call('crm')));
        self::assertSame('visitor', $this->rows('tx_nrvault_outbound_audit')[0]['actor_type']);
    }

    #[Test]
    public function whatOneMayReadAnotherDoesNotGetFromMemory(): void
    {
        $this->serviceWithSecret('crm', 'first');
        self::assertSame('Bearer first', self::authorization($this->call('crm')));

        $this->logIn(self::EDITOR);
        self::assertSame('credential.access_denied', self::failure(fn () => $this->call('crm'))->errorCode());
        $this->logOut();
        self::assertSame('credential.access_denied', self::failure(fn () => $this->call('crm'))->errorCode());

        $this->logIn(self::ADMIN);
        $this->get(VaultServiceInterface::class)->rotate('crm_token', 'second');
        self::assertSame('Bearer second', self::authorization($this->call('crm')));

        $this->get(VaultServiceInterface::class)->delete('crm_token');
        // The service is disabled, since its secret does not exist any more.
        self::assertSame('policy.service_disabled', self::failure(fn () => $this->call('crm'))->errorCode());
        // Nor is there an envelope for who does not ask the registry first.
        $reference = new CredentialReference('crm_token', CredentialReference::SECRET, Placement::bearer());
        foreach ([self::ADMIN, self::EDITOR] as $user) {
            $this->logIn($user);
            $failure = self::failure(fn () => $this->get(NrVaultCredentialProvider::class)->fetch($reference));
            self::assertSame('credential.not_found', $failure->errorCode());
        }
        $this->assertReads(2);
    }

    #[Test]
    public function aSecretThatIsNotThereIsNoEnvelope(): void
    {
        self::assertNull($this->get(SealingVault::class)->envelope('nobody'));
    }

    #[Test]
    public function nothingIsStoredThroughTheSealingVault(): void
    {
        $vault = (new \ReflectionProperty(SealingVault::class, 'vault'))->getValue($this->get(SealingVault::class));
        self::assertInstanceOf(VaultServiceInterface::class, $vault);

        try {
            $vault->store('new_secret', 'value');
            self::fail('It was stored.');
        } catch (EncryptionException) {
            self::assertSame(0, $this->countRows('tx_nrvault_secret'));
        }
    }

    #[Test]
    public function anEnvelopeIsAllThatComesOut(): void
    {
        $this->serviceWithSecret('crm', 's3cr3t-c4n4ry');

        $envelope = (string) $this->get(SealingVault::class)->envelope('crm_token');

        self::assertStringStartsWith('nrv1:', $envelope);
        $body = (string) base64_decode(substr($envelope, 5), true);
        self::assertStringNotContainsString('c4n4ry', $body);
        self::assertEqualsCanonicalizing(
            ['encrypted_value', 'encrypted_dek', 'dek_nonce', 'value_nonce', 'encryption_version', 'encryption_algorithm'],
            array_keys((array) json_decode($body, true)),
        );
    }

    #[Test]
    public function aRecordWithoutAValueIsNoCredential(): void
    {
        $this->serviceWithSecret('crm', 's3cr3t');
        self::connections()->getConnectionForTable('tx_nrvault_secret')
            ->update('tx_nrvault_secret', ['encrypted_value' => ''], ['uid' => 1]);

        self::assertSame('credential.malformed', self::failure(fn () => $this->call('crm'))->errorCode());
    }

    /** A request of the frontend, of somebody who is logged into the backend. */
    private function comeWithCookie(): void
    {
        $editor = $this->logIn(self::EDITOR);
        $this->logOut();
        $GLOBALS['BE_USER'] = $editor;
    }

    private function assertReads(int $count): void
    {
        self::assertSame($count, $this->countRows('tx_nrvault_audit_log', ['action' => 'read', 'success' => 1]));
        $row = $this->rows('tx_nrvault_secret', ['identifier' => 'crm_token'])[0];
        self::assertSame($count, $row['read_count']);
    }
}
