<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit\Registry;

use Netresearch\NrSecureOutbound\Registry\RowReader;
use Netresearch\NrSecureOutbound\Registry\ServiceRow;
use Netresearch\NrSecureOutbound\Registry\TechnicalUser;
use Netresearch\NrSecureOutbound\Vault\InstalledVault;
use Netresearch\NrVault\Outbound\Registry\RegistryProblem;
use Netresearch\NrVault\Security\TechnicalActorContextInterface;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * Which technical user a service may have, with an nr-vault that supports technical users.
 */
final class RowReaderTest extends TestCase
{
    public static function setUpBeforeClass(): void
    {
        if (!interface_exists(TechnicalActorContextInterface::class)) {
            require __DIR__ . '/../../Stubs/technical-actors.stub';
        }
    }

    /**
     * @return array<string, array{array<string, mixed>|null, list<string>}>
     */
    public static function users(): array
    {
        $user = ['uid' => 7, 'username' => 'svc_crm', 'admin' => 0, 'disable' => 0, 'deleted' => 0];
        $gone = ['technical_user names a backend user that is not there'];
        $rights = ': take a user with the rights of this service alone';
        return [
            'one with the rights of the service' => [$user, []],
            'an administrator' => [['admin' => '1'] + $user, ['technical_user names an administrator' . $rights]],
            'a system maintainer' => [['uid' => 9] + $user, ['technical_user names a system maintainer' . $rights]],
            'a disabled one' => [['disable' => 1] + $user, ['technical_user names a backend user that is disabled']],
            'a deleted one' => [['deleted' => 1] + $user, $gone],
            'nobody' => [null, $gone],
        ];
    }

    /**
     * @param array<string, mixed>|null $user
     * @param list<string> $problems
     */
    #[Test]
    #[DataProvider('users')]
    public function aTechnicalUserIsNoRestrictionWhereItMayReadAll(?array $user, array $problems): void
    {
        $GLOBALS['TYPO3_CONF_VARS']['SYS']['systemMaintainers'] = ['9'];

        $reading = (new RowReader(new TechnicalUser(new InstalledVault())))->read(new ServiceRow([
            'uid' => 1,
            'identifier' => 'crm',
            'base_url' => 'https://api.example.com',
            'allowed_methods' => 'GET',
            'max_attempts' => 1,
            'audit_sample' => 1,
            'technical_user' => $user['uid'] ?? 7,
        ], [], $user));

        self::assertSame($problems, array_map(
            static fn (RegistryProblem $found): string => $found->field . ' ' . $found->message,
            $reading->problems,
        ));
        if ($problems === []) {
            self::assertSame(7, $reading->registry()->get('crm')->technicalUser);
        }
    }
}
