<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\NativeLibrary;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;

/**
 * Engines, keys and connections over several calls of one process.
 */
final class EngineTest extends IntegrationTestCase
{
    public function testAConnectionIsKeptBetweenTransportsOfOneConfiguration(): void
    {
        $user = ['user_agent' => __METHOD__];
        $first = self::transport($user)->send(self::request());
        $second = self::transport($user)->send(self::request());
        $other = self::transport(['user_agent' => 'other'])->send(self::request());

        self::assertFalse($first->audit['connection_reused']);
        self::assertTrue($second->audit['connection_reused']);
        self::assertSame(self::seen($first)['port'], self::seen($second)['port']);
        self::assertFalse($other->audit['connection_reused'], 'another configuration shares no connection');
        self::assertNotSame(self::seen($first)['port'], self::seen($other)['port']);
    }

    public function testAnEngineThatOthersHaveDisplacedIsOpenedAgain(): void
    {
        $transport = self::transport(['user_agent' => __METHOD__]);
        self::assertSame(200, $transport->send(self::request())->status);
        for ($i = 0; $i < 16; $i++) {
            self::transport(['user_agent' => __METHOD__ . $i])->open();
        }
        $response = $transport->send(self::request());

        self::assertSame(200, $response->status);
        self::assertFalse($response->audit['connection_reused'], 'it is a new engine');
    }

    public function testMaterialOfAKeyIsBuiltOnceInAProcess(): void
    {
        $built = 0;
        $key = self::masterKey();
        $keys = [['id' => __METHOD__, 'material' => static function () use (&$built, $key): array {
            $built++;
            return ['provider' => 'raw', 'key_base64' => $key];
        }]];
        $credential = self::seal('bearer', ['token' => self::CANARY]);
        for ($i = 0; $i < 3; $i++) {
            $response = self::transport(['master_keys' => $keys])->send(self::request(credentials: [$credential]));
            self::assertSame('Bearer ' . self::CANARY, self::seen($response)['headers']['authorization']);
        }

        self::assertSame(1, $built);
        self::assertTrue($response->audit['connection_reused']);
    }

    public function testMaterialThatIsNoArrayIsRefused(): void
    {
        $keys = [['id' => __METHOD__, 'material' => static fn (): string => self::CANARY]];
        $failure = self::failure('configuration.invalid', self::request(), self::transport(['master_keys' => $keys]));

        self::assertSame('no', $failure->sent());
    }

    public function testAMisspeltKeyOfTheConfigurationIsRefused(): void
    {
        self::failure('configuration.invalid', self::request(), self::transport(['master_key' => []]));
    }

    public function testAKeyFileThatOthersCanReadIsWarnedOf(): void
    {
        $directory = new TempDir('key');
        $file = $directory->write('vault.key', self::masterKey(), 0644);
        $warnings = self::transport(['master_keys' => [['provider' => 'file', 'path' => $file]]])->open();
        $directory->remove();

        self::assertNotSame([], $warnings);
        self::assertSame(['code', 'message'], array_keys($warnings[0]));
        self::assertShowsNoSecret($warnings);
    }

    public function testADumpOfTheTransportShowsNoKey(): void
    {
        $transport = self::transport();
        $transport->open();

        self::assertShowsNoSecret($transport);
        self::assertShowsNoSecret((array) $transport);
    }

    public function testAFailedOpenShowsNoKey(): void
    {
        $keys = [['provider' => 'raw', 'key_base64' => base64_encode(self::CANARY)]];

        self::failure('configuration.invalid', self::request(), self::transport(['master_keys' => $keys, 'x' => 1]));
    }

    public function testTextThatIsNotUtf8IsRefused(): void
    {
        self::failure('configuration.invalid', self::request(), self::transport(['user_agent' => "\xFF"]));
        self::failure('invalid_request.malformed', self::request("/caf\xE9"));
    }

    public function testTheNativeStatusesOfMisuse(): void
    {
        NativeLibrary::bind(Build::library());

        self::assertSame(NativeLibrary::UNKNOWN_ENGINE, NativeLibrary::send(0, '{}', '', '')['status']);
        self::assertSame(NativeLibrary::UNKNOWN_ENGINE, NativeLibrary::send(-1, '{}', '', '')['status']);
        self::assertSame(NativeLibrary::UNKNOWN_ENGINE, NativeLibrary::send(2 ** 60, '{}', '', '')['status']);
        self::assertSame(NativeLibrary::UNKNOWN_ENGINE, NativeLibrary::close(0));
        $opened = NativeLibrary::open('{"version":1}');
        self::assertSame(NativeLibrary::OK, $opened['status']);
        self::assertSame(NativeLibrary::OK, NativeLibrary::close($opened['engine']));
        self::assertSame(NativeLibrary::UNKNOWN_ENGINE, NativeLibrary::close($opened['engine']));
        self::assertMatchesRegularExpression('/^\d+\.\d+\.\d+/', NativeLibrary::version());
    }

    public function testResultsAreFreed(): void
    {
        $transport = self::transport();
        $body = str_repeat('x', 100_000);
        $call = static function () use ($transport, $body): void {
            try {
                $transport->send(new RequestSpec('test', 'POST', null, self::$upstream->url(), body: $body));
            } catch (OutboundException) {
            }
            $transport->send(self::request('/bytes/100000'));
        };
        for ($i = 0; $i < 50; $i++) {
            $call();
        }
        $before = self::resident();
        for ($i = 0; $i < 500; $i++) {
            $call();
        }

        // 500 leaked bodies would be 50 MB.
        self::assertLessThan($before + 10_000, self::resident(), 'KiB');
    }

    public function testAnotherLibraryFileIsNotTakenForTheBoundOne(): void
    {
        self::transport()->open();
        $directory = new TempDir('second');
        $copy = $directory->write('libsecure_outbound.so', (string) file_get_contents(Build::library()));
        $failure = self::failure(
            'configuration.transport_unavailable',
            self::request(),
            new RustFfiTransport(self::$upstream->config(), $copy),
        );
        $directory->remove();

        self::assertStringContainsString('another library file is bound', $failure->getMessage());
    }

    /** Resident memory of this process in KiB. */
    private static function resident(): int
    {
        preg_match('/^VmRSS:\s+(\d+)/m', (string) file_get_contents('/proc/self/status'), $match);
        return (int) $match[1];
    }
}
