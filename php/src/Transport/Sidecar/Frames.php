<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Sidecar;

/**
 * The frames between PHP and the sidecar, which docs/sidecar.md describes: a head of 16 bytes and a payload of at most 64 KiB.
 *
 * @internal
 */
final class Frames
{
    public const VERSION = 1;
    public const HEAD_BYTES = 16;
    public const PAYLOAD_BYTES = 65_536;

    /** What each side may send of a body before it gets credit, and the most credit that there is. */
    public const WINDOW = 1_048_576;

    /** The longest document of a call that the sidecar takes. */
    public const CALL_BYTES = 1_048_576;

    /** What is written at once. */
    public const BURST = self::WINDOW / 4;

    public const HELLO = 1;
    public const CALL = 2;
    public const DECISION = 3;
    public const SEALED = 4;
    public const BODY = 5;
    public const RESPONSE = 6;
    public const CREDIT = 7;
    public const BYE = 8;
    public const CANCEL = 9;
    public const END = 10;

    /** Why a call is given up: for whoever still wants its record, because it was left, or because its body breaks off. */
    public const CANCELLED = "\x00";
    public const LEFT = "\x01";
    public const BROKEN_OFF = "\x02";

    private const LAST = 1;

    /** The frames of a whole document. */
    public static function document(int $kind, int $id, #[\SensitiveParameter] string $document): string
    {
        $frames = '';
        // Of '' there are no pieces, but one frame.
        $pieces = $document === '' ? [''] : str_split($document, self::PAYLOAD_BYTES);
        foreach ($pieces as $index => $piece) {
            $frames .= self::piece($kind, $id, $piece, $index === count($pieces) - 1);
        }
        return $frames;
    }

    /** One frame; the payload is at most PAYLOAD_BYTES long. */
    public static function piece(int $kind, int $id, #[\SensitiveParameter] string $payload, bool $isLast): string
    {
        return pack('CCnNJ', self::VERSION, $kind, $isLast ? self::LAST : 0, strlen($payload), $id) . $payload;
    }

    /** The frame by which a call is given up, with the reason. */
    public static function cancel(int $id, string $why): string
    {
        return self::piece(self::CANCEL, $id, $why, true);
    }

    /**
     * Reads the head of a frame.
     *
     * @return array{kind: int, last: bool, length: int, id: int}|null null for what is no head of a frame
     */
    public static function head(string $bytes): ?array
    {
        $head = strlen($bytes) === self::HEAD_BYTES ? unpack('Cversion/Ckind/nflags/Nlength/Jid', $bytes) : false;
        if ($head === false) {
            return null;
        }
        [$version, $kind, $flags] = [$head['version'], $head['kind'], $head['flags']];
        [$length, $id] = [$head['length'], $head['id']];
        if (!is_int($version) || !is_int($kind) || !is_int($flags) || !is_int($length) || !is_int($id)) {
            return null;
        }
        $hasForm = $version === self::VERSION && $kind >= self::HELLO && $kind <= self::END && ($flags & ~self::LAST) === 0;
        $fits = match ($kind) {
            self::CREDIT => $length === 4,
            self::BYE => $length === 8,
            self::CANCEL => $length === 1,
            default => $length <= self::PAYLOAD_BYTES,
        };
        return $hasForm && $fits ? ['kind' => $kind, 'last' => $flags === self::LAST, 'length' => $length, 'id' => $id] : null;
    }

    /** The number in the payload of CREDIT or BYE. */
    public static function number(string $payload): int
    {
        $number = unpack(strlen($payload) === 4 ? 'Nnumber' : 'Jnumber', $payload);
        $value = $number === false ? 0 : $number['number'];
        return is_int($value) ? $value : 0;
    }
}
