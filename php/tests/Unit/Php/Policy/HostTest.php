<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Transport\Php\Policy\Canonicalizer;
use Netresearch\NrVault\Transport\Php\Policy\Host;
use Netresearch\NrVault\Transport\Php\Policy\HostRule;
use PHPUnit\Framework\TestCase;

/**
 * Hosts, by the cases that the library's tests use as well.
 */
final class HostTest extends TestCase
{
    /** @dataProvider hosts */
    public function testHostsHaveOneForm(string $text, ?string $expected): void
    {
        $verdict = PolicyVectors::verdict(static fn (): array => [Host::parse($text)->text, null]);
        self::assertSame($expected, $verdict['url']);
        self::assertSame($expected === null ? 'invalid_request.malformed' : null, $verdict['code']);
    }

    /** @return iterable<string, array<mixed>> */
    public static function hosts(): iterable
    {
        return PolicyVectors::cases('hosts');
    }

    /** @dataProvider ports */
    public function testPortsHaveOneForm(string $text, ?int $expected): void
    {
        if ($expected === null) {
            $this->expectExceptionMessage('invalid_request.malformed');
        }
        self::assertSame($expected, Host::parseWithPort($text)[1] ?? 0);
    }

    /** @return iterable<string, array<mixed>> */
    public static function ports(): iterable
    {
        return PolicyVectors::cases('ports');
    }

    public function testASealedHostIsForOneScheme(): void
    {
        foreach (PolicyVectors::section('sealed_hosts') as [$text, $url, $expected]) {
            try {
                $allows = HostRule::parseSealed($text)->allows(Canonicalizer::fromUrl($url)->origin);
            } catch (OutboundException $refusal) {
                self::assertSame('invalid_request.malformed', $refusal->errorCode());
                $allows = null;
            }
            self::assertSame($expected, $allows, "$text for $url");
        }
    }

    public function testSpecialNamesAreKnownWithoutResolving(): void
    {
        foreach (PolicyVectors::section('special_names') as [$name, $reason]) {
            self::assertSame($reason, Host::parse($name)->specialName()?->value, $name);
        }
    }

    /** The option -n leaves out PHP's configuration, which loads intl on Debian. */
    public function testWithoutIntlANameThatIsNotAsciiIsRefused(): void
    {
        $script = 'require ' . var_export(Build::php() . '/autoload.php', true) . ';'
            . 'foreach (["API.example.com.", "[::1]", "b\u{fc}cher.example", "XN--bcher-kva.example"] as $host) {'
            . '  try { echo ' . Host::class . '::parse($host)->text, "\n"; }'
            . '  catch (Exception $refusal) { echo $refusal->getMessage(), "\n"; }'
            . '}';
        exec(escapeshellarg(PHP_BINARY) . ' -n -r ' . escapeshellarg($script), $lines, $status);
        $refusal = "a host name that is not plain ASCII needs PHP's intl extension [invalid_request.malformed]";
        self::assertSame([0, ['api.example.com', '[::1]', $refusal, $refusal]], [$status, $lines]);
    }
}
