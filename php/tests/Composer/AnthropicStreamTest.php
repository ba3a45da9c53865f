<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

use Anthropic\Client;
use GuzzleHttp\Psr7\HttpFactory;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider;
use Netresearch\NrVault\Outbound\Psr18\OutboundClientFactory;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Outbound\TransportFactory;
use PHPUnit\Framework\Attributes\TestWith;
use PHPUnit\Framework\TestCase;

/**
 * Events of Anthropic's SDK: each is there before the server writes the next.
 *
 * @group composer
 */
final class AnthropicStreamTest extends TestCase
{
    /**
     * @testWith ["rust"]
     *           ["php"]
     */
    #[TestWith(['rust'])]
    #[TestWith(['php'])]
    public function testEventsComeOneByOne(string $transport): void
    {
        $directory = new TempDir('anthropic');
        $server = new FaultServer($directory);
        $server->listen('plain');
        $event = static fn (int $number): string => "event: content_block_delta\ndata: " . json_encode([
            'type' => 'content_block_delta',
            'index' => 0,
            'delta' => ['type' => 'text_delta', 'text' => "word $number"],
        ]) . "\n\n";
        $steps = [['read'], FaultServer::write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")];
        foreach ([1, 2, 3] as $number) {
            array_push($steps, FaultServer::write($event($number)), ...($number < 3 ? [['hold']] : []));
        }
        $server->script('plain', $steps);
        try {
            $words = [];
            foreach (self::stream($server, $transport) as $given) {
                $words[] = $given->delta->text;
                $server->release('plain');
            }
            self::assertSame(['word 1', 'word 2', 'word 3'], $words);
        } finally {
            $server->stop();
            $directory->remove();
        }
    }

    /**
     * @return iterable<object>
     */
    private static function stream(FaultServer $server, string $transport): iterable
    {
        $url = 'http://localhost:' . $server->port('plain');
        $registry = new ArrayServiceRegistry(['llm' => [
            'base_url' => $url,
            'policy' => ['allowed_methods' => ['POST'], 'allow_http' => true],
            'placeholder_headers' => ['x-api-key', 'authorization'],
            'transport' => $transport,
        ]]);
        $transports = new TransportFactory([
            'version' => 1,
            'internal_hosts' => [['host' => 'localhost', 'networks' => ['127.0.0.0/8', '::1/128'], 'ports' => $server->ports()]],
        ], Build::library());
        $factory = new HttpFactory();
        $clients = new OutboundClientFactory(
            new ServiceCalls($registry, new ArrayCredentialProvider([]), $transports, new MemoryAuditSink()),
            $factory,
            $factory,
        );
        $client = new Client(apiKey: 'pl4ceh0lder', baseUrl: $url, requestOptions: [
            'transporter' => $clients->forService('llm'),
            'streamingTransporter' => $clients->forService('llm', stream: true),
            'maxRetries' => 0,
        ]);
        return $client->messages->createStream(
            maxTokens: 16,
            messages: [['role' => 'user', 'content' => 'Zoë']],
            model: 'claude-sonnet-5',
        );
    }
}
