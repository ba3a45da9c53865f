<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\Policy;

/**
 * The library's decision about a request that is not sent.
 */
final class DecideTest extends IntegrationTestCase
{
    public function testAnAllowedRequestHasItsUrlAndItsPattern(): void
    {
        $policy = new Policy(['POST'], null, ['/v1/users/{id}']);
        $request = self::request('/users/7 b', query: [['q', 'ä']], policy: $policy);
        $decision = self::transport()->decide($request, [new CredentialReference('vault:never_sealed', 'bearer')]);

        self::assertSame('POST', $decision->method);
        self::assertSame(self::$upstream->url() . '/users/7%20b?q=%C3%A4', $decision->url);
        self::assertSame('/v1/users/{id}', $decision->pathTemplate);
    }

    public function testNothingIsSentOrResolved(): void
    {
        $before = self::$upstream->nginx->seen();
        $request = self::request(baseUrl: 'https://name-that-does-not-exist.invalid');
        self::transport()->decide($request);
        self::transport()->decide(self::request());
        usleep(100000);

        self::assertSame($before, self::$upstream->nginx->seen());
    }

    /**
     * @dataProvider refused
     * @param array<string, mixed> $more
     * @param list<CredentialReference> $references
     */
    public function testWhatSendWouldRefuseIsRefused(
        string $code,
        string $path,
        array $more,
        array $references = [],
    ): void {
        $request = self::request($path, ...$more);
        try {
            self::transport()->decide($request, $references);
            self::fail('The request is allowed.');
        } catch (OutboundException $refusal) {
            self::assertSame($code, $refusal->errorCode());
            self::assertSame('no', $refusal->sent());
            self::assertSame($code, $refusal->auditRecord()['error_code']);
            self::assertSame(0, $refusal->auditRecord()['attempts']);
            self::assertShowsNoSecret($refusal);
        }
    }

    /**
     * @return iterable<string, array{0: string, 1: string, 2: array<string, mixed>, 3?: list<CredentialReference>}>
     */
    public static function refused(): iterable
    {
        yield 'no policy' => ['policy.missing', '/echo', ['policy' => null]];
        yield 'host' => ['policy.host_not_allowed', '/echo', ['policy' => new Policy(['POST'], [])]];
        yield 'method' => ['policy.method_not_allowed', '/echo', ['method' => 'PUT']];
        yield 'path form' => ['policy.path_not_canonical', '/a/../b', []];
        yield 'path' => ['policy.path_not_allowed', '/echo', ['policy' => new Policy(['POST'], null, ['/v1/x'])]];
        yield 'header' => ['policy.header_not_allowed', '/echo', ['headers' => [['host', 'a']]]];
        yield 'a header that the credential fills' => [
            'policy.header_not_allowed',
            '/echo',
            ['headers' => [['X-Key', self::CANARY]]],
            [new CredentialReference('a', 'secret', Placement::header('X-Key'))],
        ];
        yield 'size' => [
            'policy.request_too_large',
            '/echo',
            ['policy' => new Policy(['POST'], requestBytes: 3), 'body' => self::CANARY],
        ];
        yield 'the idempotency header' => [
            'policy.header_not_allowed',
            '/echo',
            ['headers' => [['X-Idem', 'a']], 'idempotencyKey' => 'k', 'idempotencyHeader' => 'X-Idem'],
        ];
    }

    public function testAnEngineThatIsGoneIsOpenedAgain(): void
    {
        $transport = self::transport();
        $transport->decide(self::request());
        for ($other = 0; $other < 16; $other++) {
            self::transport(['user_agent' => 'other/' . $other])->open();
        }

        self::assertSame('POST', $transport->decide(self::request())->method);
    }
}
