<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

use Netresearch\NrVault\Outbound\Tests\Support\Memory\Reachable;
use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Certificates;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\ReceivedRequest;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\SealedCredential;
use Netresearch\NrVault\Transport\Text\Printable;
use Netresearch\NrVault\Transport\TransportInterface;
use PHPUnit\Framework\TestCase;

/**
 * A transport against the fault server, and the assertions that every call has to pass in each case.
 */
abstract class ContractTestCase extends TestCase
{
    /** Part of every secret that the cases seal, so that a leak of any of them is found. */
    protected const CANARY = 'c4n4ry-9b1f';

    /** Methods that the policy of request() allows. */
    protected const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

    protected static FaultServer $server;
    protected static TempDir $directory;
    protected static Certificates $tls;

    private static \SensitiveParameterValue $masterKey;
    protected static TransportInterface $transport;

    /** The transport's name: "transport" of its audit records, and its key in Deviations. */
    abstract protected static function transportName(): string;

    public static function setUpBeforeClass(): void
    {
        self::$directory = new TempDir('contract');
        self::$tls = new Certificates(self::$directory);
        self::$masterKey = new \SensitiveParameterValue(random_bytes(32));
        self::$server = new FaultServer(self::$directory);
        static::listen();
        self::$transport = self::make();
    }

    /** Opens the listeners that all cases share. */
    protected static function listen(): void
    {
        $tls = ['certificate' => self::$tls->certificate, 'key' => self::$tls->key];
        self::$server->listen('plain');
        self::$server->listen('tls', $tls + ['alpn' => ['http/1.1']]);
        self::$server->listen('h2', $tls + ['alpn' => ['h2', 'http/1.1']]);
        self::$server->listen('other', $tls + ['alpn' => ['http/1.1']]);
    }

    public static function tearDownAfterClass(): void
    {
        self::$server->stop();
        self::$directory->remove();
    }

    /** Whether the transport has this deviation; the case then asserts what it does instead. */
    protected static function deviates(string $id): bool
    {
        return in_array(static::transportName(), Deviations::LIST[$id]['transports'], true);
    }

    /** The code of an entry that has not what each service has, such as a policy; otherwise it is $code. */
    protected static function ofEntry(string $code): string
    {
        return self::deviates('registry') ? 'configuration.invalid' : $code;
    }

    /** Whether libcurl is this version or newer, as a number of curl_version(); some deviations depend on it. */
    protected static function hasCurl(int $version): bool
    {
        return curl_version()['version_number'] >= $version;
    }

    /**
     * A transport that trusts the fault server, may connect to it and has the master key; $more replaces top-level keys.
     *
     * @param array<string, mixed> $more
     */
    protected static function make(#[\SensitiveParameter] array $more = []): TransportInterface
    {
        return Transports::make(static::transportName(), $more + static::configuration());
    }

    /**
     * @return array<string, mixed>
     */
    protected static function configuration(): array
    {
        return Upstream::PATIENCE + [
            'internal_hosts' => self::internal(self::$server->ports()),
            'tls' => ['roots' => 'file', 'ca_file' => self::$tls->authority],
            'master_keys' => [['provider' => 'raw', 'key_base64' => self::masterKey()]],
        ] + (static::triesHttp3() ? ['http_versions' => ['3', '2', '1.1']] : []);
    }

    /**
     * Whether the cases run with HTTP/3 tried, which no server here has, by a library that was built with it. Nothing may come out otherwise.
     */
    protected static function triesHttp3(): bool
    {
        return getenv('SECURE_OUTBOUND_TRY_HTTP3') === '1';
    }

    /** The version of HTTP in the records of what a listener without HTTP/2 serves. */
    protected static function recordedVersion(): string
    {
        return '1.1';
    }

    /**
     * Entries of internal_hosts for loopback.
     *
     * @param list<int> $ports
     * @return list<array<string, mixed>>
     */
    protected static function internal(array $ports): array
    {
        $entry = static fn (string $host): array
            => ['host' => $host, 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => $ports];
        return array_map($entry, ['localhost', '127.0.0.1']);
    }

    protected static function masterKey(): string
    {
        return base64_encode(self::$masterKey->getValue());
    }

    protected static function scheme(string $listener): string
    {
        return $listener === 'plain' ? 'http' : 'https';
    }

    /** The base URL of a listener, "https://localhost:PORT/v1". */
    protected static function url(string $listener, string $host = 'localhost'): string
    {
        return static::scheme($listener) . '://' . $host . ':' . self::$server->port($listener) . '/v1';
    }

    /**
     * A policy that allows every method and plain HTTP; $more replaces arguments of Policy by name.
     */
    protected static function policy(mixed ...$more): Policy
    {
        return new Policy(...$more + self::http3OfPolicy() + ['allowedMethods' => self::METHODS, 'allowHttp' => true]);
    }

    /**
     * The policy of a registry's entry, for POST alone.
     *
     * @param array<string, mixed> $more
     * @return array<string, mixed>
     */
    protected static function policyOfEntry(array $more = []): array
    {
        return $more + self::http3OfPolicy() + ['allowed_methods' => ['POST'], 'allow_http' => true];
    }

    /**
     * @return array{http3?: string} an argument of Policy and a key of an entry alike
     */
    private static function http3OfPolicy(): array
    {
        return static::triesHttp3() ? ['http3' => 'registered'] : [];
    }

    /**
     * A request to a listener; $more replaces arguments of RequestSpec by name.
     */
    protected static function request(string $listener = 'plain', mixed ...$more): RequestSpec
    {
        return new RequestSpec(...$more + [
            'serviceId' => 'test',
            'method' => 'POST',
            'policy' => self::policy(),
            'baseUrl' => self::url($listener),
            'path' => isset($more['url']) ? '' : '/x',
        ]);
    }

    /**
     * A credential of the type, sealed under the master key.
     *
     * @param string|array<string, mixed> $payload
     */
    protected static function seal(
        string $type,
        #[\SensitiveParameter] string|array $payload,
        ?Placement $placement = null,
        string $identifier = 'my_api_key',
        string $algorithm = Sealer::XCHACHA20,
    ): SealedCredential {
        $sealer = new Sealer(self::$masterKey->getValue(), $algorithm);
        return $sealer->credential($type, $payload, $placement, $identifier);
    }

    /** A bearer token, for cases in which the kind of credential does not matter. */
    protected static function bearer(): SealedCredential
    {
        return self::seal('bearer', ['token' => 'tok-' . self::CANARY]);
    }

    /** Sends the request and makes the assertions about every outcome. */
    protected static function call(RequestSpec $request, ?TransportInterface $transport = null): Outcome
    {
        $outcome = Outcome::of($transport ?? self::$transport, $request);
        self::assertSound($outcome, $request);
        return $outcome;
    }

    /**
     * The outcome of a call whose deadline should pass at a certain point. On a busy machine it may pass earlier, so the call is made
     * again with twice the time until it ends as expected. If it never does, the last outcome is returned.
     *
     * @param \Closure(int): Outcome $call with a deadline in milliseconds
     */
    protected static function patiently(string $brief, \Closure $call): Outcome
    {
        for ($deadline = 150; $deadline < 10_000; $deadline *= 2) {
            $outcome = $call($deadline);
            if ($outcome->brief() === $brief) {
                break;
            }
        }
        return $outcome;
    }

    /** The decision about a request: the canonical URL, or the code of the refusal. */
    protected static function decide(RequestSpec $request, ?TransportInterface $transport = null): string
    {
        try {
            $decision = ($transport ?? self::$transport)->decide($request);
        } catch (\Netresearch\NrVault\Outbound\Exception\OutboundException $refusal) {
            self::assertSame('no', $refusal->sent());
            self::assertShowsNoSecret($refusal);
            return $refusal->errorCode();
        }
        return $decision->url;
    }

    /** The only request that a listener has received since its script began. */
    protected static function received(string $listener = 'plain'): ReceivedRequest
    {
        $requests = self::$server->requests($listener);
        self::assertCount(1, $requests, 'requests at ' . $listener);
        return $requests[0];
    }

    /** How many requests a listener has received since its script began. */
    protected static function requests(string $listener = 'plain'): int
    {
        return count(self::$server->requests($listener));
    }

    /** How many connections a listener has had since its script began. */
    protected static function connections(string $listener = 'plain'): int
    {
        return count(self::$server->seen($listener));
    }

    /**
     * Asserts a failure with this code and this "sent", and with the status of the response if its head has arrived.
     */
    protected static function assertFailed(
        string $code,
        string $sent,
        Outcome $outcome,
        ?int $httpStatus = null,
        string $why = '',
    ): void {
        self::assertSame($code . ' ' . $sent, $outcome->brief(), $why . ' ' . $outcome->message());
        self::assertSame($httpStatus, $outcome->httpStatus, $why);
    }

    /** Asserts what is true of every outcome: the audit record is complete and matches the error, and no secret is in either. */
    private static function assertSound(Outcome $outcome, RequestSpec $request): void
    {
        self::assertShowsNoSecret($outcome->headers);
        if ($outcome->failure !== null) {
            self::assertShowsNoSecret($outcome->failure);
            self::assertStringStartsWith($outcome->failure->errorClass() . '.', (string) $outcome->code);
        }
        if ($outcome->audit === null) {
            // A request that is malformed is refused before there is a record, and a daemon that is late has none to give.
            $isLate = str_starts_with($outcome->message(), 'the sidecar does not answer');
            $classes = ['invalid_request', 'configuration', 'internal', ...($isLate ? ['timeout'] : [])];
            self::assertContains($outcome->failure?->errorClass(), $classes);
            return;
        }
        self::assertShowsNoSecret($outcome->audit);
        $audit = $outcome->audit;
        $keys = array_keys($audit);
        self::assertEqualsCanonicalizing(Pages::auditKeys(), $keys);
        self::assertSame($outcome->failure?->errorClass(), $audit['error_class']);
        self::assertSame($outcome->code, $audit['error_code']);
        self::assertSame($outcome->sent ?? 'yes', $audit['sent']);
        self::assertSame($outcome->status ?? $outcome->httpStatus, $audit['status']);
        self::assertSame(static::transportName(), $audit['transport']);
        if ($outcome->code !== 'invalid_request.malformed') {
            $identifiers = array_map(Printable::text(...), array_column($request->references(), 'identifier'));
            self::assertSame($identifiers, $audit['credentials']);
        }
        self::assertMatchesRegularExpression('/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/', $audit['timestamp']);
        self::assertGreaterThanOrEqual(0, $audit['duration_us']);
        self::assertAttempts($outcome, $audit);
        if ($outcome->sent === 'no') {
            self::assertNull($audit['status']);
            if ($outcome->code !== 'protocol.closed_early') {
                // With "protocol.closed_early", the server may have refused a request that it received, as GOAWAY does.
                self::assertSame(0, $audit['bytes_out']);
            }
        }
        if ($outcome->httpStatus !== null) {
            self::assertSame('yes', $outcome->sent);
        } elseif ($request->policy?->maxRedirects === 0 && $request->policy->maxAttempts === 1) {
            // With redirects or several attempts, the response may be that to an earlier request of the call.
            self::assertNotSame('yes', $outcome->sent);
        }
    }

    /**
     * Asserts that each attempt has an entry, except a last one that succeeded.
     *
     * @param array<string, mixed> $audit
     */
    private static function assertAttempts(Outcome $outcome, array $audit): void
    {
        $last = $outcome->status >= 400 ? 'http_' . $outcome->status : $outcome->code;
        $errors = $audit['attempt_errors'];
        self::assertTrue(array_is_list($errors));
        self::assertCount(max(0, $audit['attempts'] - ($last === null ? 1 : 0)), $errors);
        if ($audit['attempts'] > 0 && $last !== null) {
            self::assertSame($last, end($errors));
        }
        self::assertIsInt($audit['token_requests']);
    }

    /** Asserts that no dump of the value, no value inside it and no frame of an exception shows a secret, a key or an envelope. */
    protected static function assertShowsNoSecret(mixed $value): void
    {
        if ($value instanceof \Throwable) {
            self::assertNull($value->getPrevious());
            $texts = [(string) $value, ...Reachable::strings($value, __NAMESPACE__)];
        } else {
            $texts = [print_r($value, true), ...Reachable::strings($value)];
        }
        $key = self::$masterKey->getValue();
        $secrets = [self::CANARY, base64_encode(self::CANARY), base64_encode($key), $key, 'nrv1:eyJ'];
        foreach ($texts as $text) {
            foreach ($secrets as $secret) {
                if (str_contains($text, $secret)) {
                    $trace = $value instanceof \Throwable ? "\n" . $value->getTraceAsString() : '';
                    self::fail('A secret is shown by ' . get_debug_type($value) . ': ' . substr($text, 0, 100) . $trace);
                }
            }
        }
        self::assertNotSame([], $texts);
    }
}
