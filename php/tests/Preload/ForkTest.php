<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Host;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Server\HoldingServer;
use PHPUnit\Framework\TestCase;

/**
 * pcntl_fork by a process that has an open connection; its children send and end while their parent is in a call.
 *
 * @group root
 */
final class ForkTest extends TestCase
{
    private const CHILDREN = 3;

    /**
     * @return array<string, array{string}>
     */
    public static function versions(): array
    {
        return ['HTTP/1.1' => ['1.1'], 'HTTP/2' => ['2']];
    }

    /**
     * @dataProvider versions
     */
    public function testChildrenSendWhileTheirParentIsInACall(string $http): void
    {
        $host = new Host();
        $server = new HoldingServer($http);
        $server->holdTheSecond();
        [$go, $replies] = [$host->directory->path . '/go', $host->directory->path . '/replies'];
        $input = ['children' => self::CHILDREN, 'go' => $go, 'replies' => $replies];
        $script = new Process(
            [PHP_BINARY, '-c', Host::iniFile($host->directory, []), $host->app . '/fork.php'],
            $host->directory->path . '/output',
            ['SECURE_OUTBOUND_LIBRARY' => $host->installation->library] + Host::ONLY_THIS_INI,
            input: json_encode($input + json_decode($host->input($server), true), JSON_THROW_ON_ERROR),
        );
        $server->waitUntilHeld();
        touch($go);
        // Each child and each grandchild has its own connection, which is closed when it ends; the parent's connection stays open.
        $server->waitUntilClosed(2 * self::CHILDREN);
        self::assertSame(2, $server->requests()[0], 'the parent is still in its call');
        $server->release();

        self::assertSame(0, $script->exitCode(), $script->log());
        $answer = json_decode($script->log(), true);
        $reply = static fn (bool $reused): array => ['status' => 200, 'reused' => $reused];
        self::assertSame([$reply(false), $reply(true), $reply(true)], $answer['parent'], 'one connection for the parent');
        self::assertSame(array_fill(0, self::CHILDREN, 0), $answer['codes']);
        $files = glob($replies . '.*') ?: [];
        self::assertCount(2 * self::CHILDREN, $files);
        foreach ($files as $file) {
            $both = json_decode((string) file_get_contents($file), true);
            self::assertSame([$reply(false), $reply(true)], $both);
        }
        self::assertSame([3, ...array_fill(0, 2 * self::CHILDREN, 2)], $server->requests(), 'no request was sent twice');
        $server->stop();
        $host->remove();
    }
}
