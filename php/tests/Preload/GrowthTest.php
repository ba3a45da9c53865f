<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Support\MixedCalls;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Worker;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use PHPUnit\Framework\TestCase;

/**
 * The memory, descriptors and threads of a php-fpm worker do not grow with the number of its calls, some of which fail.
 *
 * SECURE_OUTBOUND_CALLS is the number of calls, for more than "make test" makes.
 *
 * @group root
 */
final class GrowthTest extends TestCase
{
    private const CALLS_OF_A_REQUEST = 500;
    private const WARM = 4;
    private const REQUESTS = 16;

    /** How much the resident memory may grow between the two measurements, in KiB. */
    private const NOISE = 1_024;

    /** At either measurement, an idle connection to each of the four ports may be open or not. */
    private const CONNECTIONS = 4;

    public function testAWorkerHoldsAfterManyCallsWhatItHeldWhenWarm(): void
    {
        $upstream = new Upstream();
        $worker = new Worker($upstream);
        $calls = (int) getenv('SECURE_OUTBOUND_CALLS');
        $requests = $calls > 0 ? intdiv($calls, self::CALLS_OF_A_REQUEST) : self::REQUESTS;
        $input = MixedCalls::input($upstream, self::CALLS_OF_A_REQUEST);

        $pid = self::make($worker, self::WARM, $input);
        $warm = self::held($pid);
        self::assertSame($pid, self::make($worker, $requests, $input), 'one worker made all calls');
        $end = self::held($pid);
        $worker->stop();
        $upstream->stop();

        if ($calls > 0) {
            fprintf(STDERR, "%s\n%s\n", json_encode($warm), json_encode($end));
        }
        self::assertLessThan(self::NOISE, $end['KiB'] - $warm['KiB'], json_encode([$warm, $end]));
        self::assertLessThanOrEqual(self::CONNECTIONS, $end['descriptors'] - $warm['descriptors']);
        self::assertSame([1, 1], [$warm['threads'], $end['threads']]);
    }

    /** Makes this number of PHP requests, and returns the process ID of the worker that had the last one. */
    private static function make(Worker $worker, int $requests, #[\SensitiveParameter] string $input): int
    {
        $pid = 0;
        for ($request = 0; $request < $requests; $request++) {
            $answer = $worker->run('calls.php', $input)->json();
            self::assertSame([], $answer['other'], 'expected, and what came');
            self::assertSame(self::CALLS_OF_A_REQUEST, $answer['calls']);
            $pid = $answer['pid'];
        }
        return $pid;
    }

    /**
     * @return array{KiB: int, descriptors: int, threads: int}
     */
    private static function held(int $pid): array
    {
        preg_match('/^VmRSS:\s+(\d+) kB$/m', (string) file_get_contents('/proc/' . $pid . '/status'), $resident);
        return [
            'KiB' => (int) $resident[1],
            'descriptors' => count(glob('/proc/' . $pid . '/fd/*') ?: []),
            'threads' => count(glob('/proc/' . $pid . '/task/*') ?: []),
        ];
    }
}
