<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Client;

use Netresearch\NrVault\Outbound\ServiceApi;
use Netresearch\NrVault\Service\SecureHttpClientInterface;
use Netresearch\NrVault\Service\SecureHttpResponse;

/**
 * The client's methods that are named after HTTP methods, and test doubles of the client.
 */
final class ServiceApiTest extends ClientTestCase
{
    private const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

    public function testEachMethodIsARequest(): void
    {
        $client = $this->client(['policy' => ['allowed_methods' => self::METHODS]]);
        $api = new ServiceApi($client, 'my-api');
        foreach (self::METHODS as $index => $method) {
            $this->transport->respond(200 + $index)->respond(200 + $index);
            $name = strtolower($method);
            $options = ['query' => ['a' => '1'], 'idempotencyKey' => 'key'];

            self::assertSame(200 + $index, $client->$name('my-api', '/x', $options)->statusCode());
            self::assertSame(200 + $index, $api->$name('/x', $options)->statusCode());
        }
        foreach ($this->transport->requests() as $index => $request) {
            self::assertSame(['my-api', '/x', [['a', '1']], 'key'], [
                $request->serviceId, $request->path, $request->query, $request->idempotencyKey,
            ]);
            self::assertSame(self::METHODS[intdiv($index, 2)], $request->method);
        }
        $callers = array_column($this->audit->entries(), 'caller');
        self::assertSame([self::class . '::' . __FUNCTION__], array_values(array_unique($callers)));
    }

    public function testADoubleOfTheClientAnswersWhatIsMade(): void
    {
        $client = $this->createMock(SecureHttpClientInterface::class);
        $client->expects(self::once())->method('request')
            ->with('my-api', 'POST', '/resources', ['json' => ['a' => 1]])
            ->willReturn(SecureHttpResponse::createJson(['id' => 17], 201));

        $response = (new ServiceApi($client, 'my-api'))->post('/resources', ['json' => ['a' => 1]]);

        self::assertSame([201, ['id' => 17]], [$response->statusCode(), $response->json()]);
    }
}
