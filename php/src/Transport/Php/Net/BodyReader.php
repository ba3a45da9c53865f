<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Policy\ByteLimit;
use Netresearch\NrVault\Transport\System\MemoryLimit;

/**
 * Reads the body of a response: content codings are decoded, and the size is limited at every stage.
 *
 * @internal
 */
final class BodyReader
{
    private const STACKED_CODINGS = 2;

    /** 2^64 - 1: from this number on, the library does not accept a length. */
    private const NO_LENGTH = '18446744073709551615';

    /** Values of Content-Encoding that are not codings: some servers send values of other fields there. */
    private const NO_CODINGS = ['', 'identity', 'none', 'utf-8'];

    /** @var list<Inflater> in the order of decoding */
    private array $stages = [];

    /** @var array<int, int> bytes that came out of each stage */
    private array $lengths = [];

    /** The length that the server announced; null if it announced none. */
    private ?int $length = null;

    private string $bytes = '';
    private int $arrived = 0;
    private ?OutboundException $failure = null;

    /** @var \Generator<int, string, void, void>|null decodes the rest of the bytes that were received */
    private ?\Generator $decoding = null;

    /**
     * The failure for an unknown coding; it is thrown at the first byte only, since a response without a body is accepted with
     * any coding.
     */
    private ?OutboundException $unknown = null;

    /**
     * @param ByteLimit $cap limit of the body as received, and of the decoded body
     * @param Deadline $deadline nobody else looks at the clock while this class decodes
     * @param int|null $room decoding rests while so many bytes are held; null: the body is wanted as a whole
     * @throws OutboundException protocol.invalid, response.too_large
     */
    public function __construct(
        ResponseHead $head,
        private readonly ByteLimit $cap,
        private readonly Deadline $deadline,
        private readonly ?int $room = null,
    ) {
        $length = $head->values('content-length')[0] ?? null;
        if ($length !== null) {
            if (preg_match('/\A[0-9]+\z/', $length) !== 1) {
                throw OutboundException::create('protocol.invalid', "the server's content-length is not a number");
            }
            $digits = ltrim($length, '0');
            if (strlen($digits) > 20 || strlen($digits) === 20 && strcmp($digits, self::NO_LENGTH) >= 0) {
                throw OutboundException::create('protocol.invalid', "the server's content-length is not a number");
            }
            // A number that is too long for an integer is too large as well.
            if (strlen($digits) > 18 || (int) $length > $cap->bytes) {
                throw $this->tooLarge();
            }
            $this->length = (int) $length;
        }
        try {
            $gzips = array_reverse(self::codings($head));
            $this->stages = array_map(static fn (bool $isGzip): Inflater => new Inflater($isGzip), $gzips);
        } catch (OutboundException $unknown) {
            $this->unknown = $unknown;
        }
        $this->lengths = array_fill(0, count($this->stages), 0);
    }

    /** The Accept-Encoding that curl sends. */
    public static function acceptEncoding(): string
    {
        return extension_loaded('zlib') ? 'gzip' : 'identity';
    }

    /**
     * Adds received bytes.
     *
     * @return bool false if no more bytes are wanted; failure() tells why
     */
    public function add(#[\SensitiveParameter] string $chunk): bool
    {
        $this->arrived += strlen($chunk);
        $this->failure ??= $this->unknown;
        if ($this->failure === null && $this->arrived > $this->cap->bytes) {
            $this->failure = $this->tooLarge();
        }
        if ($this->failure === null) {
            $this->decoding = $this->decoded($chunk, 0);
            $this->decode();
        }
        return $this->failure === null;
    }

    /** Why the body cannot be accepted, or is not complete by its coding. */
    public function failure(): ?OutboundException
    {
        if ($this->failure === null && $this->decoding === null && $this->arrived > 0) {
            // Servers send Content-Encoding with empty bodies as well, which need no decoding.
            foreach ($this->stages as $stage) {
                if (!$stage->isComplete()) {
                    return self::garbage();
                }
            }
        }
        return $this->failure;
    }

    /** Whether the announced length has been received. */
    public function isWhole(): bool
    {
        return $this->arrived === $this->length;
    }

    /** Whether the body cannot be accepted, whatever follows. */
    public function hasFailed(): bool
    {
        return $this->failure !== null;
    }

    /** Whether more bytes may be added. */
    public function hasRoom(): bool
    {
        return $this->room === null || $this->decoding === null && strlen($this->bytes) < $this->room;
    }

    /** Whether bytes of a body that is read in pieces are to be taken. */
    public function isHeld(): bool
    {
        return $this->room !== null && ($this->bytes !== '' || $this->decoding !== null && $this->failure === null);
    }

    /** Takes the next decoded bytes; '' if there are none. */
    public function take(int $max): string
    {
        $taken = substr($this->bytes, 0, $max);
        $this->bytes = substr($this->bytes, strlen($taken));
        $this->decode();
        return $taken;
    }

    /** Bytes received so far, before decoding. */
    public function arrived(): int
    {
        return $this->arrived;
    }

    /** Whether a content coding is decoded. */
    public function decodes(): bool
    {
        return $this->stages !== [];
    }

    /** The decoded bytes. */
    public function bytes(): string
    {
        return $this->bytes;
    }

    private function decode(): void
    {
        try {
            while ($this->decoding?->valid() === true && ($this->room === null || strlen($this->bytes) < $this->room)) {
                $piece = $this->decoding->current();
                // There must be room for the whole string, since PHP copies a string that grows.
                if (strlen($this->bytes) + strlen($piece) > MemoryLimit::room()) {
                    throw OutboundException::create('response.too_large', MemoryLimit::REFUSAL);
                }
                $this->bytes .= $piece;
                $this->decoding->next();
            }
            if ($this->decoding?->valid() === false) {
                $this->decoding = null;
            }
        } catch (OutboundException $failure) {
            [$this->failure, $this->decoding] = [$failure, null];
        }
    }

    /**
     * @return \Generator<int, string, void, void> the bytes after the coding of this stage and of those behind it
     * @throws OutboundException
     */
    private function decoded(#[\SensitiveParameter] string $bytes, int $stage): \Generator
    {
        if (!isset($this->stages[$stage])) {
            yield $bytes;
            return;
        }
        $output = $this->stages[$stage]->add($bytes);
        foreach ($output as $piece) {
            $this->lengths[$stage] += strlen($piece);
            if ($this->lengths[$stage] > $this->cap->bytes) {
                throw $this->tooLarge();
            }
            if ($this->deadline->hasPassed()) {
                throw self::late();
            }
            yield from $this->decoded($piece, $stage + 1);
        }
        if (!$output->getReturn()) {
            throw self::garbage();
        }
    }

    /**
     * libcurl's own decoders are not used, though some builds have br and zstd: they accept a truncated body as complete, and do
     * not limit the window of zstd.
     *
     * @return list<bool> true for gzip, false for deflate, in the order in which they were applied
     */
    private static function codings(ResponseHead $head): array
    {
        $codings = [];
        foreach (explode(',', implode(',', $head->values('content-encoding'))) as $name) {
            $name = strtolower(trim($name, " \t"));
            if (in_array($name, self::NO_CODINGS, true)) {
                continue;
            }
            if (!in_array($name, ['gzip', 'x-gzip', 'deflate'], true) || !extension_loaded('zlib')) {
                throw self::undecodable("the response's content coding is none that this PHP can undo: gzip and deflate");
            }
            $codings[] = $name !== 'deflate';
        }
        if (count($codings) > self::STACKED_CODINGS) {
            throw self::undecodable('the response has more than two content codings');
        }
        return $codings;
    }

    private function tooLarge(): OutboundException
    {
        return OutboundException::create('response.too_large', $this->cap->exceededBy("the response's body"));
    }

    private static function late(): OutboundException
    {
        return OutboundException::create('timeout.total', "the response's body did not end within timeout_ms");
    }

    private static function garbage(): OutboundException
    {
        return self::undecodable("the response's body is not what its content coding says");
    }

    private static function undecodable(string $message): OutboundException
    {
        return OutboundException::create('response.decoding_failed', $message);
    }
}
