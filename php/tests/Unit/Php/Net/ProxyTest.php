<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php\Net;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Net\Proxy;
use Netresearch\NrVault\Transport\Php\Policy\Canonicalizer;
use PHPUnit\Framework\TestCase;

/**
 * The proxy of the configuration.
 */
final class ProxyTest extends TestCase
{
    public function testItsUrl(): void
    {
        $proxy = Proxy::create('HTTP://us%3Aer:p%40ss%20word@Proxy.Example:3128/', [], Proxy::LOCAL);

        self::assertSame(['proxy.example', 3128], [$proxy->host->text, $proxy->port]);
        self::assertSame(['us:er', 'p@ss word'], [$proxy->user?->expose(), $proxy->password?->expose()]);
        $bare = Proxy::create('http://[2001:db8::1]', [], Proxy::PROXY);
        self::assertSame(['[2001:db8::1]', 80, null, 'proxy'], [$bare->host->text, $bare->port, $bare->user, $bare->resolve]);
        self::assertSame('', Proxy::create('http://user@p', [], Proxy::LOCAL)->password?->expose());
        self::assertStringNotContainsString('p@ss', print_r($proxy, true));
    }

    /**
     * @dataProvider faults
     * @param list<string> $noProxy
     */
    public function testWhatIsNoProxy(string $url, array $noProxy = []): void
    {
        try {
            Proxy::create($url, $noProxy, Proxy::LOCAL);
        } catch (OutboundException $refusal) {
            self::assertSame('configuration.invalid', $refusal->errorCode());
            self::assertStringNotContainsString('c4n4ry', $refusal->getMessage());
            return;
        }
        self::fail('It was taken.');
    }

    /**
     * @return iterable<string, array{0: string, 1?: list<string>}>
     */
    public static function faults(): iterable
    {
        foreach (
            [
                '', 'proxy:3128', 'https://proxy:3128', 'socks5://proxy', 'http://', 'http://proxy/path',
                'http://proxy?c4n4ry', 'http://proxy#f', 'http://proxy:0', 'http://proxy:x', 'http://a b',
                'http://c4n4ry@b@proxy', 'http://user:c4n4ry%0A@proxy', "http://proxy\n",
            ] as $url
        ) {
            yield '"' . $url . '"' => [$url];
        }
        yield 'no host' => ['http://proxy', ['a b']];
        yield 'a port' => ['http://proxy', ['example.com:443']];
    }

    public function testWhomItServes(): void
    {
        $proxy = Proxy::create('http://proxy', ['Direct.example', '*.internal', '[2001:db8::1]'], Proxy::LOCAL);
        foreach (
            [
                'https://example.com' => true,
                'https://direct.example:8443' => false,
                'https://a.direct.example' => true,
                'https://a.b.internal' => false,
                'https://internal' => true,
                'https://[2001:db8::1]' => false,
                'http://example.com' => false,
            ] as $url => $serves
        ) {
            self::assertSame($serves, $proxy->serves(Canonicalizer::fromUrl($url)->origin), $url);
        }
    }
}
