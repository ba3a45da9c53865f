<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\RandomCredentials;
use Netresearch\NrVault\Transport\Php\Credential\BodyKind;
use Netresearch\NrVault\Transport\Php\Credential\CredentialInjector;
use Netresearch\NrVault\Transport\Php\Credential\CredentialOpener;
use Netresearch\NrVault\Transport\Php\Credential\RequestDraft;
use Netresearch\NrVault\Transport\Php\Credential\Redactor;
use Netresearch\NrVault\Transport\Php\Credential\RequestChanges;
use Netresearch\NrVault\Transport\Php\Keys\Keyring;
use Netresearch\NrVault\Transport\Php\Policy\InternalHosts;
use Netresearch\NrVault\Transport\Php\Policy\PolicyDecision;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\ResponseSpec;

/**
 * PhpTransport's handling of credentials compared with the library's: both send the same bytes, or refuse in the same words.
 */
final class PhpCredentialTest extends IntegrationTestCase
{
    private const SEED = 20261122;
    private const CASES = 2000;

    /** @var array<string, mixed> the headers of a request without a credential, by name */
    private static array $plain;

    public static function setUpBeforeClass(): void
    {
        parent::setUpBeforeClass();
        self::$plain = self::seen(self::transport()->send(self::spec([])))['headers'];
    }

    public function testPhpPlacesWhatTheLibrarySends(): void
    {
        $cases = new RandomCredentials(self::SEED, self::CANARY, substr(self::$upstream->url(), 8, -3));
        $counted = [];
        for ($number = 0; $number < self::CASES; $number++) {
            $code = self::compare(self::spec($cases->next()), 'case ' . $number);
            $counted[$code] = ($counted[$code] ?? 0) + 1;
        }
        // Random cases are worth little unless each of these outcomes is frequent among them.
        foreach (
            ['200' => 300, 'credential.payload_invalid' => 200, 'credential.unusable' => 100,
                'credential.placement_conflict' => 30, 'policy.header_not_allowed' => 20,
                'invalid_request.malformed' => 100] as $code => $least
        ) {
            self::assertGreaterThan($least, $counted[$code] ?? 0, 'cases that end in ' . $code);
        }
    }

    public function testPhpReadsEveryMomentAsTheLibraryDoes(): void
    {
        $codes = [];
        foreach (RandomCredentials::MOMENTS as $moment) {
            $payload = '{"token":"' . self::CANARY . '","binding":{"expires_at":' . $moment . '}}';
            $codes[] = self::compare(self::spec(['credentials' => [['bearer', $payload, null]]]), $moment);
        }
        self::assertEqualsCanonicalizing(
            ['200', 'credential.expired', 'credential.payload_invalid'],
            array_values(array_unique($codes)),
        );
    }

    public function testPhpReadsEveryJsonValueAsTheLibraryDoes(): void
    {
        $codes = [];
        foreach (RandomCredentials::JSON_VALUES as $value) {
            foreach (['{"token":%s}', '{"token":"t","binding":%s}', '{"token":"t","type":%s}'] as $form) {
                $case = ['credentials' => [['bearer', sprintf($form, $value), null]]];
                $codes[] = self::compare(self::spec($case), sprintf($form, $value));
            }
            foreach (['{"a":%s}', "{ \"a\" :\n%s,\"b\":[[%1\$s]]} ", '{"a":{"b":%s}}', '{"a":[{},%s,{"x":[]}]}'] as $form) {
                $body = sprintf($form, $value);
                $codes[] = self::compare(self::spec([
                    'headers' => [['content-type', 'application/json']],
                    'body' => $body,
                    'credentials' => [['secret', self::CANARY, Placement::bodyField('key')]],
                ]), $body);
                // A secret may be any text, except a JSON object that has the "type" of another credential.
                $codes[] = self::compare(self::spec([
                    'credentials' => [['secret', '{"type":"basic",' . substr($body, 1), Placement::query('key')]],
                ]), $body);
            }
        }
        self::assertEqualsCanonicalizing(
            ['200', 'credential.payload_invalid', 'credential.unusable', 'invalid_request.malformed'],
            array_values(array_unique($codes)),
        );
    }

    /**
     * @return string the code, or "200"
     */
    private static function compare(RequestSpec $spec, string $case): string
    {
        try {
            $response = self::transport()->send($spec);
        } catch (OutboundException $refusal) {
            $response = $refusal;
        }
        try {
            $changes = self::place($spec);
        } catch (OutboundException $refusal) {
            self::assertShowsNoSecret($refusal);
            self::assertInstanceOf(OutboundException::class, $response, $case . ': ' . $refusal->getMessage());
            self::assertSame($response->errorCode(), $refusal->errorCode(), $case . ': ' . $response->getMessage());
            self::assertSame($response->getMessage(), $refusal->getMessage(), $case);
            return $refusal->errorCode();
        }
        self::assertInstanceOf(ResponseSpec::class, $response, $case . ': ' . self::message($response));
        self::assertShowsNoSecret($changes);
        self::assertSameRequest($spec, $changes, self::seen($response), $case);
        return '200';
    }

    private static function message(mixed $response): string
    {
        return $response instanceof OutboundException ? $response->getMessage() : '';
    }

    /** What PhpTransport does with a request before it connects. */
    private static function place(RequestSpec $spec): RequestChanges
    {
        $hosts = InternalHosts::read(self::$upstream->config()['internal_hosts']);
        $admitted = (new PolicyDecision($hosts, 1 << 20))->decide($spec, $spec->references());
        BodyKind::check($spec->references(), $admitted->headers, $spec->body);
        $credentials = self::opener()->open($spec->credentials);
        foreach ($credentials as $index => $credential) {
            $identifier = $spec->credentials[$index]->reference->identifier;
            $credential->binding?->check($identifier, $admitted->target, $admitted->method, new \DateTimeImmutable());
        }
        return CredentialInjector::inject($credentials, new RequestDraft($admitted->headers, $admitted->target->query, $spec->body));
    }

    /**
     * @param array<string, mixed> $seen
     */
    private static function assertSameRequest(RequestSpec $spec, RequestChanges $changes, array $seen, string $case): void
    {
        $query = $changes->query?->expose() ?? (string) parse_url((string) $spec->url, PHP_URL_QUERY);
        self::assertSame('/v1/echo' . ($query === '' ? '' : '?' . $query), rtrim($seen['uri'], '?'), $case);
        self::assertSame($changes->body?->expose() ?? $spec->body, base64_decode($seen['body'], true), $case);

        $expected = [];
        foreach ($changes->headers as [$name, $value]) {
            $expected[$name] = mb_convert_encoding($value->expose(), 'UTF-8', 'ISO-8859-1');
        }
        $own = array_map(strtolower(...), array_column($spec->headers, 0));
        $received = array_diff_key($seen['headers'], self::$plain + array_flip($own));
        ksort($expected);
        ksort($received);
        self::assertSame($expected, $received, $case);
    }

    public function testPhpRedactsWhatTheLibraryRedacts(): void
    {
        $secret = "s3 c/t+\xFB\xFF?" . self::CANARY;
        $redacted = 0;
        foreach (self::spellings($secret) as $number => $query) {
            $credential = self::seal('secret', $secret, Placement::header('X-Key'));
            $spec = self::spec(['query' => $query, 'credentials' => []], '/reflect')->withCredentials([$credential]);
            $headers = array_column(self::transport()->send($spec)->headers, 1, 0);
            $changes = CredentialInjector::inject(self::opener()->open([$credential]), new RequestDraft());

            $value = '/elsewhere?' . $query;
            $actual = $changes->redactor->finds($value) ? Redactor::REDACTED : $value;
            self::assertSame($headers['location'], $actual, $number . ' ' . $query);
            $redacted += (int) ($actual === Redactor::REDACTED);
        }
        self::assertGreaterThan(60, $redacted);
        self::assertLessThan($number - 60, $redacted);
    }

    public function testOfAPairPhpRedactsTheHalfThatTheLibraryRedacts(): void
    {
        $redacted = [];
        foreach (['long-key', 'abcd', 'abc', 'x', ''] as $password) {
            $credential = self::seal('basic', ['username' => 'user-name', 'password' => $password]);
            foreach (['user-name', $password . '/', 'user-name:' . $password, 'other'] as $number => $text) {
                $spec = self::spec(['query' => 'a=' . $text], '/reflect')->withCredentials([$credential]);
                $headers = array_column(self::transport()->send($spec)->headers, 1, 0);
                $changes = CredentialInjector::inject(self::opener()->open([$credential]), new RequestDraft());

                $expected = $headers['location'] === '[redacted]';
                self::assertSame($expected, $changes->redactor->finds('/elsewhere?a=' . $text), $password . ' ' . $number);
                self::assertSame('[redacted]', $headers['x-reflected']);
                $redacted[] = (int) $expected;
            }
        }
        self::assertSame('01100110101010101010', implode('', $redacted));
    }

    /**
     * Queries that hold the secret in each encoding, and queries that hold all of it but one byte.
     *
     * @return list<string>
     */
    private static function spellings(#[\SensitiveParameter] string $secret): array
    {
        $whole = [];
        foreach ([$secret, substr($secret, 1), substr($secret, 0, -1)] as $text) {
            $encoded = rawurlencode($text);
            array_push($whole, $encoded, rawurlencode($encoded), rawurlencode(rawurlencode($encoded)));
            $whole[] = rawurlencode(rawurlencode(rawurlencode($encoded)));
            $whole[] = strtolower($encoded);
            $whole[] = urlencode($text);
            $whole[] = strtr($encoded, ['%2B' => '+']);
            $whole[] = '%' . implode('%', str_split(bin2hex($text), 2));
            for ($before = 0; $before < 4; $before++) {
                for ($after = 0; $after < 4; $after++) {
                    $base64 = base64_encode(substr("\xA5\x5A\xFF\x00", 0, $before) . $text . substr('abcd', 0, $after));
                    array_push($whole, $base64, rtrim(strtr($base64, '+/', '-_'), '='), rawurlencode($base64));
                }
            }
        }
        return array_map(static fn (string $text): string => 'x=1&y=' . $text . '&z', $whole);
    }

    /**
     * @param array<string, mixed> $case
     */
    private static function spec(array $case, string $path = '/echo'): RequestSpec
    {
        $query = $case['query'] ?? '';
        $credentials = [];
        foreach ($case['credentials'] ?? [] as $index => [$type, $payload, $placement]) {
            $credentials[] = self::seal($type, $payload, $placement, 'id_' . $index);
        }
        return new RequestSpec(
            'test',
            'POST',
            new Policy(['GET', 'POST']),
            self::$upstream->url(),
            url: self::$upstream->url() . $path . ($query === '' ? '' : '?' . $query),
            headers: $case['headers'] ?? [],
            body: $case['body'] ?? '',
            credentials: $credentials,
        );
    }

    private static function opener(): CredentialOpener
    {
        return new CredentialOpener(Keyring::open([['provider' => 'raw', 'key_base64' => self::masterKey()]]));
    }
}
