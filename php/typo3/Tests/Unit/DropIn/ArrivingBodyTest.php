<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit\DropIn;

use GuzzleHttp\Psr7\FnStream;
use GuzzleHttp\Psr7\Utils;
use Netresearch\NrSecureOutbound\DropIn\ArrivingBody;
use Netresearch\NrVault\Exception\RequestCancelledException;
use Netresearch\NrVault\Exception\VaultException;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;
use Psr\Http\Message\StreamInterface;

/**
 * A body has the exceptions of nr-vault's own, with its codes.
 */
final class ArrivingBodyTest extends TestCase
{
    public static function setUpBeforeClass(): void
    {
        if (!class_exists(RequestCancelledException::class)) {
            require __DIR__ . '/../../Stubs/http-clients.stub';
        }
    }

    #[Test]
    public function itIsReadToItsEnd(): void
    {
        $body = new ArrivingBody(Utils::streamFor('one and two'));

        self::assertSame('', $body->read(0));
        self::assertSame(['one', 3], [$body->read(3), $body->tell()]);
        self::assertSame(' and two', (string) $body);
        self::assertTrue($body->eof());
        self::assertSame([null, false, false, []], [$body->getSize(), $body->isSeekable(), $body->isWritable(), $body->getMetadata()]);
    }

    /**
     * @return array<string, array{string, class-string, int}>
     */
    public static function failures(): array
    {
        return [
            'cancelled' => ['cancelled.requested', RequestCancelledException::class, 1790475704],
            'silence' => ['timeout.idle', VaultException::class, 1790487202],
            'too long' => ['timeout.total', VaultException::class, 1790475706],
            'broken' => ['protocol.truncated', VaultException::class, 1790475706],
        ];
    }

    /**
     * @param class-string $class
     */
    #[Test]
    #[DataProvider('failures')]
    public function aFailureIsNrVaultsAndNoShortBody(string $code, string $class, int $number): void
    {
        $failure = OutboundException::create($code, 'it has failed');
        $body = new ArrivingBody(FnStream::decorate(Utils::streamFor(''), ['read' => static fn () => throw $failure, 'eof' => static fn () => false]));

        $thrown = self::thrown(static fn () => $body->getContents());

        self::assertSame([$class, $number, $failure], [$thrown::class, $thrown->getCode(), $thrown->getPrevious()]);
        self::assertFalse($body->eof());
    }

    /**
     * @return array<string, array{\Closure(StreamInterface): mixed, int}>
     */
    public static function misuses(): array
    {
        return [
            'less than nothing' => [static fn (StreamInterface $body) => $body->read(-1), 1790487203],
            'back' => [static fn (StreamInterface $body) => $body->rewind(), 1790475707],
            'writing' => [static fn (StreamInterface $body) => $body->write('a'), 1790475708],
        ];
    }

    /**
     * @param \Closure(StreamInterface): mixed $misuse
     */
    #[Test]
    #[DataProvider('misuses')]
    public function aMisuseHasItsCode(\Closure $misuse, int $code): void
    {
        $body = new ArrivingBody(Utils::streamFor('one'));

        self::assertSame($code, self::thrown(static fn () => $misuse($body))->getCode());
        self::assertSame('one', $body->getContents());
    }

    #[Test]
    public function closingEndsTheCall(): void
    {
        $isClosed = false;
        $body = new ArrivingBody(FnStream::decorate(Utils::streamFor('one'), ['close' => static function () use (&$isClosed): void {
            $isClosed = true;
        }]));
        self::assertTrue($body->isReadable());

        self::assertNull($body->detach());

        self::assertTrue($isClosed);
        self::assertSame([true, false], [$body->eof(), $body->isReadable()]);
        self::assertSame(1790475703, self::thrown(static fn () => $body->read(1))->getCode());
    }

    #[Test]
    public function sixteenMebibytesAreReadAtOnceAndNotOneByteMore(): void
    {
        $whole = str_repeat('a', 1 << 24);
        self::assertSame(1 << 24, strlen((new ArrivingBody(Utils::streamFor($whole)))->getContents()));

        $body = new ArrivingBody(Utils::streamFor($whole . 'a'));
        self::assertSame(1790487205, self::thrown(static fn () => $body->getContents())->getCode());
        self::assertFalse($body->isReadable());
    }

    /**
     * @param \Closure(): mixed $call
     */
    private static function thrown(\Closure $call): VaultException
    {
        try {
            $call();
        } catch (VaultException $thrown) {
            return $thrown;
        }
        self::fail('It was done.');
    }
}
