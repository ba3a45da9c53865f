<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Cli\Doctor\CredentialProbe;
use Netresearch\NrVault\Outbound\Cli\Doctor\EngineState;
use Netresearch\NrVault\Outbound\Cli\Envelope;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Contract\Vectors;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Certificates;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\Alternative;
use Netresearch\NrVault\Transport\Breaker;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Decision;
use Netresearch\NrVault\Transport\Php\Credential\Payload;
use Netresearch\NrVault\Transport\Php\Envelope\Algorithm;
use Netresearch\NrVault\Transport\Php\Envelope\EnvelopeOpener;
use Netresearch\NrVault\Transport\Php\PhpTransport;
use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\Secret\Secret;
use PHPUnit\Framework\TestCase;

/**
 * The wire documents in tests/vectors/wire, which the library's tests use as well. Each is read and written without a change,
 * and has every key that exists and no other.
 */
final class WireDocumentsTest extends TestCase
{
    private const IDENTIFIER = '01937b6e-4b6c-7abc-8def-0123456789ab';

    /** Place of an object in the document => the keys that exist for it. */
    private const CONFIGURATION = [
        '' => ['version', 'master_keys', 'internal_hosts', 'tls', 'proxy', 'token_cache', 'refresh_tokens', 'defaults', 'limits',
            'php_transport', 'sidecar', 'http_versions', 'user_agent'],
        'master_keys.0' => ['id', 'provider', 'path'],
        'master_keys.1' => ['provider', 'name'],
        'master_keys.2' => ['provider', 'encryption_key'],
        'master_keys.3' => ['provider', 'key_base64'],
        'internal_hosts.0' => ['host', 'networks', 'ports'],
        'tls' => ['roots', 'ca_file', 'crl_file', 'post_quantum'],
        'proxy' => ['url', 'no_proxy', 'resolve'],
        'token_cache' => ['directory'],
        'refresh_tokens' => ['directory'],
        'defaults' => ['timeout_ms', 'connect_timeout_ms', 'response_bytes'],
        'limits' => ['timeout_ms', 'idle_timeout_ms', 'request_bytes', 'response_bytes', 'header_bytes', 'hosts', 'require_binding'],
        'sidecar' => ['socket'],
    ];

    /** A value that no key of a configuration accepts. */
    private const IMPOSSIBLE = [['one more' => 1.5]];

    private TempDir $directory;

    protected function setUp(): void
    {
        $this->directory = new TempDir('wire-documents');
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    public function testTheConfigurationIsReadKeyByKey(): void
    {
        $config = $this->configuration();
        self::assertNull(self::refusal($config));
        self::assertSame(array_keys(self::CONFIGURATION), array_map(self::pointer(...), self::places($config)));
        foreach (self::places($config) as $place) {
            self::assertEqualsCanonicalizing(self::CONFIGURATION[self::pointer($place)], array_keys(self::object($config, $place)));
            $more = self::changed($config, [...$place, 'one_more'], null);
            self::assertSame('configuration.invalid', self::refusal($more), self::pointer($place) . ' with one key more');
        }
        foreach (self::keys($config) as $place) {
            $code = self::refusal(self::changed($config, $place, self::IMPOSSIBLE));
            self::assertSame('configuration.invalid', $code, self::pointer($place));
        }
        self::assertFalse(self::document('configuration')['php_transport']);
        $forbidden = self::refusal(['php_transport' => false] + $config);
        self::assertSame('configuration.transport_unavailable', $forbidden);
    }

    /**
     * @testWith ["request"]
     *           ["request_url"]
     *           ["request_alternatives"]
     */
    public function testARequestIsReadAndWrittenKeyByKey(string $name): void
    {
        $document = self::document($name);
        $sealed = (string) json_encode(array_map(static fn (): string => 'nrv1:AA==', $document['credentials'] ?? []));
        $sealed = isset($document['credentials']) ? $sealed : '';
        $wire = RequestSpec::fromWire((string) json_encode($document), '', $sealed)->toWire();
        self::assertEquals($document, json_decode($wire['head'], true));
        foreach (self::places($document) as $place) {
            $more = self::changed($document, [...$place, 'one_more'], null);
            try {
                RequestSpec::fromWire((string) json_encode($more), '', $sealed);
                self::fail(self::pointer($place) . ' was taken with one key more.');
            } catch (OutboundException $refusal) {
                self::assertSame('invalid_request.malformed', $refusal->errorCode());
            }
        }
    }

    public function testARequestIsWrittenInTwoDocumentsAsWell(): void
    {
        foreach (['request' => 'own', 'request_url' => 'own_url', 'request_alternatives' => null] as $whole => $own) {
            $document = self::document($whole);
            $envelopes = array_map(static fn (): string => 'nrv1:AA==', $document['credentials'] ?? []);
            $sealed = $envelopes === [] ? '' : (string) json_encode($envelopes);
            $request = RequestSpec::fromWire((string) json_encode($document), '', $sealed);
            $service = json_decode($request->serviceHead($request->references()), true);
            $rest = json_decode($request->ownHead(), true);

            self::assertEquals($document, $service + $rest);
            self::assertSame(['version'], array_keys(array_intersect_key($service, $rest)));
            if ($own !== null) {
                self::assertEquals(self::document($own), $rest);
            }
            if ($whole !== 'request_url') {
                self::assertEquals(self::document(str_replace('request', 'service', $whole)), $service);
            }
        }
    }

    public function testTheRequestsHaveAllThatARequestCanSay(): void
    {
        $request = self::document('request');
        $alternatives = self::document('request_alternatives');
        $all = ['body' => true] + $request + self::document('request_url') + $alternatives;
        self::assertSaysAll(RequestSpec::class, $all, ['version']);
        self::assertSaysAll(Alternative::class, $alternatives['alternatives'][0]);
        self::assertSaysAll(Policy::class, $request['policy']);
        self::assertSaysAll(Breaker::class, $request['policy']['breaker']);
        self::assertSaysAll(CredentialReference::class, $request['credentials'][1] + $request['credentials'][2]);
        self::assertSaysAll(Placement::class, $request['credentials'][1]['placement']);
    }

    /**
     * @param class-string $class
     * @param array<string, mixed> $document
     * @param list<string> $more keys for which the class has no property
     */
    private static function assertSaysAll(string $class, array $document, array $more = []): void
    {
        $properties = array_map(
            static fn (\ReflectionProperty $property): string => self::snake($property->getName()),
            (new \ReflectionClass($class))->getProperties(),
        );
        self::assertEqualsCanonicalizing([...$properties, ...$more], array_keys($document), $class);
    }

    public function testAResponseIsReadAndWritten(): void
    {
        $document = self::document('response');
        $wire = ResponseSpec::fromWire((string) json_encode($document), 'body')->toWire();
        self::assertSame('body', $wire['body']);
        self::assertEquals($document, json_decode($wire['head'], true));
        self::assertSame(AuditEntry::RECORD, array_keys($document['audit']));
    }

    public function testAFailureIsRead(): void
    {
        $document = self::document('failure');
        $failure = self::thrown(static fn () => ResponseSpec::fromWire((string) json_encode($document), ''));
        self::assertSame($document['error'], self::error($failure));
        self::assertSame($document['audit'], $failure->auditRecord());
        self::assertSame(array_keys(self::document('response')), array_keys($document));
        self::assertSame([null, null, []], [$document['status'], $document['http_version'], $document['headers']]);
    }

    public function testADecisionIsRead(): void
    {
        $allowed = self::document('decision');
        $decision = get_object_vars(Decision::fromWire((string) json_encode($allowed)));
        self::assertNull($decision['begun'], 'the library knows it');
        unset($decision['begun']);
        $read = array_combine(array_map(self::snake(...), array_keys($decision)), $decision);
        self::assertEquals($allowed, $read + ['version' => 1, 'allowed' => true, 'error' => null, 'audit' => null]);

        $refused = self::document('decision_refused');
        $refusal = self::thrown(static fn () => Decision::fromWire((string) json_encode($refused)));
        self::assertSame($refused['error'], self::error($refusal));
        self::assertSame($refused['audit'], $refusal->auditRecord());
        self::assertSame(array_keys($allowed), array_keys($refused));
    }

    /**
     * @dataProvider templates
     */
    public function testADecisionIsTheSameHoweverItIsWritten(?string $template, ?string $read): void
    {
        $allowed = array_replace(self::document('decision'), ['path_template' => $template]);
        $compact = json_encode($allowed, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_LINE_TERMINATORS);

        $decision = Decision::fromWire((string) $compact);
        self::assertEquals($decision, Decision::fromWire((string) json_encode($allowed, JSON_PRETTY_PRINT)));
        self::assertSame([$allowed['url'], $read, $allowed['port']], [$decision->url, $decision->pathTemplate, $decision->port]);
    }

    /**
     * @return iterable<string, array{string|null, string|null}>
     */
    public static function templates(): iterable
    {
        yield 'none' => [null, null];
        yield 'plain' => ['/v1/users/{id}', '/v1/users/{id}'];
        yield 'empty' => ['', ''];
        yield 'a quotation mark' => ['/v1/"/{id}', '/v1/"/{id}'];
        yield 'a backslash' => ['/v1/\\u0041', '/v1/\\u0041'];
        yield 'a control' => ["/v1/\n", '/v1/?'];
        yield 'an umlaut' => ['/v1/bücher', '/v1/bücher'];
        yield 'a turn of direction' => ["/v1/\u{202E}", '/v1/?'];
    }

    public function testTheHeadsOfOpenAndCheckAreWhatTheTransportSays(): void
    {
        $open = self::document('open');
        $file = $this->directory->write('vault.key', str_repeat('k', 32));
        chmod($file, 0644);
        $warnings = (new PhpTransport(['master_keys' => [['provider' => 'file', 'path' => $file]]]))->open();
        self::assertSame(['version', 'warnings'], array_keys($open));
        self::assertSame(array_map(array_keys(...), $open['warnings']), array_map(array_keys(...), $warnings));
        self::assertSame(array_column($open['warnings'], 'code'), array_column($warnings, 'code'));

        $read = EngineState::ofLibrary((string) json_encode($open));
        self::assertSame([null, $open['warnings']], [$read->error, $read->warnings]);

        $refused = self::document('open_refused');
        self::assertSame(['version', 'warnings', 'error'], array_keys($refused));
        self::assertSame($refused['error'], self::error(OutboundException::fromWire($refused)));

        self::assertSame(['version' => 1, 'code' => null], self::document('check'));
        self::assertNull(CredentialProbe::code((string) json_encode(self::document('check'))));
        self::assertSame('credential.expired', CredentialProbe::code((string) json_encode(self::document('check_refused'))));
    }

    public function testTheEnvelopeIsReadAndWritten(): void
    {
        $document = self::document('envelope');
        $sealed = 'nrv1:' . base64_encode((string) json_encode($document));
        $opened = (new EnvelopeOpener())->open($sealed, self::IDENTIFIER, [new Secret(str_repeat("\1", 32))]);
        self::assertSame(self::document('payloads')['bearer'], json_decode($opened->expose(), true));

        $key = new Secret(str_repeat("\1", 32));
        $made = Envelope::seal($key, self::IDENTIFIER, new Secret('{}'), Algorithm::XChaCha20Poly1305);
        self::assertSame(array_keys($document), array_keys(json_decode(base64_decode(substr($made, 5)), true)));
    }

    public function testAPayloadHasTheKeysOfItsType(): void
    {
        $payloads = self::document('payloads');
        self::assertEqualsCanonicalizing(Payload::types(), array_keys($payloads));
        foreach ($payloads as $type => $payload) {
            $document = (string) json_encode($payload);
            self::assertTrue(Payload::binding($document, Payload::fields($type, $document))?->hasHosts(), $type);
            // A client has a secret, as in the document, a key or a certificate, as the further rows of the page have it.
            $clients = [CredentialReference::OAUTH2_CLIENT_CREDENTIALS, CredentialReference::OAUTH2_REFRESH_TOKEN];
            $ofCertificate = ['certificate_chain', 'tls_client_certificate_bound_access_tokens'];
            $ofKey = in_array($type, $clients, true)
                ? ['private_key', 'alg', 'kid', 'x5t#S256', 'assertion_audience', 'lifetime', ...$ofCertificate]
                : [];
            $known = [...array_keys($payload), ...$ofKey];
            self::assertEqualsCanonicalizing($known, self::listed($type, ['one_more' => 1] + $payload));
            $binding = ['one_more' => 1] + $payload['binding'];
            self::assertEqualsCanonicalizing(
                array_keys($payload['binding']),
                self::listed($type, ['binding' => $binding] + $payload),
            );
        }
    }

    /**
     * The keys that the refusal of an unknown key lists.
     *
     * @param array<string, mixed> $payload
     * @return list<string>
     */
    private static function listed(string $type, array $payload): array
    {
        $document = (string) json_encode($payload);
        try {
            Payload::binding($document, Payload::fields($type, $document));
        } catch (InvalidPayload $fault) {
            return explode(', ', explode(' is not one of ', $fault->getMessage())[1] ?? '');
        }
        self::fail('The payload was taken.');
    }

    /**
     * The configuration, with paths of files that exist.
     *
     * @return array<string, mixed>
     */
    private function configuration(): array
    {
        $config = self::document('configuration');
        $certificates = new Certificates($this->directory);
        $config['tls']['ca_file'] = $certificates->authority;
        $config['tls']['crl_file'] = $certificates->revoke('revoked', []);
        return ['php_transport' => true] + $config;
    }

    /**
     * @param array<string, mixed> $config
     */
    private static function refusal(array $config): ?string
    {
        try {
            (new PhpTransport($config))->open();
            return null;
        } catch (OutboundException $refusal) {
            return $refusal->errorCode();
        }
    }

    private static function thrown(\Closure $read): OutboundException
    {
        try {
            $read();
        } catch (OutboundException $failure) {
            return $failure;
        }
        self::fail('It was taken for a success.');
    }

    /**
     * @return array<string, mixed> the error in the form of the document
     */
    private static function error(OutboundException $failure): array
    {
        return [
            'class' => $failure->errorClass(),
            'code' => $failure->errorCode(),
            'message' => substr($failure->getMessage(), 0, -strlen(' [' . $failure->errorCode() . ']')),
            'retryable' => $failure->isRetryable(),
            'sent' => $failure->sent(),
            'http_status' => $failure->httpStatus(),
        ];
    }

    /**
     * The places of all objects in a document.
     *
     * @param array<mixed> $value
     * @param list<int|string> $at
     * @return list<list<int|string>>
     */
    private static function places(array $value, array $at = []): array
    {
        $places = $value === [] || array_is_list($value) ? [] : [$at];
        foreach ($value as $key => $inner) {
            if (is_array($inner)) {
                array_push($places, ...self::places($inner, [...$at, $key]));
            }
        }
        return $places;
    }

    /**
     * The places of the keys of all objects in a document.
     *
     * @param array<mixed> $document
     * @return list<list<int|string>>
     */
    private static function keys(array $document): array
    {
        $keys = [];
        foreach (self::places($document) as $place) {
            $names = array_keys(self::object($document, $place));
            array_push($keys, ...array_map(static fn (string $key): array => [...$place, $key], $names));
        }
        return $keys;
    }

    /**
     * @param array<mixed> $document
     * @param list<int|string> $place
     * @return array<mixed>
     */
    private static function object(array $document, array $place): array
    {
        return array_reduce($place, static fn (array $value, int|string $key): array => $value[$key], $document);
    }

    /**
     * @param array<mixed> $document
     * @param list<int|string> $place
     * @return array<mixed>
     */
    private static function changed(array $document, array $place, mixed $value): array
    {
        $at = &$document;
        foreach ($place as $key) {
            $at = &$at[$key];
        }
        $at = $value;
        return $document;
    }

    /**
     * @param list<int|string> $place
     */
    private static function pointer(array $place): string
    {
        return implode('.', $place);
    }

    private static function snake(string $name): string
    {
        return strtolower((string) preg_replace('/[A-Z]/', '_$0', $name));
    }

    /**
     * @return array<string, mixed>
     */
    private static function document(string $name): array
    {
        return Vectors::read('wire/' . $name . '.json');
    }
}
