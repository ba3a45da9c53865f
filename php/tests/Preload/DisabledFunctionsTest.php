<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Host;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Worker;
use Netresearch\NrVault\Outbound\Tests\Support\Server\HoldingServer;
use PHPUnit\Framework\TestCase;

/**
 * Functions in a host's disable_functions: a call that needs one is refused before it begins, and the message names it.
 *
 * @group root
 */
final class DisabledFunctionsTest extends TestCase
{
    private const REFUSED = 'policy.address_not_allowed';

    private Host $host;

    protected function setUp(): void
    {
        $this->host = new Host();
    }

    protected function tearDown(): void
    {
        $this->host->remove();
    }

    public function testWithAllOfThemEveryCallIsJudged(): void
    {
        self::assertSame(
            [self::REFUSED, self::REFUSED, self::REFUSED, self::REFUSED, self::REFUSED, 'records: 3'],
            $this->ends(''),
        );
    }

    /**
     * @return iterable<string, array{string}>
     */
    public static function functionsOfPhpTransport(): iterable
    {
        $names = ['curl_multi_exec', 'curl_setopt_array', 'socket_addrinfo_lookup', 'hash_hkdf', 'inflate_add', 'usleep',
            'sodium_crypto_aead_xchacha20poly1305_ietf_decrypt'];
        foreach ($names as $name) {
            yield $name => [$name];
        }
    }

    /**
     * @dataProvider functionsOfPhpTransport
     */
    public function testPhpTransportNamesWhatItLacks(string $name): void
    {
        $lacks = "configuration.transport_unavailable $name";
        $expected = [self::REFUSED, $lacks, self::REFUSED, $lacks, self::REFUSED, 'records: 3'];
        self::assertSame($expected, $this->ends($name));
    }

    /**
     * @return iterable<string, array{string, int}>
     */
    public static function functionsOfEveryCall(): iterable
    {
        yield 'needed for the record too' => ['hrtime', 0];
        yield 'for the identity of the caller' => ['debug_backtrace', 0];
        yield 'for the query' => ['http_build_query', 3];
        yield 'for looking' => ['ini_get', 3];
    }

    /**
     * @dataProvider functionsOfEveryCall
     */
    public function testEveryTransportNamesWhatACallNeeds(string $name, int $records): void
    {
        $lacks = "configuration.transport_unavailable $name";
        self::assertSame([$lacks, $lacks, $lacks, $lacks, $lacks, 'records: ' . $records], $this->ends($name));
    }

    /** Functions that hardening guides tell to disable, and that a call does not need. */
    public function testWhatACallCanDoWithoutIsNotMissed(): void
    {
        $all = 'getmypid,memory_get_usage,register_shutdown_function,ini_parse_quantity,sodium_memzero,exec,shell_exec,'
            . 'set_time_limit,ini_set,php_uname,phpinfo,mail,symlink,proc_open';
        self::assertSame(
            [self::REFUSED, self::REFUSED, self::REFUSED, self::REFUSED, self::REFUSED, 'records: 3'],
            $this->ends($all),
        );
    }

    /** php-fpm disables the functions that a pool names in another way than those that php.ini names. */
    public function testAPoolMayTakeThemAwayToo(): void
    {
        $server = new HoldingServer('1.1');
        $worker = new Worker($server, extensions: ['curl', 'sockets'], pool: ['php_admin_value[disable_functions]' => 'usleep']);
        $input = ['config' => $server->config(), 'base_url' => $server->url(), 'transport' => 'php', 'log' => '/nowhere/a'];
        $answer = $worker->run('left.php', (string) json_encode($input + ['ways' => []]))->json();
        $worker->stop();
        $server->stop();

        self::assertSame('configuration.transport_unavailable no ', $answer['came']);
    }

    /**
     * The code of each call, followed by the functions that its message names.
     *
     * @return list<string>
     */
    private function ends(string $disabled): array
    {
        $result = Process::run(
            [PHP_BINARY, '-d', 'disable_functions=' . $disabled, $this->host->app . '/disabled.php'],
            ['SECURE_OUTBOUND_LIBRARY' => $this->host->installation->library],
        );
        $ends = [];
        foreach (explode("\n", trim($result['output'])) as $line) {
            $found = preg_match('/^[a-z, ]+: .*?(?:need(?:s|ed)?: ([a-z0-9_, ]+); .*)?\[([a-z_.]+)\]$/', $line, $match) === 1;
            $ends[] = $found ? trim($match[2] . ' ' . $match[1]) : $line;
        }
        return $ends;
    }
}
