<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Reachable;
use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;
use Netresearch\NrVault\Transport\SealedCredential;
use PHPUnit\Framework\TestCase;

/**
 * The built library, loaded into this process, against nginx on loopback.
 */
abstract class IntegrationTestCase extends TestCase
{
    /** Part of every secret that the tests seal, so that a leak of any of them is found. */
    protected const CANARY = 'c4n4ry-9b1f';

    protected static Upstream $upstream;
    private static \SensitiveParameterValue $masterKey;

    public static function setUpBeforeClass(): void
    {
        self::$upstream = new Upstream();
        self::$masterKey = new \SensitiveParameterValue(random_bytes(32));
    }

    public static function tearDownAfterClass(): void
    {
        self::$upstream->stop();
    }

    protected static function masterKey(): string
    {
        return base64_encode(self::$masterKey->getValue());
    }

    /**
     * A transport that trusts the upstream and has the master key.
     *
     * @param array<string, mixed> $more
     */
    protected static function transport(array $more = []): RustFfiTransport
    {
        $keys = ['master_keys' => [['provider' => 'raw', 'key_base64' => self::masterKey()]]];
        return new RustFfiTransport(self::$upstream->config($more + $keys), Build::library());
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

    /**
     * A request to the upstream; $more replaces arguments of RequestSpec by name.
     */
    protected static function request(string $path = '/echo', mixed ...$more): RequestSpec
    {
        return new RequestSpec(...$more + [
            'serviceId' => 'test',
            'method' => 'POST',
            'policy' => new Policy(['GET', 'POST']),
            'baseUrl' => self::$upstream->url(),
            'path' => $path,
        ]);
    }

    /**
     * The request as the upstream received it, read from its response.
     *
     * @return array<string, mixed>
     */
    protected static function seen(ResponseSpec $response): array
    {
        return json_decode($response->body, true);
    }

    /**
     * The exception that the request ends in, after asserting its code and that it shows no secret.
     */
    protected static function failure(
        string $code,
        RequestSpec $request,
        ?RustFfiTransport $transport = null,
    ): OutboundException {
        try {
            $response = ($transport ?? self::transport())->send($request);
        } catch (OutboundException $exception) {
            self::assertSame($code, $exception->errorCode(), $exception->getMessage());
            self::assertShowsNoSecret($exception);
            return $exception;
        }
        self::fail('The request was answered with ' . $response->status . ' instead of ' . $code);
    }

    /** Asserts that no dump of the value, no value inside it and no frame of an exception shows a secret, a key or an envelope. */
    protected static function assertShowsNoSecret(mixed $value): void
    {
        if ($value instanceof \Throwable) {
            self::assertNull($value->getPrevious());
            $texts = [(string) $value, ...Reachable::strings(Reachable::frames($value, __NAMESPACE__))];
        } else {
            $texts = [print_r($value, true), ...Reachable::strings($value)];
        }
        $text = implode("\n", $texts);
        $key = self::$masterKey->getValue();
        foreach ([self::CANARY, base64_encode(self::CANARY), base64_encode($key), $key, 'nrv1:eyJ'] as $secret) {
            self::assertStringNotContainsString($secret, $text);
        }
    }
}
