<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;

/**
 * The contract over HTTP/3: aioquic in front of the fault server's listeners, and nothing else at their ports. Needs a library with the
 * feature and .ci/http3-servers; `.ci/hardening --only=http3` runs it.
 *
 * @group http3
 */
final class Http3ContractTest extends TransportContract
{
    use Cases\BodySourceCases;
    use Cases\ConcurrentCases;
    use Cases\ExchangeCases;
    use Cases\StreamCases;

    /** Rooms of cases that are left out, and the reason. */
    private const ROOMS_LEFT_OUT = [
        'about frames of HTTP/2; tests/http3/honest.rs, hostile.rs and hostile_connection.rs have those of HTTP/3' => Cases\Http2Cases::class,
        'where a proxy serves the host, HTTP/3 is never tried' => Cases\ProxyCases::class,
        'redirects to another origin go over TCP' => Cases\RedirectCases::class,
        'about TLS over TCP; tests/http3/bounds.rs has that of QUIC' => Cases\TlsCases::class,
        'its listeners have certificates of their own, over TCP' => Cases\PinCases::class,
    ];

    /** Single ones. */
    private const LEFT_OUT = [
        'about http://, and here all is https' => [
            'testEachAlternativeIsInsideThePolicyWhateverTheSecretIs', 'testAnEmptyListOfHostsAllowsNone', 'testRefusal',
            'testABindingIsEnforcedOnTopOfThePolicy', 'testABindingMeansLessThanAPolicy', 'testARequestIsSigned',
            'testARequestIsSignedWithAKeyOfAws',
        ],
        'about bytes of HTTP/1.1 that HTTP/3 cannot say; tests/http3/hostile.rs has what it can' => [
            'testEachAttemptHasItsError', 'testAnAnswerThatIsNotAcceptable', 'testAnAttackEndsInAKnownError',
            'testAnEmptyLineBeforeTheStatusLine', 'testAHeadWithoutEndIsNotKept', 'testHeadsAreLimitedAlikeOnBothVersions',
            'testARequestOverHttp11', 'testARequestOverHttp2', 'testAFloodOverHttp2Ends', 'testABodyIsSentInPieces',
        ],
        'about the faults of the other versions, and when their requests go again' => [
            'testAFaultThatDoesNotGoAway', 'testAConnectionThatEndsWithoutAnAnswer',
        ],
        'about a response that breaks off: the reset of a stream takes back what nobody has read, also its head' => [
            'testACodedBodyThatTheConnectionCutsIsNoCodingFault', 'testBodiesThatEndEarly', 'testABodyThatEndsByClosingNeedsCloseNotify',
            'testABrokenBodyNeverLooksShort', 'testABrokenStreamThrowsAndIsRecordedOnce',
        ],
        'about connections of TCP' => [
            'testADeadlineBeforeTheConnectionIsThere', 'testAConnectionThatEndsBeforeOrInTheHandshake', 'testAConnectionThatIsNotMade',
            'testConnectionsAreReusedOrNot', 'testAConnectionThatTheServerHasClosedMeanwhileIsNotUsedAgain', 'testTheTimeForAConnectionEndsWithIt',
            'testASignalResetsAStreamOfAConnectionThatGoesOn', 'testWhatTheSourceThrowsReachesTheCaller',
        ],
        'requests for tokens go over TCP' => [
            'testATokenIsFetchedForAClient', 'testATokenIsFetchedForASignedAssertion', 'testATokenEndpointThatRejectsTheClient',
            'testATokenThatIsRejectedIsRenewedWithinACall',
        ],
    ];

    /** How many cases send requests by HTTP/3, of the hundreds that are run if no filter leaves some out. */
    private const BY_HTTP3 = 196;
    private const ALL = 500;

    private static Process $front;
    private static string $log;

    /** @var list<string> cases of which a request went over HTTP/3 */
    private static array $by3 = [];
    private static int $cases = 0;
    private static int $leftOut = 0;

    private int $before = 0;

    public static function tearDownAfterClass(): void
    {
        self::$front->stop();
        parent::tearDownAfterClass();
        [$run, $by3] = [self::$cases - self::$leftOut, count(self::$by3)];
        fprintf(STDERR, "\n%d cases, of which requests of %d went over HTTP/3; %d are left out\n", $run, $by3, self::$leftOut);
        if ($run >= self::ALL && $by3 < self::BY_HTTP3) {
            throw new \RuntimeException('Requests of ' . self::BY_HTTP3 . ' cases went over HTTP/3 before.');
        }
    }

    protected function setUp(): void
    {
        parent::setUp();
        ++self::$cases;
        // An engine remembers for minutes that QUIC did not get through, as it is to do.
        self::$transport = self::make();
        $this->before = (int) filesize(self::$log);
    }

    protected function runTest(): mixed
    {
        if (in_array($this->getName(false), self::leftOut(), true)) {
            ++self::$leftOut;
            $this->addToAssertionCount(1);
            return null;
        }
        return parent::runTest();
    }

    /** @return list<string> */
    private static function leftOut(): array
    {
        return array_merge(...array_map(get_class_methods(...), array_values(self::ROOMS_LEFT_OUT)), ...array_values(self::LEFT_OUT));
    }

    protected function tearDown(): void
    {
        clearstatcache();
        if (filesize(self::$log) > $this->before) {
            self::$by3[] = $this->getName(false);
        }
        parent::tearDown();
    }

    protected static function transportName(): string
    {
        return Transports::RUST_FFI;
    }

    protected static function configuration(): array
    {
        $defaults = Upstream::PATIENCE['defaults'];
        $defaults['timeout_ms'] -= self::$cases;
        return ['defaults' => $defaults] + parent::configuration();
    }

    /** What the listeners of the fault server speak with what is in front of them. */
    protected static function httpVersion(string $listener): string
    {
        return '1.1';
    }

    protected static function recordedVersion(): string
    {
        return '3';
    }

    protected static function triesHttp3(): bool
    {
        return true;
    }

    protected static function scheme(string $listener): string
    {
        return 'https';
    }

    protected static function listen(): void
    {
        $root = dirname(__DIR__, 3);
        $names = ['plain', 'tls', 'h2', 'other'];
        $backends = array_map(static fn (string $name): string => (string) self::$server->listen($name), $names);
        self::$log = self::$directory->write('http3.log', '');
        self::$front = new Process(
            [
                $root . '/target/http3-servers/pypi/bin/python', '-B', dirname(__DIR__) . '/Support/Server/http3-front.py',
                self::$tls->certificate, self::$tls->key, self::$log, ...$backends,
            ],
            self::$directory->path . '/http3.out',
        );
        self::$front->waitUntil(static fn (): bool => str_ends_with(self::$front->log(), "\n"), 'HTTP/3 in front of the fault server');
        foreach (array_combine($names, explode(' ', trim(self::$front->log()))) as $name => $port) {
            self::$server->isBehind($name, (int) $port);
        }
    }
}
