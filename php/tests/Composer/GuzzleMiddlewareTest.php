<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

use GuzzleHttp\Client;
use GuzzleHttp\Handler\MockHandler;
use GuzzleHttp\HandlerStack;
use GuzzleHttp\Psr7\Response;
use Netresearch\NrVault\Outbound\Call\Placeholder;
use Netresearch\NrVault\Outbound\Guzzle\SecureHandler;
use Netresearch\NrVault\Outbound\Guzzle\SecureMiddleware;
use Netresearch\NrVault\Outbound\Tests\Support\Double\RecordingLogger;

/**
 * The middleware of a whole application: who gets a credential, and what becomes of the rest.
 *
 * @group composer
 */
final class GuzzleMiddlewareTest extends GuzzleTestCase
{
    private RecordingLogger $report;
    private MockHandler $next;

    protected function setUp(): void
    {
        parent::setUp();
        $this->report = new RecordingLogger();
        $this->next = new MockHandler();
    }

    public function testAPlaceholderOrTheOptionGetsTheCredential(): void
    {
        $this->transport->respond()->respond()->respond();
        $client = $this->guarded(true);
        $client->get(self::BASE, ['headers' => ['Authorization' => 'Bearer ' . Placeholder::of('api')]]);
        $client->get(self::BASE, [SecureHandler::SERVICE => 'api']);
        $client->post('https://form.example.com', ['form_params' => ['secret' => Placeholder::of('form')]]);

        self::assertSame(['api', 'api', 'form'], $this->services());
        self::assertSame([], $this->report->records);
    }

    /**
     * @dataProvider links
     * @param array<string, mixed> $options
     */
    public function testALinkGetsNoCredential(string $url, array $options = []): void
    {
        $this->next->append(new Response(200, [], 'as ever'));
        $response = $this->guarded(true)->get($url, $options);
        self::assertSame('as ever', (string) $response->getBody());
        self::assertSame([], $this->services());
        self::assertSame($url, (string) $this->next->getLastRequest()?->getUri());
        self::assertCount(1, $this->report->records);
        self::assertSame('GET', $this->report->records[0]['context']['method']);

        $refusal = self::refusal(fn () => $this->guarded(false)->get($url, $options));
        self::assertSame('no', $refusal->sent());
        self::assertSame([], $this->services());
    }

    /**
     * @return iterable<string, array{0: string, 1?: array<string, mixed>}>
     */
    public static function links(): iterable
    {
        yield 'to a service' => [self::BASE . '/users'];
        yield 'to elsewhere' => ['https://www.example.org/page'];
        yield 'with a key of its own' => [self::BASE, ['headers' => ['Authorization' => 'Bearer its-own']]];
        yield 'with the placeholder in another header' => [self::BASE, ['headers' => ['X-Other' => Placeholder::of('api')]]];
        yield 'with the placeholder in its query' => ['https://query.example.com/x?key=' . Placeholder::of('query')];
        yield 'with dots' => ['https://www.example.org/a/%2e%2e/b'];
    }

    public function testAPlaceholderNeverLeavesItsService(): void
    {
        foreach (['https://evil.example.com', 'https://other.example.com', 'https://api.example.com/v2'] as $url) {
            foreach ([true, false] as $isReported) {
                $refusal = self::refusal(fn () => $this->guarded($isReported)->get($url, [
                    'headers' => ['Authorization' => 'Bearer ' . Placeholder::of('api')],
                ]));
                self::assertStringStartsWith('policy.', $refusal->errorCode());
            }
        }

        self::assertNull($this->next->getLastRequest());
        self::assertSame([], $this->services());
    }

    public function testARedirectFromElsewhereIntoAServiceGetsNoCredential(): void
    {
        $this->next->append(new Response(302, ['Location' => self::BASE . '/users']), new Response(200, [], 'public'));
        $response = $this->guarded(true)->get('https://evil.example.com', [
            'headers' => ['Authorization' => 'Bearer its-own', 'X-Other' => Placeholder::of('api')],
        ]);

        self::assertSame('public', (string) $response->getBody());
        self::assertSame([], $this->services());
    }

    public function testARedirectOutOfAServiceIsNotFollowed(): void
    {
        foreach (['https://other.example.com/x', 'https://evil.example.com'] as $location) {
            $this->transport->respond(302, '', [['location', $location]]);
            $refusal = self::refusal(fn () => $this->guarded(true)->get(self::BASE, [SecureHandler::SERVICE => 'api']));
            self::assertSame('policy.redirect_not_allowed', $refusal->errorCode());
        }

        self::assertSame(['api', 'api'], $this->services());
        self::assertNull($this->next->getLastRequest());
    }

    public function testAServiceWithoutCredentialsNeedsNoPlaceholder(): void
    {
        $this->transport->respond(200, 'feed');
        $client = $this->guarded(false);

        self::assertSame('feed', (string) $client->get('https://open.example.com/feed')->getBody());
        self::assertSame('policy.path_not_allowed', self::refusal(static fn () => $client->get('https://open.example.com/'))->errorCode());
        self::assertSame(['open'], $this->services());
    }

    private function guarded(bool $isReported): Client
    {
        $stack = HandlerStack::create($this->next);
        $services = ['api', 'admin', 'twin', 'other', 'open', 'form', 'query'];
        $stack->push(new SecureMiddleware($this->calls(), $services, $isReported ? $this->report : null));
        return new Client(['handler' => $stack]);
    }
}
