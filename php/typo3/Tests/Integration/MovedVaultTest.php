<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Integration;

use Netresearch\NrSecureOutbound\Tests\Support\OtherVault;
use Netresearch\NrSecureOutbound\Tests\Support\Site;
use Netresearch\NrSecureOutbound\Tests\Support\SiteServer;
use Netresearch\NrVault\Crypto\EncryptionService;
use Netresearch\NrVault\Http\VaultHttpClient;
use Netresearch\NrVault\Http\VaultHttpClientFactory;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Service\VaultService;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * An nr-vault whose classes have changed: TYPO3 works as before, and each call is refused with a message.
 */
final class MovedVaultTest extends TestCase
{
    private static Site $site;

    public static function setUpBeforeClass(): void
    {
        self::$site = new Site('moved');
        self::$site->typo3('outbound-test:prepare', self::$site->write('prepare.json', (string) json_encode([
            'services' => [['id' => 'crm', 'base_url' => 'https://api.example.com', 'secret' => 's3cr3t']],
        ])));
    }

    public static function tearDownAfterClass(): void
    {
        self::$site->remove();
    }

    /**
     * @return array<string, array{array<string, array<string, string>>, string}> changes by class, and the message about them
     */
    public static function moves(): array
    {
        $interface = 'Crypto/EncryptionServiceInterface';
        $service = 'Crypto/EncryptionService';
        return [
            'a method more' => [
                [
                    $interface => ['public function generateDek' => "public function seal(string \$text): string;\n\n    public function generateDek"],
                    $service => ['public function generateDek' => "public function seal(string \$text): string\n    {\n        return \$text;\n    }\n\n    public function generateDek"],
                ],
                'EncryptionServiceInterface::seal() is new',
            ],
            'an argument more' => [
                [
                    $interface => ["string \$valueNonce,\n        string \$identifier,\n    ): string" => "string \$valueNonce,\n        string \$identifier,\n        ?string \$context = null,\n    ): string"],
                    $service => ["string \$valueNonce,\n        string \$identifier,\n    ): string" => "string \$valueNonce,\n        string \$identifier,\n        ?string \$context = null,\n    ): string"],
                ],
                'EncryptionServiceInterface::decrypt() has other arguments',
            ],
            'an argument of another name' => [
                ['Service/VaultService' => ['$encryptionService' => '$encryption', '$this->encryptionService' => '$this->encryption']],
                'VaultService::__construct() has another argument $encryption',
            ],
        ];
    }

    /**
     * @param array<string, array<string, string>> $changes
     */
    #[Test]
    #[DataProvider('moves')]
    public function typo3GoesOnAndEachCallIsRefused(array $changes, string $difference): void
    {
        self::$site->configure(['SYS' => ['nrVault' => ['outbound' => ['drop_in' => 'origin']]]]);
        $this->moved($changes);
        $message = '/nr-vault 0\.5\S* is not as this extension knows it: \S*' . preg_quote($difference, '/') . '/';

        self::$site->typo3('cache:flush');
        $server = new SiteServer(self::$site);
        try {
            $page = $server->get('/');
            self::assertSame(200, $page['status'], $page['body'] . $server->log());
            $call = json_decode($server->get('/outbound-test?service=crm')['body'], true);
            $browser = $server->browser();
            $backend = $browser->login(Site::ADMIN, Site::PASSWORD);
            self::assertStringContainsString('class="scaffold', $backend, $server->log());
            $services = $browser->module($backend, 'tools/outbound');
            $report = $browser->statusReport($backend);
        } finally {
            $server->stop();
        }

        self::assertIsArray($call);
        self::assertSame('configuration.vault_incompatible', $call['code'] ?? null);
        self::assertIsString($call['message']);
        self::assertMatchesRegularExpression($message, $call['message']);
        self::assertSame(200, $services['status'], $services['body'] . $server->log());
        self::assertStringContainsString('https://api.example.com', $services['body']);
        self::assertSame(200, $report['status'], $report['body'] . $server->log());
        self::assertMatchesRegularExpression('~>\s*vault\.moved\s*<~', $report['body']);
        self::assertMatchesRegularExpression($message, $report['body']);
        $this->assertTheDoctorSays($message);
        $this->assertNrVaultsOwnAnswer();
    }

    /**
     * @param array<string, array<string, string>> $changes
     */
    private function moved(array $changes): void
    {
        OtherVault::in(self::$site, $changes);
        // As after `composer update`: the old container is deleted.
        Process::run(['rm', '-rf', self::$site->path . '/var/cache']);
    }

    private function assertTheDoctorSays(string $message): void
    {
        $finding = self::$site->findings()['vault.moved'] ?? [];
        self::assertSame('critical', $finding['verdict'] ?? null);
        self::assertMatchesRegularExpression($message, $finding['message'] ?? '');
    }

    /** Who asks for one of nr-vault's interfaces gets nr-vault's class, although the drop-in is switched on. */
    private function assertNrVaultsOwnAnswer(): void
    {
        $file = self::$site->path . '/http.json';
        self::$site->typo3('outbound-test:http', 'https://api.example.com/', $file);
        self::assertSame([
            'client' => VaultHttpClient::class,
            'services' => [VaultService::class, EncryptionService::class, VaultHttpClientFactory::class],
        ], json_decode((string) file_get_contents($file), true));
    }

    #[Test]
    public function whereTheHttpClientAloneHasMovedItStaysNrVaultsAndServicesGoOn(): void
    {
        self::$site->configure(['SYS' => ['nrVault' => ['outbound' => ['drop_in' => 'refuse']]]]);
        $method = 'public function withReason(string $reason): static';
        $this->moved([
            'Http/VaultHttpClientInterface' => ["$method;" => "$method;\n\n    public function withRetries(int \$times): static;"],
            'Http/VaultHttpClient' => [$method => "public function withRetries(int \$times): static\n    {\n        return \$this;\n    }\n\n    $method"],
        ]);

        $this->assertNrVaultsOwnAnswer();
        self::assertNotSame('configuration.vault_incompatible', self::$site->calls('crm')['crm']['code'] ?? null);
    }
}
