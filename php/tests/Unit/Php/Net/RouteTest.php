<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php\Net;

use Netresearch\NrVault\Transport\Php\Net\Route;
use Netresearch\NrVault\Transport\Php\Policy\Address;
use Netresearch\NrVault\Transport\Php\Policy\Host;
use PHPUnit\Framework\TestCase;

/**
 * The addresses that libcurl is told to connect to.
 */
final class RouteTest extends TestCase
{
    /** An entry of CURLOPT_RESOLVE that begins with a hyphen, as a name may, tells libcurl to remove an entry, not to add one. */
    public function testThePinHoldsHoweverTheNameIsSpelt(): void
    {
        $server = stream_socket_server('tcp://127.0.0.1:0');
        self::assertNotFalse($server);
        [$address, $port] = explode(':', (string) stream_socket_get_name($server, false));
        $route = new Route(Host::parse('name.example'), (int) $port, [self::address($address)], null);
        foreach (['name.example', '-name.example', 'localhost', 'other.example'] as $name) {
            $handle = curl_init('http://' . $name . ':' . $port . '/');
            self::assertNotFalse($handle);
            curl_setopt_array($handle, [
                CURLOPT_RESOLVE => $route->pin(),
                CURLOPT_CONNECT_ONLY => true,
                CURLOPT_PROXY => '',
                CURLOPT_CONNECTTIMEOUT_MS => 10_000,
            ]);

            self::assertTrue(curl_exec($handle), $name . ': ' . curl_error($handle));
            self::assertSame($address, curl_getinfo($handle, CURLINFO_PRIMARY_IP), $name);
        }
    }

    public function testEveryAddressIsInThePin(): void
    {
        $addresses = [self::address('93.184.216.34'), self::address('2606:2800::1')];
        $route = new Route(Host::parse('name.example'), 443, $addresses, null);

        self::assertSame(['*:443:93.184.216.34,[2606:2800::1]'], $route->pin());
        self::assertSame([], (new Route(Host::parse('[2606:2800::1]'), 443, $addresses, null))->pin());
    }

    public function testOneAddressOfEachFamilyIsTriedAtATime(): void
    {
        $cases = [
            [['1.0.0.1', '1.0.0.2', '::1', '1.0.0.3', '::2'], [['1.0.0.1', '::1'], ['1.0.0.2', '::2'], ['1.0.0.3']]],
            [['::1', '1.0.0.1'], [['::1', '1.0.0.1']]],
            [['::1', '::2'], [['::1'], ['::2']]],
            [['1.0.0.1'], [['1.0.0.1']]],
        ];
        foreach ($cases as [$all, $turns]) {
            $route = new Route(Host::parse('name.example'), 443, array_map(self::address(...), $all), null);
            $texts = static fn (Route $turn): array
                => array_map(static fn (Address $address): string => $address->text(), $turn->addresses);

            self::assertSame($turns, array_map($texts, $route->turns()));
        }
    }

    private static function address(string $text): Address
    {
        return Address::parse($text) ?? throw new \LogicException($text);
    }
}
