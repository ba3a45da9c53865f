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
        ]);
        // nr-vault sends its token requests with a client that knows nothing of TYPO3's settings.
        self::$site->ini('curl.cainfo', self::$upstream->tls->authority);
        $service = static fn (string $id, int $owner, string $http = '2'): array => [
            'id' => $id,
            'base_url' => self::$upstream->url($http),
            'secret' => 's3cr3t-of-' . $id,
            'options' => ['owner' => $owner],
        ];
        $file = self::$site->write('prepare.json', (string) json_encode([
            'services' => [$service('nobodys', 0), $service('admins', 1), $service('partner', 0, '1.1')],
            'task' => true,
        ]));
        self::$site->typo3('outbound-test:prepare', $file);
    }

    public static function tearDownAfterClass(): void
    {
        self::$site->remove();
        self::$upstream->stop();
    }

    /**
     * In a command no user is logged in. nr-vault before 1.0 takes it for the owner of every secret without an owner.
     */
    #[Test]
    public function aCommandReadsWhatHasNoOwner(): void
    {
        self::assertSame(
            ['status' => 200, 'authorization' => 'Bearer s3cr3t-of-nobodys', 'transport' => 'rust-ffi'],
            $this->called('nobodys'),
        );
        self::assertContains(['cli', 'outbound-test:call', 'response'], $this->records('nobodys'));
    }

    #[Test]
    public function aCommandReadsNothingOfAnAdministrators(): void
    {
        self::assertSame('credential.access_denied', $this->called('admins')['code'] ?? null);
        self::assertContains(['cli', 'outbound-test:call', 'failed'], $this->records('admins'));
    }

    /**
     * TYPO3 logs in the scheduler's own user, who is an administrator.
     */
    #[Test]
    public function theSchedulerReadsAll(): void
    {
        self::$site->typo3('scheduler:run');

        $result = json_decode((string) file_get_contents(self::$site->path . '/scheduler.json'), true);
        self::assertIsArray($result);
        self::assertSame('Bearer s3cr3t-of-admins', $result['authorization'] ?? null);
        self::assertContains(['scheduler', 'scheduler:run', 'response'], $this->records('admins'));
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
     * @return array<mixed>
     */
    private function called(string $service): array
    {
        $file = self::$site->path . '/call.json';
        self::$site->typo3('outbound-test:call', $service, $file);
        $result = json_decode((string) file_get_contents($file), true);
        self::assertIsArray($result);
        return $result;
    }

    /**
     * @return list<array<mixed>> actor type, actor and outcome
     */
    private function records(string $service): array
    {
        $files = glob(self::$site->path . '/var/sqlite/*.sqlite');
        self::assertIsArray($files);
        $database = new \PDO('sqlite:' . $files[0]);
        $statement = $database->prepare('SELECT actor_type, actor_id, outcome FROM tx_nrvault_outbound_audit WHERE service_id = ?');
        $statement->execute([$service]);
        return $statement->fetchAll(\PDO::FETCH_NUM);
    }
}
