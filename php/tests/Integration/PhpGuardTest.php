<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\Php\Net\Deadline;
use Netresearch\NrVault\Transport\Php\Net\Exchange;
use Netresearch\NrVault\Transport\Php\Net\Guard;
use Netresearch\NrVault\Transport\Php\Net\Handles;
use Netresearch\NrVault\Transport\Php\Net\Outgoing;
use Netresearch\NrVault\Transport\Php\Net\Resolver;
use Netresearch\NrVault\Transport\Php\Net\ResponseHead;
use Netresearch\NrVault\Transport\Php\Net\TimeLimits;
use Netresearch\NrVault\Transport\Php\Net\Transfers;
use Netresearch\NrVault\Transport\Php\Net\SystemResolver;
use Netresearch\NrVault\Transport\Php\Net\Trust;
use Netresearch\NrVault\Transport\Php\Net\Usage;
use Netresearch\NrVault\Transport\Php\Policy\Address;
use Netresearch\NrVault\Transport\Php\Policy\Canonicalizer;
use Netresearch\NrVault\Transport\Php\Policy\InternalHosts;
use PHPUnit\Framework\TestCase;

/**
 * The address guard of PhpTransport, with a resolver whose answers the test chooses.
 */
final class PhpGuardTest extends TestCase
{
    private static FaultServer $server;
    private static TempDir $directory;

    public static function setUpBeforeClass(): void
    {
        self::$directory = new TempDir('guard');
        self::$server = new FaultServer(self::$directory);
        self::$server->listen('plain');
    }

    public static function tearDownAfterClass(): void
    {
        self::$server->stop();
        self::$directory->remove();
    }

    public function testTheJudgedAddressIsTheOneThatIsDialled(): void
    {
        self::$server->answers('plain', [FaultServer::answer(204)]);
        $resolver = self::resolver([['127.0.0.1']]);
        // The name does not exist in DNS, so the connection must have used the address that was judged.
        $answer = self::send($resolver, 'API.Guarded.invalid.');

        self::assertSame(204, $answer->status);
        self::assertSame(1, $resolver->asked);
        self::assertSame('api.guarded.invalid:' . self::$server->port('plain'), self::$server->requests('plain')[0]->authority);
    }

    public function testOneBadAddressAmongSeveralRefusesTheHost(): void
    {
        foreach ([['127.0.0.1', '10.0.0.1'], ['127.0.0.1', '8.8.8.8'], ['::1', '127.0.0.1'], []] as $addresses) {
            self::$server->answers('plain', [FaultServer::answer(204)]);
            self::assertSame('policy.address_not_allowed', self::code(self::resolver([$addresses])));
            self::assertSame([], self::$server->seen('plain'));
        }
    }

    public function testEveryRequestIsJudgedAnew(): void
    {
        self::$server->answers('plain', [FaultServer::answer(204)]);
        $resolver = self::resolver([['127.0.0.1'], ['10.0.0.1']]);

        self::assertNull(self::code($resolver));
        self::assertSame('policy.address_not_allowed', self::code($resolver));
        self::assertCount(1, self::$server->seen('plain'));
    }

    public function testALookupThatTookTooLong(): void
    {
        self::assertSame('timeout.connect', self::code(self::resolver([['127.0.0.1']], 20), connectMs: 10));
        self::assertSame('timeout.total', self::code(self::resolver([['127.0.0.1']], 20), totalMs: 10));
    }

    public function testTheSystemKnowsLocalhost(): void
    {
        $found = (new SystemResolver())->lookup('localhost', Deadline::in(60_000));
        $texts = array_map(static fn (Address $address): string => $address->text(), $found);

        self::assertNotSame([], array_intersect(['127.0.0.1', '::1'], $texts));
        self::assertSame(array_unique($texts), $texts);
    }

    /**
     * @param list<list<string>> $answers one for each question, the last one for all later questions too
     * @param int $spend milliseconds before each answer
     */
    private static function resolver(array $answers, int $spend = 0): Resolver
    {
        return new class ($answers, $spend) implements Resolver {
            public int $asked = 0;

            /**
             * @param list<list<string>> $answers
             */
            public function __construct(private readonly array $answers, private readonly int $spend)
            {
            }

            public function lookup(string $name, Deadline $deadline): array
            {
                usleep(1000 * $this->spend);
                $answer = $this->answers[min($this->asked++, count($this->answers) - 1)];
                return array_map(static fn (string $text): Address => Address::parse($text), $answer);
            }
        };
    }

    private static function send(Resolver $resolver, string $host, int $connectMs = 60_000, int $totalMs = 60_000): ResponseHead
    {
        $port = self::$server->port('plain');
        $hosts = InternalHosts::read([['host' => $host, 'networks' => ['127.0.0.0/8'], 'ports' => [$port]]]);
        $handles = new Handles(Trust::load(Trust::SYSTEM, null, null), true);
        $exchange = new Exchange(new Guard($hosts, $resolver), null, $handles, $transfers = new Transfers(), $connectMs, 65536);
        $target = Canonicalizer::fromUrl('http://' . $host . ':' . $port . '/');
        $outgoing = new Outgoing('GET', $target, null, [], '');
        $limits = new TimeLimits(Deadline::in($totalMs), Deadline::in($totalMs));
        [$transfer, $head] = $transfers->finish($exchange->send($outgoing, $limits, new Usage()));
        $transfer->close();
        return $head;
    }

    public function testTransfersAtOnceHaveTheirOwnAddresses(): void
    {
        $port = self::$server->port('plain');
        $hold = [['read'], ['hold'], FaultServer::answer(204)];
        self::$server->listen('second', address: '127.0.0.2', port: $port);
        foreach (['plain', 'second'] as $listener) {
            self::$server->script($listener, $hold);
        }
        $hosts = ['one.guarded.invalid' => '127.0.0.1', 'two.guarded.invalid' => '127.0.0.2'];
        $entry = static fn (string $host): array => ['host' => $host, 'networks' => ['127.0.0.0/8'], 'ports' => [$port]];
        $internal = InternalHosts::read(array_map($entry, array_keys($hosts)));
        $transfers = new Transfers();
        $handles = new Handles(Trust::load(Trust::SYSTEM, null, null), true);
        $runs = [];
        foreach ($hosts as $host => $address) {
            $guard = new Guard($internal, self::resolver([[$address]]));
            $limits = new TimeLimits(Deadline::in(60_000), Deadline::in(60_000));
            $outgoing = new Outgoing('GET', Canonicalizer::fromUrl("http://$host:$port/"), null, [], '');
            $runs[] = (new Exchange($guard, null, $handles, $transfers, 60_000, 65536))->send($outgoing, $limits, new Usage());
        }
        foreach ($runs as $run) {
            self::assertTrue($run->valid());
        }
        while (self::$server->requests('plain') === [] || self::$server->requests('second') === []) {
            $transfers->wait(5);
        }
        foreach (['plain' => 'one', 'second' => 'two'] as $listener => $name) {
            self::$server->release($listener);
            self::assertStringContainsString("Host: $name.guarded.invalid", self::$server->requests($listener)[0]->head);
        }
        foreach ($runs as $run) {
            [$transfer, $head] = $transfers->finish($run);
            $transfer->close();
            self::assertSame(204, $head->status);
        }
    }

    private static function code(Resolver $resolver, int $connectMs = 60_000, int $totalMs = 60_000): ?string
    {
        try {
            self::send($resolver, 'api.guarded.invalid', $connectMs, $totalMs);
            return null;
        } catch (OutboundException $failure) {
            self::assertSame('no', $failure->sent());
            return $failure->errorCode();
        }
    }
}
