<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit\DropIn;

use GuzzleHttp\Psr7\Request;
use Netresearch\NrSecureOutbound\DropIn\Manner;
use Netresearch\NrVault\Exception\RequestCancelledException;
use Netresearch\NrVault\Exception\VaultException;
use Netresearch\NrVault\Http\CancellationSignalInterface;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Psr18\ServiceNetworkException;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * The exceptions of nr-vault's client for a call that was cancelled or waited for nothing, with its codes.
 */
final class MannerTest extends TestCase
{
    public static function setUpBeforeClass(): void
    {
        if (!interface_exists(CancellationSignalInterface::class)) {
            require __DIR__ . '/../../Stubs/http-clients.stub';
        }
    }

    #[Test]
    public function eachMannerHasItsCodes(): void
    {
        $signal = new class implements CancellationSignalInterface {
            public function isCancelled(): bool
            {
                return true;
            }
        };
        $cancelled = self::network('cancelled.requested');
        $idle = self::network('timeout.idle');
        foreach ([[Manner::whole($signal), 1786579201, 1786579202, 1786579206], [Manner::stream($signal), 1790475701, 1790475702, 1790487201]] as $case) {
            [$manner, $before, $while, $silent] = $case;
            self::assertTrue($manner->isCancelled());
            self::assertSame([RequestCancelledException::class, $before], self::named($manner->cancelledBefore()));
            self::assertSame([RequestCancelledException::class, $while], self::named($manner->failure($cancelled)));
            self::assertSame([VaultException::class, $silent], self::named($manner->failure($idle)));
            self::assertSame($idle, $manner->failure($idle)->getPrevious());
        }
        self::assertSame([VaultException::class, 1790487201], self::named(Manner::stream(null)->failure($idle)));
    }

    #[Test]
    public function whatNrVaultsClientPassesOnIsPassedOn(): void
    {
        $total = self::network('timeout.total');
        $idle = self::network('timeout.idle');

        self::assertFalse(Manner::stream(null)->isCancelled());
        self::assertSame($total, Manner::stream(null)->failure($total));
        self::assertSame($idle, Manner::whole()->failure($idle));
    }

    private static function network(string $code): ServiceNetworkException
    {
        return new ServiceNetworkException(new Request('GET', 'https://api.example.com'), OutboundException::create($code, 'it has failed'));
    }

    /**
     * @return array{class-string, int|string}
     */
    private static function named(\Throwable $thrown): array
    {
        return [$thrown::class, $thrown->getCode()];
    }
}
