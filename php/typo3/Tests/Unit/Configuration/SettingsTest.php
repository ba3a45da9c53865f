<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit\Configuration;

use Netresearch\NrSecureOutbound\Configuration\Settings;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * What SYS/nrVault/outbound may contain: a misspelt limit there must not count as no limit.
 */
final class SettingsTest extends TestCase
{
    protected function tearDown(): void
    {
        unset($GLOBALS['TYPO3_CONF_VARS']);
    }

    /**
     * @return array<string, array{mixed, string}>
     */
    public static function faults(): array
    {
        return [
            'no array' => ['x', "['outbound'] is not an array"],
            'another key' => [['proxies' => 'http://p:3128'], 'unknown key "proxies"'],
            'a proxy without anything' => [['proxy' => []], "['proxy'] is not"],
            'a proxy that is a number' => [['proxy' => 3128], "['proxy'] is not"],
            'a switch that is a text' => [['require_binding' => '1'], "['require_binding'] is not true or false"],
            'hosts that are no list' => [['allowed_hosts' => ['a' => 'a.example']], "['allowed_hosts'] is not a list"],
            'a host that is a URL' => [['allowed_hosts' => ['a.example', 'https://b.example']], "['allowed_hosts'][1] is neither \"host\" nor"],
            'a host that is empty' => [['allowed_hosts' => ['']], "['allowed_hosts'][0] is neither"],
            'services that are no list' => [['services' => 'crm'], "['services'] is not a list of ids"],
        ];
    }

    #[Test]
    #[DataProvider('faults')]
    public function whatIsNotASettingIsNamed(mixed $settings, string $message): void
    {
        $GLOBALS['TYPO3_CONF_VARS']['SYS']['nrVault']['outbound'] = $settings;

        try {
            Settings::fromGlobals();
            self::fail('It was taken.');
        } catch (OutboundException $refusal) {
            self::assertSame('configuration.invalid', $refusal->errorCode());
            self::assertStringContainsString($message, $refusal->getMessage());
        }
    }

    #[Test]
    public function allOfThemAreTaken(): void
    {
        $GLOBALS['TYPO3_CONF_VARS']['SYS']['nrVault']['outbound'] = [
            'internal_hosts' => [['host' => 'solr']],
            'proxy' => 'http://p:3128',
            'php_transport' => false,
            'require_binding' => true,
            'allowed_hosts' => ['*.a.example', 'b.example:8443'],
            'services' => [],
        ];

        $settings = Settings::fromGlobals();

        self::assertSame([['host' => 'solr']], $settings->internalHosts);
        self::assertSame(['url' => 'http://p:3128'], $settings->proxy);
        self::assertSame([false, true], [$settings->phpTransport, $settings->requireBinding]);
        self::assertSame([['*.a.example', 'b.example:8443'], []], [$settings->allowedHosts, $settings->services]);
    }
}
