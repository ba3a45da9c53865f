<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

use GuzzleHttp\Promise\Utils as Promises;
use Netresearch\NrVault\Outbound\Tests\Support\Server\FaultServer;

/**
 * @group composer
 */
final class GuzzleStreamOnRustTest extends GuzzleStreamTestCase
{
    protected function transport(): string
    {
        return 'rust';
    }

    /** The first response is held until each request has begun. */
    public function testPromisesShareAConnectionOfHttp2(): void
    {
        self::$server->answers('h2', [['hold'], FaultServer::answer(body: 'first')], [FaultServer::answer(body: 'more')]);
        $client = $this->client('h2');
        $promises = array_map(static fn (int $number) => $client->getAsync((string) $number), range(1, 50));
        self::$server->release('h2');

        self::assertCount(50, Promises::unwrap($promises));
        self::assertCount(1, self::$server->seen('h2'));
        self::assertCount(50, self::$server->requests('h2'));
    }
}
