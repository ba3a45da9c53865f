<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Integration;

use Netresearch\NrSecureOutbound\Tests\Support\Site;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * Calls from commands and from the scheduler, in processes of their own: secrets are read as the user that TYPO3 has set there.
 */
final class CommandTest extends TestCase
{
    /** Services, each with a secret that is another's, of another group, and so on. */
    private const GATES = ['nobodys', 'admins', 'groups', 'pages', 'hidden', 'expired'];

    private static Upstream $upstream;
    private static Site $site;

    public static function setUpBeforeClass(): void
    {
        self::$upstream = new Upstream();
        self::$site = new Site('commands', [
            'HTTP' => ['verify' => self::$upstream->tls->authority],
            'SYS' => ['nrVault' => ['outbound' => [
                'internal_hosts' => self::$upstream->config()['internal_hosts'],
                'drop_in' => 'refuse',
            ]]],
            'EXTENSIONS' => ['nr_vault' => ['allowCliAccess' => '0']],
        ]);
        // nr-vault sends its token requests with a client that knows nothing of TYPO3's settings.
        self::$site->ini('curl.cainfo', self::$upstream->tls->authority);
        $service = static fn (string $id, array $options, string $http = '2', array $more = []): array => $more + [
            'id' => $id,
            'base_url' => self::$upstream->url($http),
            'secret' => 's3cr3t-of-' . $id,
            'options' => $options,
        ];
        $file = self::$site->write('prepare.json', (string) json_encode([
            'services' => [
                $service('nobodys', ['owner' => 0]),
                $service('admins', ['owner' => 1]),
                $service('groups', ['owner' => 1, 'groups' => [7]]),
                $service('pages', ['owner' => 1, 'frontendAccessible' => true]),
                $service('hidden', ['owner' => 0], '2', ['hidden' => true]),
                $service('expired', ['owner' => 0, 'expiresAt' => 1]),
                $service('partner', ['owner' => 0], '1.1'),
                $service('refresh', ['owner' => 0]),
            ],
            'task' => implode(',', self::GATES),
        ]));
        self::$site->typo3('outbound-test:prepare', $file);
    }

    public static function tearDownAfterClass(): void
    {
        self::$site->remove();
        self::$upstream->stop();
    }

    /**
     * In a command no user is logged in. nr-vault before 1.0 takes it for the owner of every secret without an owner, whatever
     * allowCliAccess says.
     */
    #[Test]
    public function aCommandReadsWhatHasNoOwnerAndNothingElse(): void
    {
        self::assertSame([
            'nobodys' => 'Bearer s3cr3t-of-nobodys',
            'admins' => 'credential.access_denied',
            'groups' => 'credential.access_denied',
            'pages' => 'credential.access_denied',
            'hidden' => 'credential.not_found',
            'expired' => 'credential.expired',
        ], array_map(self::outcome(...), self::$site->calls(...self::GATES)));
        self::assertContains(['cli', 'outbound-test:call', 'response'], $this->records('nobodys'));
        self::assertContains(['cli', 'outbound-test:call', 'failed'], $this->records('admins'));
    }

    /**
     * TYPO3 logs in the scheduler's own user, who is an administrator.
     */
    #[Test]
    public function theSchedulerReadsAllThatIsThereAndHasNotExpired(): void
    {
        self::$site->typo3('scheduler:run');

        /** @var array<string, array<string, mixed>> $results */
        $results = json_decode((string) file_get_contents(self::$site->path . '/scheduler.json'), true);
        self::assertSame([
            'nobodys' => 'Bearer s3cr3t-of-nobodys',
            'admins' => 'Bearer s3cr3t-of-admins',
            'groups' => 'Bearer s3cr3t-of-groups',
            'pages' => 'Bearer s3cr3t-of-pages',
            'hidden' => 'credential.not_found',
            'expired' => 'credential.expired',
        ], array_map(self::outcome(...), $results));
        self::assertContains(['scheduler', 'scheduler:run', 'response'], $this->records('admins'));
    }

    #[Test]
    public function theDoctorSaysWhatIsLetThrough(): void
    {
        $finding = self::$site->findings()['vault.gates'] ?? [];

        self::assertSame('warning', $finding['verdict'] ?? null);
        $gaps = [
            'a command reads every secret without an owner',
            'scheduler:run every one',
            'both whatever allowCliAccess says',
            'a visitor with the cookie of a backend user reads what that user may',
        ];
        foreach ($gaps as $gap) {
            self::assertStringContainsString($gap, $finding['message'] ?? '');
        }
    }

    /**
     * A client id and a client secret that are two secrets are beyond the library, so nr-vault's own client makes the call.
     */
    #[Test]
    public function anOAuthClientOfTwoSecretsIsHandedToNrVault(): void
    {
        $file = self::$site->path . '/oauth.json';
        $endpoint = self::$upstream->url() . '/token/' . rtrim(strtr(base64_encode('tok-of-oauth'), '+/', '-_'), '=');
        self::$site->typo3('outbound-test:oauth', self::$upstream->url('1.1') . '/echo', $endpoint, 'partner_token', 'nobodys_token', $file);

        $seen = json_decode((string) file_get_contents($file), true);
        self::assertIsArray($seen);
        self::assertSame('Bearer tok-of-oauth', $seen['headers']['authorization'] ?? null);
        self::assertContains(['cli', 'outbound-test:oauth', 'response'], $this->records('partner'));
        $asked = array_filter(self::$upstream->nginx->received(), static fn (array $request): bool => str_contains($request['uri'], '/token/'));
        parse_str(current($asked)['body'] ?? '', $form);
        self::assertSame(
            ['client_credentials', 's3cr3t-of-partner', 's3cr3t-of-nobodys'],
            [$form['grant_type'] ?? null, $form['client_id'] ?? null, $form['client_secret'] ?? null],
        );
    }

    /**
     * The library has no token for a refresh token, and could not store the next one.
     */
    #[Test]
    public function aRefreshTokenIsHandedToNrVaultWhichStoresTheNextOne(): void
    {
        $file = self::$site->path . '/oauth.json';
        $endpoint = self::$upstream->url() . '/token/' . rtrim(strtr(base64_encode('tok-of-refresh'), '+/', '-_'), '=');
        $call = fn (): string => self::$site->typo3(
            'outbound-test:oauth',
            ...[self::$upstream->url('1.1') . '/echo', $endpoint, 'partner_token', 'nobodys_token', $file, 'refresh_token'],
        );
        $call();
        $call();

        $seen = json_decode((string) file_get_contents($file), true);
        self::assertIsArray($seen);
        self::assertSame('Bearer tok-of-refresh', $seen['headers']['authorization'] ?? null);
        $asked = array_filter(self::$upstream->nginx->received(), static fn (array $request): bool => str_contains($request['body'], 'refresh'));
        $forms = array_map(static function (array $request): array {
            parse_str($request['body'], $form);
            return [$form['grant_type'] ?? null, $form['refresh_token'] ?? null];
        }, array_values($asked));
        self::assertSame([['refresh_token', 's3cr3t-of-refresh'], ['refresh_token', 's3cr3t-of-refresh-next']], $forms);
        $record = $this->record("transport = 'nr-vault' ORDER BY uid DESC");
        self::assertSame(
            ['partner', 'response', '["partner_token","nobodys_token","refresh_token"]'],
            [$record['service_id'], $record['outcome'], $record['credentials']],
        );
        $finding = self::$site->findings()['dropin.handed_over'] ?? [];
        self::assertSame('warning', $finding['verdict'] ?? null);
        self::assertStringContainsString("which nr-vault's own client does", $finding['message'] ?? '');
    }

    /**
     * @param array<string, mixed> $result
     * @return mixed what the API received, or why nothing was sent
     */
    private static function outcome(array $result): mixed
    {
        return $result['authorization'] ?? $result['code'] ?? null;
    }

    /**
     * @return array<string, mixed>
     */
    private function record(string $where): array
    {
        $record = $this->database()->query("SELECT * FROM tx_nrvault_outbound_audit WHERE $where")?->fetch(\PDO::FETCH_ASSOC);
        self::assertIsArray($record);
        return $record;
    }

    private function database(): \PDO
    {
        $files = glob(self::$site->path . '/var/sqlite/*.sqlite');
        self::assertIsArray($files);
        return new \PDO('sqlite:' . $files[0]);
    }

    /**
     * @return list<array<mixed>> actor type, actor and outcome
     */
    private function records(string $service): array
    {
        $statement = $this->database()->prepare('SELECT actor_type, actor_id, outcome FROM tx_nrvault_outbound_audit WHERE service_id = ?');
        $statement->execute([$service]);
        return $statement->fetchAll(\PDO::FETCH_NUM);
    }
}
