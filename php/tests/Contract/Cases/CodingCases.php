<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Contract\Outcome;
use Netresearch\NrVault\Outbound\Tests\Contract\Vectors;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;

/**
 * Content codings of responses: which are decoded, which are refused, and at which size a decompression bomb is stopped.
 */
trait CodingCases
{
    private const UNKNOWN = ['compress', 'gzip, gzip, gzip', 'aws-chunked', 'gzip, unknown', 'br;q=1', 'utf8', "\xE4"];

    public function testCodingsAreUndoneInAnyCaseAndTwoDeep(): void
    {
        $vectors = self::codings();
        $cases = array_map(base64_decode(...), $vectors['coded']) + [
            'x-gzip' => base64_decode($vectors['coded']['gzip']),
            'GZIP' => base64_decode($vectors['coded']['gzip']),
            'Br' => base64_decode($vectors['coded']['br']),
            ' zStd ,' => base64_decode($vectors['coded']['zstd']),
            'identity, gzip' => base64_decode($vectors['coded']['gzip']),
            'GZip , X-GZIP' => base64_decode($vectors['coded']['gzip, gzip']),
            'deflate' => gzcompress($vectors['text']),
            'DEFLATE' => gzdeflate($vectors['text']),
            'gzip, deflate' => gzcompress((string) gzencode($vectors['text'])),
            'deflate, gzip' => gzencode((string) gzdeflate($vectors['text'])),
            'br, deflate' => gzdeflate(base64_decode($vectors['coded']['br'])),
        ];
        self::assertCount(23, $cases);
        foreach ($cases as $coding => $body) {
            foreach (['plain', 'h2'] as $listener) {
                $outcome = self::coded($coding, $body, $listener);
                if (!self::undoes($coding)) {
                    self::assertRejected('response.decoding_failed', $outcome, $coding);
                    continue;
                }
                self::assertSame(['201', $vectors['text']], [$outcome->brief(), $outcome->body], $coding . $outcome->message());
                self::assertSame([], $outcome->values('content-encoding'), $coding);
                self::assertSame([], $outcome->values('content-length'), $coding);
                self::assertSame(strlen($body), $outcome->audit['bytes_in'], $coding . ': as on the wire');
            }
        }
        self::$server->answers('plain', [FaultServer::answer(
            200,
            [['content-encoding', 'gzip'], ['content-encoding', 'gzip']],
            base64_decode($vectors['coded']['gzip, gzip']),
        )]);
        self::assertSame($vectors['text'], self::call(self::request())->body, 'two lines are one list');
    }

    public function testWhatWasNotDecodedKeepsItsFields(): void
    {
        foreach (['identity', 'none', 'UTF-8', 'utf-8, identity'] as $coding) {
            foreach (['plain', 'h2'] as $listener) {
                $fields = [['content-encoding', $coding], ['content-length', '4']];
                self::$server->answers($listener, [FaultServer::answer(201, $fields, 'text')]);
                $outcome = self::call(self::request($listener));
                self::assertSame(['text', [$coding], ['4']], [
                    $outcome->body,
                    $outcome->values('content-encoding'),
                    $outcome->values('content-length'),
                ], $outcome->message());
            }
        }
    }

    public function testCodingsThatAreRefused(): void
    {
        $body = base64_decode(self::codings()['coded']['gzip']);
        foreach (['deflate', 'deflate, gzip', ...self::UNKNOWN] as $coding) {
            self::assertRejected('response.decoding_failed', self::coded($coding, $body), $coding);
        }
    }

    public function testAnAnswerWithoutAByteIsEmptyWhateverItsCoding(): void
    {
        $known = ['gzip', 'gzip, gzip', 'br', 'zstd', 'gzip, br', 'zstd, gzip', 'deflate', 'none', 'UTF-8'];
        foreach ([...$known, ...self::UNKNOWN] as $coding) {
            $head = "HTTP/1.1 201 Created\r\ncontent-encoding: " . $coding . "\r\n";
            $chunked = FaultServer::write($head . "transfer-encoding: chunked\r\n\r\n0\r\n\r\n");
            $labelled = FaultServer::answer(201, [['content-encoding', $coding], ['content-length', '0']]);
            foreach ([['plain', $labelled], ['plain', $chunked], ['h2', $labelled]] as [$listener, $answer]) {
                self::$server->answers($listener, [$answer]);
                $outcome = self::call(self::request($listener));
                self::assertSame(['201', ''], [$outcome->brief(), $outcome->body], $coding . $outcome->message());
            }
        }
        self::assertSame(['compress'], self::coded('compress', '')->values('content-encoding'), 'nothing was undone');
        foreach (self::undone('empty') as $coding => $body) {
            $outcome = self::coded($coding, base64_decode($body));
            self::assertSame(['201', ''], [$outcome->brief(), $outcome->body], $coding . $outcome->message());
        }
    }

    public function testTruncatedDamagedAndFollowedBodies(): void
    {
        $zlib = ['deflate' => (string) gzcompress(self::codings()['text'])];
        foreach (array_map(base64_decode(...), self::codings()['coded']) + $zlib as $coding => $whole) {
            foreach ([1, 2, intdiv(strlen($whole), 2), strlen($whole) - 1] as $length) {
                $outcome = self::coded($coding, substr($whole, 0, $length));
                self::assertRejected('response.decoding_failed', $outcome, $coding . ' cut at ' . $length);
            }
            $outcome = self::coded($coding, 'no coding at all, but text');
            self::assertRejected('response.decoding_failed', $outcome, $coding . ' of text');
            foreach (['x', "\0\0\0\0", "GET / HTTP/1.1\r\n\r\n"] as $garbage) {
                $outcome = self::coded($coding, $whole . $garbage);
                self::assertRejected('response.decoding_failed', $outcome, $coding . ' and garbage');
            }
        }
        $flipped = base64_decode(self::codings()['coded']['gzip']);
        $flipped[-8] = ~$flipped[-8];
        self::assertRejected('response.decoding_failed', self::coded('gzip', $flipped), 'a wrong checksum');
        $inner = (string) gzencode(base64_decode(self::codings()['coded']['br']) . 'x');
        self::assertRejected('response.decoding_failed', self::coded('br, gzip', $inner), 'garbage inside');
        $inner = (string) gzencode(substr(base64_decode(self::codings()['coded']['zstd']), 0, -1));
        self::assertRejected('response.decoding_failed', self::coded('zstd, gzip', $inner), 'short inside');
    }

    public function testMembersAndFramesThatFollowEachOther(): void
    {
        $text = self::codings()['text'];
        foreach (array_filter(['gzip', 'zstd'], self::undoes(...)) as $coding) {
            $body = base64_decode(self::codings()['coded'][$coding]);
            self::assertSame($text . $text, self::coded($coding, $body . $body)->body, $coding);
        }
    }

    public function testTheLargestWindowOfEachCoding(): void
    {
        foreach (self::codings()['largest_windows'] as $case) {
            $body = (string) base64_decode($case['body_base64']);
            foreach ([$case['coding'] => $body, $case['coding'] . ', gzip' => gzencode($body)] as $coding => $coded) {
                $outcome = self::coded($coding, $coded);
                if (self::undoes($coding)) {
                    self::assertSame($case['sha256'], hash('sha256', $outcome->body), $case['name'] . $outcome->message());
                } else {
                    self::assertRejected('response.decoding_failed', $outcome, $case['name']);
                }
            }
        }
    }

    public function testLargerWindowsAreRefused(): void
    {
        foreach (self::codings()['illegal_windows'] as $case) {
            $body = (string) base64_decode($case['body_base64']);
            $head = "HTTP/1.1 201 Created\r\ncontent-encoding: " . $case['coding'] . "\r\ntransfer-encoding: chunked\r\n\r\n";
            $chunks = "1\r\n" . $body[0] . "\r\n" . dechex(strlen($body) - 1) . "\r\n" . substr($body, 1) . "\r\n0\r\n\r\n";
            self::$server->answers('plain', [FaultServer::write($head . $chunks)]);
            foreach (
                [
                    'as it is' => self::call(self::request()),
                    'in gzip' => self::coded($case['coding'] . ', gzip', (string) gzencode($body)),
                    'in deflate' => self::coded($case['coding'] . ', deflate', (string) gzcompress($body)),
                ] as $how => $outcome
            ) {
                self::assertRejected('response.decoding_failed', $outcome, $case['name'] . ' ' . $how);
            }
        }
    }

    public function testABareStreamThatRepeatsWhatWasNeverThere(): void
    {
        $outcome = self::coded('deflate', (string) base64_decode(self::codings()['before_the_beginning']));
        if (self::deviates('codings')) {
            self::assertRejected('response.decoding_failed', $outcome, 'before the beginning');
        } else {
            self::assertSame('201', $outcome->brief());
            self::assertMatchesRegularExpression('/\Aba+\0+/', $outcome->body, 'zeros, and nothing that was in memory');
        }
    }

    public function testTheCapCountsDecodedBytesExactly(): void
    {
        $text = self::codings()['text'];
        foreach (self::undone('coded') as $coding => $body) {
            $body = base64_decode($body);
            $room = max(strlen($text), strlen($body));
            self::assertSame($text, self::coded($coding, $body, 'plain', $room)->body, $coding);
            $outcome = self::coded($coding, $body, 'plain', strlen($text) - 1);
            self::assertRejected('response.too_large', $outcome, $coding);
        }
        $outcome = self::coded('gzip', (string) gzencode('x'), 'plain', 1);
        self::assertRejected('response.too_large', $outcome, 'what comes off the wire has the same cap');
    }

    public function testBombsStopAtTheCap(): void
    {
        $bombs = self::codings()['bombs'];
        self::assertCount(9, $bombs);
        $member = (string) gzencode(str_repeat("\0", 8 << 20));
        foreach ($bombs as $bomb) {
            if (!self::undoes($bomb['coding'])) {
                $outcome = self::coded($bomb['coding'], (string) base64_decode((string) $bomb['body_base64']));
                self::assertRejected('response.decoding_failed', $outcome, $bomb['coding']);
                continue;
            }
            $body = $bomb['body_base64'] === null
                ? str_repeat($member, $bomb['size'] >> 23)
                : base64_decode($bomb['body_base64']);
            $before = memory_get_peak_usage();
            $outcome = self::coded($bomb['coding'], $body, 'plain', 1 << 20);
            self::assertRejected('response.too_large', $outcome, $bomb['coding']);
            self::assertLessThanOrEqual(strlen($body), $outcome->audit['bytes_in']);
            self::assertLessThan($before + (16 << 20), memory_get_peak_usage(), $bomb['coding']);
        }
    }

    public function testTheDeadlineHoldsWhileABodyDecodesToNothing(): void
    {
        $nothing = str_repeat((string) gzencode(str_repeat((string) gzencode('', 9), 1 << 18), 9), 1 << 4);
        $policy = self::policy(responseBytes: 64 << 20);
        // Where other work keeps even the head from coming in time, decoding takes as much longer.
        foreach ([500, 2000, 8000] as $timeout) {
            self::$server->answers('plain', [FaultServer::answer(201, [['content-encoding', 'gzip, gzip']], $nothing)]);
            $outcome = self::call(self::request(policy: $policy, timeoutMs: $timeout));
            if ($outcome->httpStatus !== null) {
                break;
            }
        }

        // A transport that did not check the clock while it decodes would return an empty body after the deadline.
        self::assertFailed('timeout.total', 'yes', $outcome, 201);
        self::assertLessThanOrEqual(strlen($nothing), $outcome->audit['bytes_in']);
    }

    public function testACodedBodyThatTheConnectionCutsIsNoCodingFault(): void
    {
        $bodies = array_map(base64_decode(...), self::undone('coded')) + ['deflate' => gzdeflate(self::codings()['text'])];
        foreach ($bodies as $coding => $whole) {
            $head = "HTTP/1.1 201 Created\r\ncontent-encoding: " . $coding . "\r\ncontent-length: " . strlen($whole);
            self::$server->script('tls', [['read'], FaultServer::write($head . "\r\n\r\n" . substr($whole, 0, -1))]);
            self::assertRejected('protocol.closed_early', self::call(self::request('tls')), $coding);
        }
    }

    /** The outcome of a call whose response has this coding and this body. */
    private static function coded(string $coding, string $body, string $listener = 'plain', ?int $cap = null): Outcome
    {
        self::$server->answers($listener, [FaultServer::answer(201, [['content-encoding', $coding]], $body)]);
        return self::call(self::request($listener, policy: self::policy(responseBytes: $cap)));
    }

    /** Whether the transport can decode all codings in this list. */
    private static function undoes(string $coding): bool
    {
        return !self::deviates('codings') || preg_match('/br|zstd/i', $coding) === 0;
    }

    /**
     * The vectors that the transport can decode.
     *
     * @return array<string, string> base64, by coding
     */
    private static function undone(string $kind): array
    {
        return array_filter(self::codings()[$kind], self::undoes(...), ARRAY_FILTER_USE_KEY);
    }

    /** Asserts that the call failed after the head of a response with status 201. */
    private static function assertRejected(string $code, Outcome $outcome, string $why): void
    {
        self::assertFailed($code, 'yes', $outcome, 201, $why);
        self::assertFalse($outcome->retryable, $why);
    }

    /**
     * @return array<string, mixed>
     */
    private static function codings(): array
    {
        static $vectors = null;
        return $vectors ??= Vectors::read('codings.json');
    }
}
