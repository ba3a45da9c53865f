<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Transport\Sidecar\CallTimes;
use Netresearch\NrVault\Transport\Sidecar\Frames;
use PHPUnit\Framework\TestCase;

/**
 * The frames in tests/vectors/frames.json, which the daemon's tests read as well.
 */
final class SidecarFramesTest extends TestCase
{
    public function testTheyAreReadAndWrittenSo(): void
    {
        $kinds = [];
        foreach (self::vectors()['frames'] as $frame) {
            [$bytes, $payload] = [(string) hex2bin($frame['bytes']), (string) hex2bin($frame['payload'])];
            $kind = constant(Frames::class . '::' . strtoupper($frame['kind']));
            $expected = ['kind' => $kind, 'last' => $frame['last'], 'length' => strlen($payload), 'id' => $frame['id']];
            self::assertSame($expected, Frames::head(substr($bytes, 0, Frames::HEAD_BYTES)), $frame['name']);
            self::assertSame($bytes, Frames::piece($kind, $frame['id'], $payload, $frame['last']), $frame['name']);
            $kinds[$kind] = true;
        }
        self::assertCount(Frames::END, $kinds, 'a frame of every kind');
    }

    /** A call is given up here before the daemon gives its place to another one. */
    public function testBothSidesHaveTheSameConstants(): void
    {
        $constants = self::vectors()['constants'];
        $daemon = $constants['daemon_keeps_ms'];
        unset($constants['daemon_keeps_ms']);
        self::assertSame($constants, [
            'version' => Frames::VERSION,
            'head_bytes' => Frames::HEAD_BYTES,
            'payload_bytes' => Frames::PAYLOAD_BYTES,
            'window' => Frames::WINDOW,
            'call_bytes' => Frames::CALL_BYTES,
            'php_waits_ms' => CallTimes::LATE_MS,
        ]);
        self::assertGreaterThan(CallTimes::LATE_MS, $daemon);
    }

    public function testWhatIsNoFrameIsRefused(): void
    {
        foreach (self::vectors()['refused'] as $frame) {
            $head = substr((string) hex2bin($frame['bytes']), 0, Frames::HEAD_BYTES);
            self::assertNull(Frames::head($head), $frame['name']);
        }
        self::assertNull(Frames::head(''));
        self::assertNull(Frames::head(str_repeat("\x01", Frames::HEAD_BYTES + 1)));
    }

    public function testADocumentIsSplit(): void
    {
        foreach ([0 => 1, 1 => 1, 65_536 => 1, 65_537 => 2, 131_072 => 2] as $length => $count) {
            $frames = Frames::document(Frames::CALL, 7, str_repeat('x', $length));
            self::assertSame($length + $count * Frames::HEAD_BYTES, strlen($frames));
            $last = Frames::head(substr($frames, ($count - 1) * (65_536 + Frames::HEAD_BYTES), Frames::HEAD_BYTES));
            self::assertTrue($last['last'] ?? null);
            self::assertSame($count > 1, (Frames::head(substr($frames, 0, Frames::HEAD_BYTES))['last'] ?? null) === false);
        }
    }

    public function testNumbers(): void
    {
        self::assertSame(524_288, Frames::number(pack('N', 524_288)));
        self::assertSame(1_764_487_200_000_000_001, Frames::number(pack('J', 1_764_487_200_000_000_001)));
    }

    /** @return array{constants: array<string, int>, frames: list<array<string, mixed>>, refused: list<array<string, string>>} */
    private static function vectors(): array
    {
        $file = dirname(__DIR__, 3) . '/tests/vectors/frames.json';
        return json_decode((string) file_get_contents($file), true, 9, JSON_THROW_ON_ERROR);
    }
}
