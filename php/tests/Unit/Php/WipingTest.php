<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Credential\Credential;
use Netresearch\NrVault\Transport\Php\Credential\CredentialInjector;
use Netresearch\NrVault\Transport\Php\Credential\RequestDraft;
use Netresearch\NrVault\Transport\Php\Credential\Payload;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\Secret\Secret;
use PHPUnit\Framework\TestCase;

/**
 * What remains of a credential in the process that opened it.
 */
final class WipingTest extends TestCase
{
    private const CHUNK = 1 << 20;

    public function testNothingRemainsOfAnythingThatWasOpened(): void
    {
        $canary = bin2hex(random_bytes(12));
        $key = random_bytes(32);
        $sealer = new Sealer($key);
        $bearer = '{"token":"' . $canary . '\/"}';
        $cases = [
            'bearer' => ['bearer', null, $bearer],
            'escapes' => ['bearer', null, '{"token":"' . str_repeat('\u0061', 500) . $canary . '"}'],
            'half a pair' => ['bearer', null, '{"token":"' . str_repeat('\u0061', 500) . $canary . '\ud800"}'],
            'api_key' => ['api_key', null, '{"prefix":"' . $canary . '","key":"' . $canary . '"}'],
            'basic' => ['basic', null, '{"username":"' . $canary . '","password":"' . $canary . '"}'],
            'secret as basic' => ['secret', 'basic', 'user:' . $canary],
            'bound secret' => ['secret', 'bearer', '{"type":"secret","secret":"' . $canary . '\/","binding":{"hosts":["a.b"]}}'],
            'secret bound wrong' => ['secret', 'bearer', '{"type":"secret","secret":"' . $canary . '\/","binding":{"host":[]}}'],
            'query' => ['secret', ['type' => 'query', 'name' => 'key'], $canary . ' "'],
            'body' => ['secret', ['type' => 'body_field', 'name' => 'key'], $canary . ' "'],
            'unusable' => ['bearer', null, '{"token":"' . $canary . '\n"}'],
            'unusable pair' => ['secret', 'basic', 'user:' . $canary . "\n"],
            'conflict' => ['secret', ['type' => 'body_field', 'name' => 'taken'], $canary],
            'invalid' => ['bearer', null, '{"tokens":"' . $canary . '"}'],
            'typed as secret' => ['secret', 'bearer', $bearer . ' '],
            'another identifier' => ['bearer', null, $bearer],
            'no envelope' => ['bearer', null, ''],
        ];
        $directory = new TempDir('wiping');
        $keyFile = $directory->write('key', str_repeat(' ', 3000) . base64_encode($key), 0400);
        $refused = [
            'half a pair',
            'unusable',
            'unusable pair',
            'conflict',
            'invalid',
            'typed as secret',
            'secret bound wrong',
            'another identifier',
            'no envelope',
        ];
        foreach ($cases as $name => [$type, $placement, $payload]) {
            $task = [
                'sealed' => match ($name) {
                    'no envelope' => 'nrv1',
                    'another identifier' => $sealer->seal('my_other_key', $payload),
                    default => $sealer->seal('my_api_key', $payload),
                },
                'type' => $type,
                'placement' => $placement,
                'key' => $keyFile,
            ];
            // A host may have disabled the function, or lack its extension.
            foreach (['', 'sodium_memzero'] as $disabled) {
                [$held, $left, $keys] = self::observe($task, $canary, [$key, base64_encode($key)], $disabled);
                $after = ' after ' . $name . ' without [' . $disabled . ']';
                self::assertSame(0, $left, 'copies of the secret' . $after);
                self::assertSame(0, $keys, 'copies of the key' . $after);
                self::assertSame(!in_array($name, $refused, true), $held > 0, 'copies before' . $after . ': ' . $held);
            }
        }
        $directory->remove();
    }

    public function testARefusalWipesWhatItRefuses(): void
    {
        $draft = new RequestDraft([['authorization', 'mine']]);
        $secrets = [new Secret('{"token":"t"}'), new Secret('key'), new Secret('{"key":"k","prefix":"p"}')];
        $credentials = [
            Payload::read(new CredentialReference('id', 'secret', Placement::query('key')), $secrets[1]),
            Payload::read(new CredentialReference('id', 'api_key'), $secrets[2]),
            Payload::read(new CredentialReference('id', 'bearer'), $secrets[0]),
        ];
        self::assertWiped($secrets[0], $secrets[2]);
        self::assertSame('key', $secrets[1]->expose());
        try {
            CredentialInjector::inject($credentials, $draft);
            self::fail('The header was taken.');
        } catch (OutboundException $refusal) {
            self::assertSame('policy.header_not_allowed', $refusal->errorCode());
        }
        $held = array_map(
            static fn (Credential $credential): array => [$credential->secret, $credential->prefix],
            $credentials,
        );
        self::assertWiped(...array_filter(array_merge(...$held)));
    }

    public function testThePlacedIsWipedApartFromItsRedactor(): void
    {
        $credentials = [
            Payload::read(new CredentialReference('id', 'secret', Placement::header('x-key')), new Secret('s3cr3t-1')),
            Payload::read(new CredentialReference('id', 'secret', Placement::query('q')), new Secret('s3cr3t-2')),
            Payload::read(new CredentialReference('id', 'secret', Placement::bodyField('b')), new Secret('s3cr3t-3')),
        ];
        $placed = CredentialInjector::inject($credentials, new RequestDraft([['content-type', 'application/json']]));
        $sent = [$placed->headers[0][1], $placed->query, $placed->body];
        self::assertSame(['s3cr3t-1', 'q=s3cr3t-2', '{"b":"s3cr3t-3"}'], array_map(
            static fn (Secret $secret): string => $secret->expose(),
            $sent,
        ));
        $placed->wipe();
        self::assertWiped(...$sent);
        self::assertTrue($placed->redactor->finds('a s3cr3t-3 b'));
        $placed->redactor->wipe();
        self::assertFalse($placed->redactor->finds('a s3cr3t-3 b'));
        self::assertWiped($credentials[0]->secret, $credentials[1]->secret, $credentials[2]->secret);
    }

    private static function assertWiped(Secret ...$secrets): void
    {
        foreach ($secrets as $index => $secret) {
            try {
                $secret->expose();
                self::fail('Secret ' . $index . ' is still there.');
            } catch (\LogicException $gone) {
                self::assertStringContainsString('wiped', $gone->getMessage());
            }
        }
    }

    /**
     * @param array<string, mixed> $task
     * @param list<string> $keys the key as the process reads it, and as it uses it
     * @return array{int, int, int} copies of the secret while it is used and after its release, and copies of the key after that
     */
    private static function observe(array $task, string $canary, array $keys, string $disabled): array
    {
        $process = proc_open(
            [
                PHP_BINARY,
                '-d',
                'zend.exception_ignore_args=0',
                '-d',
                'disable_functions=' . $disabled,
                __DIR__ . '/../../Support/Memory/open-and-wait.php',
            ],
            [['pipe', 'r'], ['pipe', 'w'], ['redirect', 1]],
            $pipes,
        );
        self::assertIsResource($process);
        try {
            fwrite($pipes[0], json_encode($task) . "\n");
            self::assertSame("placed\n", fgets($pipes[1]));
            $pid = proc_get_status($process)['pid'];
            $held = self::copies($pid, $canary);
            fwrite($pipes[0], "on\n");
            self::assertSame("wiped\n", fgets($pipes[1]));
            $left = array_map(static fn (string $key): int => self::copies($pid, $key), $keys);
            return [$held, self::copies($pid, $canary), array_sum($left)];
        } finally {
            array_map(fclose(...), $pipes);
            proc_close($process);
        }
    }

    /** How often the bytes are in the writable memory of a process. */
    private static function copies(int $pid, string $bytes): int
    {
        $memory = fopen('/proc/' . $pid . '/mem', 'r');
        self::assertIsResource($memory);
        stream_set_read_buffer($memory, 0);
        $found = 0;
        foreach (file('/proc/' . $pid . '/maps') ?: [] as $line) {
            if (preg_match('/^([0-9a-f]+)-([0-9a-f]+) rw/', $line, $range) !== 1) {
                continue;
            }
            [$at, $end] = [(int) hexdec($range[1]), (int) hexdec($range[2])];
            for (; $at < $end; $at += self::CHUNK) {
                // Guard pages and the like cannot be read, and hold nothing.
                fseek($memory, $at);
                $chunk = @fread($memory, min(self::CHUNK + strlen($bytes), $end - $at));
                $found += substr_count((string) $chunk, $bytes);
            }
        }
        fclose($memory);
        return $found;
    }
}
