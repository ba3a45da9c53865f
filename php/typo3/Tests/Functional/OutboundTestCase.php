<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional;

use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrVault\Service\VaultServiceInterface;
use TYPO3\CMS\Core\Authentication\BackendUserAuthentication;
use TYPO3\CMS\Core\Core\SystemEnvironmentBuilder;
use TYPO3\CMS\Core\Database\ConnectionPool;
use TYPO3\CMS\Core\Database\Query\QueryBuilder;
use TYPO3\CMS\Core\DataHandling\DataHandler;
use TYPO3\CMS\Core\Http\ServerRequest;
use TYPO3\CMS\Core\Localization\LanguageServiceFactory;
use TYPO3\CMS\Core\Utility\GeneralUtility;
use TYPO3\TestingFramework\Core\Functional\FunctionalTestCase;

/**
 * A TYPO3 with nr-vault, this extension and some users: an administrator who is logged in, and an editor who may modify
 * every table that a group can name.
 */
abstract class OutboundTestCase extends FunctionalTestCase
{
    protected const ADMIN = 1;
    protected const EDITOR = 2;
    protected const OTHER = 3;
    protected const DISABLED = 5;
    protected const MAINTAINER = 6;

    protected const SERVICE = 'tx_nrvault_service';
    protected const SET = 'tx_nrvault_credential_set';

    protected array $testExtensionsToLoad = ['netresearch/nr-vault', 'netresearch/nr-secure-outbound'];

    protected array $configurationToUseInTestInstance = [
        'DB' => ['globalDriverMiddlewares' => ['statements' => ['target' => Statements::class]]],
        'SYS' => [
            'encryptionKey' => 'the-encryption-key-of-the-tests-which-is-long-enough-to-derive-from',
            'systemMaintainers' => [self::MAINTAINER],
        ],
    ];

    protected function setUp(): void
    {
        parent::setUp();
        $this->importCSVDataSet(__DIR__ . '/Fixtures/users.csv');
        $this->logIn(self::ADMIN);
    }

    protected function logIn(int $user): BackendUserAuthentication
    {
        $session = $this->setUpBackendUser($user);
        $GLOBALS['LANG'] = $this->get(LanguageServiceFactory::class)->createFromUserPreferences($session);
        $GLOBALS['TYPO3_REQUEST'] = (new ServerRequest('https://typo3.example/typo3/'))
            ->withAttribute('applicationType', SystemEnvironmentBuilder::REQUESTTYPE_BE);
        return $session;
    }

    /** No user is logged in, as in a request of the frontend. */
    protected function logOut(): void
    {
        unset($GLOBALS['BE_USER']);
        $GLOBALS['TYPO3_REQUEST'] = (new ServerRequest('https://typo3.example/'))
            ->withAttribute('applicationType', SystemEnvironmentBuilder::REQUESTTYPE_FE);
    }

    /**
     * Processes data and commands as the backend does for a form.
     *
     * @param array<string, array<int|string, array<string, mixed>>> $data
     * @param array<string, array<int|string, array<string, mixed>>> $commands
     */
    protected function edit(array $data, array $commands = []): DataHandler
    {
        $handler = GeneralUtility::makeInstance(DataHandler::class);
        $handler->start($data, $commands);
        $handler->process_datamap();
        $handler->process_cmdmap();
        return $handler;
    }

    /**
     * Saves a service as an administrator does.
     *
     * @param array<string, mixed> $fields
     * @return int its uid
     */
    protected function saveService(string $id, array $fields = []): int
    {
        return $this->save(self::SERVICE, $fields + [
            'identifier' => $id,
            'base_url' => 'https://api.example.com/v1',
            'allowed_methods' => 'GET,POST',
        ]);
    }

    /**
     * Saves a credential set for a plain secret that goes into a header field.
     *
     * @param array<string, mixed> $fields
     */
    protected function saveSet(string $id, int $secret, array $fields = []): int
    {
        return $this->save(self::SET, $fields + [
            'identifier' => $id,
            'secret_uid' => $secret,
            'type' => 'secret',
            'placement' => 'bearer',
        ]);
    }

    /**
     * @param array<string, mixed> $options of nr-vault
     * @return int uid of the secret
     */
    protected function storeSecret(string $identifier, string $value, array $options = []): int
    {
        $this->get(VaultServiceInterface::class)->store($identifier, $value, $options);
        return Cell::integer($this->rows('tx_nrvault_secret', ['identifier' => $identifier, 'deleted' => 0])[0], 'uid');
    }

    /**
     * @param array<string, mixed> $fields
     */
    protected function save(string $table, array $fields): int
    {
        $handler = $this->edit([$table => ['NEW1' => $fields + ['pid' => 0]]]);
        self::assertSame([], $handler->errorLog);
        $uid = $handler->substNEWwithIDs['NEW1'] ?? null;
        self::assertIsInt($uid);
        return $uid;
    }

    /**
     * @param array<string, mixed> $fields
     */
    protected function change(string $table, int $uid, array $fields): void
    {
        self::assertSame([], $this->edit([$table => [$uid => $fields]])->errorLog);
    }

    /**
     * The columns of one row.
     *
     * @return array<string, mixed>
     */
    protected function row(string $table, int $uid): array
    {
        return $this->rows($table, ['uid' => $uid])[0] ?? self::fail("$table has no row $uid.");
    }

    /**
     * Rows as they are stored, deleted and hidden ones included.
     *
     * @param array<string, string|int> $where
     * @return list<array<string, mixed>>
     */
    protected function rows(string $table, array $where = []): array
    {
        return self::queryOf($table, $where)->select('*')->orderBy('uid')->executeQuery()->fetchAllAssociative();
    }

    /**
     * @param array<string, string|int> $where
     */
    protected function countRows(string $table, array $where = []): int
    {
        // Not by rows(), since a table of relations has no uid.
        return Cell::integer([self::queryOf($table, $where)->count('*')->executeQuery()->fetchOne()], '0');
    }

    /**
     * @param array<string, string|int> $where
     */
    private static function queryOf(string $table, array $where): QueryBuilder
    {
        $query = self::connections()->getQueryBuilderForTable($table);
        $query->getRestrictions()->removeAll();
        $query->from($table);
        foreach ($where as $column => $value) {
            $query->andWhere($query->expr()->eq($column, $query->createNamedParameter($value)));
        }
        return $query;
    }

    /**
     * The statements that are sent to the database while the closure runs.
     *
     * @param \Closure(): mixed $do
     * @return list<string>
     */
    protected function statementsOf(\Closure $do): array
    {
        Statements::$sent = [];
        $do();
        return Statements::$sent;
    }

    protected static function connections(): ConnectionPool
    {
        return GeneralUtility::makeInstance(ConnectionPool::class);
    }
}
