<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Client;

use GuzzleHttp\Psr7\HttpFactory;
use Netresearch\NrVault\Outbound\Exception\ResponseRejected;
use Netresearch\NrVault\Service\SecureHttpResponse;

final class SecureHttpResponseTest extends ClientTestCase
{
    private const HEADERS = [['content-type', 'text/plain'], ['set-cookie', 'a=1'], ['set-cookie', 'b=2']];

    public function testItShowsTheResponse(): void
    {
        $response = $this->response('raw', 418, self::HEADERS);

        self::assertSame(418, $response->statusCode());
        self::assertSame('raw', $response->body());
        self::assertSame(
            ['content-type' => ['text/plain'], 'set-cookie' => ['a=1', 'b=2']],
            $response->headers(),
        );
        self::assertSame('text/plain', $response->header('Content-Type'));
        self::assertSame('a=1, b=2', $response->header('set-cookie'));
        self::assertNull($response->header('x-none'));
    }

    /**
     * @dataProvider documents
     * @param array<mixed> $value
     */
    public function testJsonIsAnArray(string $body, array $value): void
    {
        self::assertSame($value, $this->response($body)->json());
    }

    /**
     * @return iterable<string, array{string, array<mixed>}>
     */
    public static function documents(): iterable
    {
        yield 'an object' => ['{"a": {"b": 1.0}}', ['a' => ['b' => 1.0]]];
        yield 'a list' => ["[1, null]\n", [1, null]];
        yield 'nothing in it' => ['{}', []];
        yield 'an integer of 64 bits' => ['{"id": 9223372036854775807}', ['id' => PHP_INT_MAX]];
        $digits = '12345678901234567890';
        yield 'integers beyond 64 bits' => ['{"id": ' . $digits . ', "l": [-' . $digits . ']}', ['id' => $digits, 'l' => ['-' . $digits]]];
        $deep = json_decode(str_repeat('[', 512) . str_repeat(']', 512), true, 513);
        yield 'as deep as allowed' => [str_repeat('[', 512) . str_repeat(']', 512), $deep];
    }

    /**
     * @dataProvider noDocuments
     */
    public function testWhatIsNoDocumentIsRejectedWithoutItsText(string $body): void
    {
        $response = $this->response($body, 201);
        try {
            $response->json();
            self::fail('The body was read.');
        } catch (ResponseRejected $failure) {
            self::assertSame('response.decoding_failed', $failure->errorCode());
            self::assertSame('yes', $failure->sent());
            self::assertSame(201, $failure->httpStatus());
            self::assertSame('my-api', $failure->auditRecord()['service_id'] ?? null);
            self::assertStringNotContainsString('hunter2', (string) $failure);
        }
    }

    /**
     * @return iterable<string, array{string}>
     */
    public static function noDocuments(): iterable
    {
        yield 'an empty body' => [''];
        yield 'a number' => ['7'];
        yield 'a text' => ['"hunter2"'];
        yield 'null' => ['null'];
        yield 'no JSON' => ['{"hunter2"'];
        yield 'bad UTF-8' => ["[\"hunter2\xFF\"]"];
        yield 'too deep' => [str_repeat('[', 513) . str_repeat(']', 513)];
    }

    public function testItBecomesAPsrResponse(): void
    {
        $factory = new HttpFactory();
        $response = $this->response("raw\0", 201, self::HEADERS)->toPsrResponse($factory, $factory);

        self::assertSame(201, $response->getStatusCode());
        self::assertSame('2', $response->getProtocolVersion());
        self::assertSame(['a=1', 'b=2'], $response->getHeader('Set-Cookie'));
        self::assertSame("raw\0", (string) $response->getBody());
    }

    /**
     * @dataProvider statuses
     */
    public function testItSaysWhoseFaultItIs(int $status, bool $isOk, bool $isClientError, bool $isServerError): void
    {
        $response = SecureHttpResponse::create($status);

        self::assertSame(
            [$isOk, $isClientError, $isServerError],
            [$response->isOk(), $response->isClientError(), $response->isServerError()],
        );
    }

    /**
     * @return iterable<array{int, bool, bool, bool}>
     */
    public static function statuses(): iterable
    {
        yield [199, false, false, false];
        yield [200, true, false, false];
        yield [299, true, false, false];
        yield [304, false, false, false];
        yield [400, false, true, false];
        yield [499, false, true, false];
        yield [500, false, false, true];
        yield [599, false, false, true];
        yield [600, false, false, false];
    }

    public function testOneCanBeMade(): void
    {
        $headers = ['Content-Type' => 'text/plain', 'Set-Cookie' => ['a=1', 'b=2'], 'X-N' => 7];
        $made = SecureHttpResponse::create(418, $headers, "raw\0");

        self::assertSame([418, "raw\0"], [$made->statusCode(), $made->body()]);
        self::assertSame(
            ['content-type' => ['text/plain'], 'set-cookie' => ['a=1', 'b=2'], 'x-n' => ['7']],
            $made->headers(),
        );
        self::assertSame('a=1, b=2', SecureHttpResponse::create(200, [['A', 'a=1'], ['a', 'b=2']])->header('A'));
        self::assertSame([418, 4], [$made->audit()->record['status'], $made->audit()->record['bytes_in']]);
        self::assertSame('response', $made->audit()->outcome);
        $failure = self::failure(static fn () => $made->json());
        self::assertSame([418, 'yes'], [$failure->httpStatus(), $failure->sent()]);
        $factory = new HttpFactory();
        self::assertSame("raw\0", (string) $made->toPsrResponse($factory, $factory)->getBody());
    }

    public function testOneOfJsonCanBeMade(): void
    {
        $made = SecureHttpResponse::createJson(['price' => 1.0, 'name' => 'Zoë'], 201, ['Content-Type' => 'application/x+json']);

        self::assertSame('{"price":1.0,"name":"Zoë"}', $made->body());
        self::assertSame([201, 'application/x+json'], [$made->statusCode(), $made->header('content-type')]);
        self::assertSame('application/json', SecureHttpResponse::createJson([])->header('content-type'));
        self::assertSame('{}', SecureHttpResponse::createJson(new \stdClass())->body());
    }

    public function testWhatNoServerAnswersCannotBeMade(): void
    {
        self::assertSame(
            'invalid_request.malformed',
            self::failure(static fn () => SecureHttpResponse::create(200, ['x' => true]))->errorCode(),
        );
        $this->expectException(\InvalidArgumentException::class);
        SecureHttpResponse::create(99);
    }

    /**
     * @param list<array{string, string}> $headers
     */
    private function response(string $body, int $status = 200, array $headers = []): SecureHttpResponse
    {
        $this->transport->respond($status, $body, $headers);
        return $this->client()->request('my-api', 'GET', '/x');
    }
}
