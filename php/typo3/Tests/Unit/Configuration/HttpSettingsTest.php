<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit\Configuration;

use Netresearch\NrSecureOutbound\Configuration\HttpSettings;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * Which of TYPO3's HTTP settings have an effect, what they become, and which findings the others cause.
 */
final class HttpSettingsTest extends TestCase
{
    private const DEFAULTS = [
        'allow_redirects' => ['max' => 5, 'strict' => false],
        'cert' => null,
        'connect_timeout' => 10,
        'proxy' => null,
        'ssl_key' => null,
        'timeout' => 0,
        'verify' => true,
        'version' => '1.1',
        'handler' => [],
        'headers' => ['User-Agent' => 'TYPO3'],
    ];

    /**
     * @return array<string, array{array<string, mixed>, array<string, mixed>, list<array{string, string}>}>
     */
    public static function settings(): array
    {
        $own = ['defaults' => ['connect_timeout_ms' => 10000], 'user_agent' => 'TYPO3'];
        $critical = [[Finding::CRITICAL, 'http.verify']];
        return [
            'TYPO3\'s defaults' => [[], $own, []],
            'times' => [
                ['timeout' => 2.5, 'connect_timeout' => '3'],
                ['defaults' => ['timeout_ms' => 2500, 'connect_timeout_ms' => 3000]] + $own,
                [],
            ],
            'no time' => [['timeout' => 0, 'connect_timeout' => 0], ['user_agent' => 'TYPO3'], []],
            'a proxy' => [['proxy' => 'http://p:3128'], ['proxy' => ['url' => 'http://p:3128']] + $own, []],
            'no proxy' => [['proxy' => ''], $own, []],
            'proxies' => [
                ['proxy' => ['https' => 'http://p:3128', 'http' => 'http://p:3128', 'no' => ['localhost', '.internal', ' a.b ']]],
                ['proxy' => ['url' => 'http://p:3128', 'no_proxy' => ['localhost', '*.internal', 'a.b']]] + $own,
                [],
            ],
            'another proxy for plain http' => [
                ['proxy' => ['https' => 'http://p:3128', 'http' => 'http://q:3128', 'no' => 'a,b']],
                ['proxy' => ['url' => 'http://p:3128', 'no_proxy' => ['a', 'b']]] + $own,
                [[Finding::OK, 'http.proxy.http']],
            ],
            'what is no host' => [
                ['proxy' => ['https' => 'http://p:3128', 'no' => ['a:80', '10.0.0.0/8', '*']]],
                ['proxy' => ['url' => 'http://p:3128']] + $own,
                array_fill(0, 3, [Finding::WARNING, 'http.proxy.no']),
            ],
            'an authority' => [
                ['verify' => '/etc/ssl/own.pem'],
                ['tls' => ['roots' => 'file', 'ca_file' => '/etc/ssl/own.pem']] + $own,
                [],
            ],
            'no check' => [['verify' => false], $own, $critical],
            'no check, as a number' => [['verify' => 0], $own, $critical],
            'no check, as a text' => [['verify' => '0'], $own, $critical],
            'no check, as a word' => [['verify' => 'false'], $own, $critical],
            'no check, as nothing' => [['verify' => ''], $own, $critical],
            'a check, as a text' => [['verify' => '1'], $own, []],
            'another agent' => [['headers' => ['user-agent' => 'Acme', 'X-A' => 'b']], ['user_agent' => 'Acme'] + $own, []],
            'what counts for nothing' => [
                ['cert' => '/c.pem', 'ssl_key' => '/k.pem', 'handler' => ['x'], 'allow_redirects' => false, 'version' => '2'],
                $own,
                [
                    [Finding::OK, 'http.allow_redirects'], [Finding::OK, 'http.cert'],
                    [Finding::OK, 'http.handler'], [Finding::OK, 'http.ssl_key'],
                ],
            ],
            'the same in another order' => [['allow_redirects' => ['strict' => false, 'max' => 5]], $own, []],
            'contexts of TYPO3' => [
                ['allowed_hosts' => ['webhooks' => ['a.example']]],
                $own,
                [[Finding::WARNING, 'http.allowed_hosts.contexts']],
            ],
            'what is no host either' => [
                ['allowed_hosts' => ['https://a.example', 'a.example']],
                $own,
                [[Finding::WARNING, 'http.allowed_hosts.form']],
            ],
        ];
    }

    /**
     * @param array<string, mixed> $http
     * @param array<string, mixed> $document
     * @param list<array{string, string}> $findings verdict and code
     */
    #[Test]
    #[DataProvider('settings')]
    public function whatCountsIsTakenAndTheRestIsNamed(array $http, array $document, array $findings): void
    {
        $GLOBALS['TYPO3_CONF_VARS']['HTTP'] = $http + self::DEFAULTS;

        $settings = new HttpSettings();

        self::assertEquals($document, $settings->document);
        self::assertSame($findings, array_map(static fn (Finding $finding): array => [$finding->verdict, $finding->code], $settings->findings));
    }

    #[Test]
    public function hostsAreACeilingWhereTheyAreTexts(): void
    {
        $ceiling = static function (mixed $hosts): ?array {
            $GLOBALS['TYPO3_CONF_VARS']['HTTP'] = ['allowed_hosts' => $hosts] + self::DEFAULTS;
            return (new HttpSettings())->allowedHosts;
        };

        self::assertNull($ceiling(null));
        self::assertNull($ceiling([]));
        self::assertNull($ceiling(['webhooks' => ['a.example']]));
        self::assertSame(['a.example', '*.b.example'], $ceiling(['a.example', '*.b.example', 'webhooks' => ['c.example']]));
        self::assertSame([], $ceiling(['https://a.example']));
    }
}
