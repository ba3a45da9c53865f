<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Client;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\TestCase;

/**
 * The caller in an audit record is the code outside this library that made the call.
 */
final class CallerTest extends TestCase
{
    private const SCRIPT = <<<'PHP'
        <?php
        require '%s/tests/bootstrap.php';
        use Netresearch\NrVault\Outbound\Testing\{FakeCredentialProvider, FakeTransport, MemoryAuditSink};
        $registry = new Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry(['my-api' => [
            'base_url' => 'https://api.example.com', 'policy' => ['allowed_methods' => ['GET']],
        ]]);
        $audit = new MemoryAuditSink();
        $transport = (new FakeTransport())->respond()->respond()->respond()->respond()->respond();
        $calls = new Netresearch\NrVault\Outbound\Call\ServiceCalls($registry, new FakeCredentialProvider(), $transport, $audit);
        $client = new Netresearch\NrVault\Service\SecureHttpClient($calls);
        $client->request('my-api', 'GET', '/');
        function in_a_function($client, $argument) { $client->request('my-api', 'GET', '/'); }
        in_a_function($client, 'hunter2');
        final class InAClass { function method($client) { $client->request('my-api', 'GET', '/'); } }
        (new InAClass())->method($client);
        (new class { function method($client) { $client->request('my-api', 'GET', '/'); } })->method($client);
        // More frames of the library than are looked at first.
        eval('namespace Netresearch\NrVault\Outbound; final class Deep { static function call($client, $more) {
            $more > 0 ? self::call($client, $more - 1) : $client->request("my-api", "GET", "/"); } }');
        function behind_many_frames($client) { Netresearch\NrVault\Outbound\Deep::call($client, 20); }
        behind_many_frames($client);
        echo json_encode(array_column($audit->entries(), 'caller'));
        PHP;

    public function testItIsTheFirstFrameOutside(): void
    {
        $directory = new TempDir('caller');
        $script = $directory->write('script.php', sprintf(self::SCRIPT, Build::php()));
        $result = Process::run([PHP_BINARY, $script]);
        $directory->remove();

        self::assertSame(
            ['script.php:11', 'in_a_function', 'InAClass::method', 'class@anonymous::method', 'behind_many_frames'],
            json_decode($result['output'], true),
            $result['output'],
        );
    }
}
