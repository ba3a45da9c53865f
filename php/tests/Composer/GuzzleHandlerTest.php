<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

use GuzzleHttp\Promise\Utils;
use Netresearch\NrVault\Outbound\Call\Placeholder;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Guzzle\SecureHandler;

/**
 * Which service a request of Guzzle belongs to, and that no redirect gives it the credential of another.
 *
 * @group composer
 */
final class GuzzleHandlerTest extends GuzzleTestCase
{
    public function testARequestIsACallOfItsService(): void
    {
        $this->transport->respond(201, 'body', [['x-a', '1'], ['x-a', '2']]);
        $response = $this->client()->post(self::BASE . '/notes?a=%7E#part', [
            'json' => ['note' => 'Zoë'],
            'headers' => ['Authorization' => 'Bearer any key', 'X-Own' => 'mine'],
        ]);
        $sent = $this->transport->requests()[0];

        self::assertSame([201, 'body', ['1', '2']], [
            $response->getStatusCode(),
            (string) $response->getBody(),
            $response->getHeader('X-A'),
        ]);
        self::assertSame(['api', 'POST', self::BASE . '/notes?a=%7E'], [$sent->serviceId, $sent->method, $sent->url]);
        self::assertSame('{"note":"Zo\u00eb"}', $sent->body);
        self::assertSame('key_of_api', $sent->credentials[0]->reference->identifier);
        $headers = array_column($sent->headers, 1, 0);
        self::assertSame(['mine', 'application/json'], [$headers['X-Own'], $headers['Content-Type']]);
        self::assertArrayNotHasKey('Authorization', $headers);
        self::assertCount(1, $this->audit->entries());
    }

    public function testTheLongestBasePathWins(): void
    {
        $client = $this->client(['base_uri' => self::BASE . '/']);
        foreach (['users', 'admin', 'admin/users', 'administration', 'https://other.example.com/x'] as $path) {
            $this->transport->respond();
            $client->get($path);
        }

        self::assertSame(['api', 'admin', 'admin', 'api', 'other'], $this->services());
    }

    public function testATieIsRefusedUnlessTheRequestNamesTheService(): void
    {
        $client = $this->client([], 'admin', 'twin');
        $url = self::BASE . '/admin/users';
        $refusal = self::refusal(static fn () => $client->get($url));
        self::assertSame('invalid_request.malformed', $refusal->errorCode());
        self::assertStringContainsString('admin, twin', $refusal->getMessage());

        $this->transport->respond()->respond();
        $client->get($url, [SecureHandler::SERVICE => 'twin']);
        $client->get($url, ['headers' => ['Authorization' => 'Bearer ' . Placeholder::of('admin')]]);
        self::assertSame(['twin', 'admin'], $this->services());
    }

    /**
     * @dataProvider outside
     * @param array<string, mixed> $options
     */
    public function testWhatIsOfNoServiceIsRefused(string $url, array $options, string $code): void
    {
        $refusal = self::refusal(fn () => $this->client()->get($url, $options));

        self::assertSame([$code, 'no'], [$refusal->errorCode(), $refusal->sent()]);
        self::assertSame([], $this->services());
    }

    /**
     * @return iterable<string, array{string, array<string, mixed>, string}>
     */
    public static function outside(): iterable
    {
        $authorization = ['headers' => ['Authorization' => 'Bearer ' . Placeholder::of('other')]];
        yield 'another host' => ['https://evil.example.com/v1/x', [], 'policy.host_not_allowed'];
        yield 'another port' => ['https://api.example.com:8443/v1/x', [], 'policy.host_not_allowed'];
        yield 'another scheme' => ['http://api.example.com/v1/x', [], 'policy.host_not_allowed'];
        yield 'another path' => ['https://api.example.com/v2/x', [], 'policy.path_not_allowed'];
        yield 'half a segment' => ['https://api.example.com/v11', [], 'policy.path_not_allowed'];
        yield 'a user' => ['https://u:p@api.example.com/v1/x', [], 'invalid_request.malformed'];
        yield 'the option of another' => [self::BASE, [SecureHandler::SERVICE => 'other'], 'policy.host_not_allowed'];
        yield 'a deeper one' => [self::BASE . '/x', [SecureHandler::SERVICE => 'admin'], 'policy.path_not_allowed'];
        yield 'an unknown one' => [self::BASE . '/x', [SecureHandler::SERVICE => 'form'], 'policy.service_unknown'];
        yield 'the placeholder of another' => [self::BASE . '/x', $authorization, 'policy.host_not_allowed'];
    }

    public function testAPolicyRefusesAsAlways(): void
    {
        self::assertSame('policy.method_not_allowed', self::refusal(fn () => $this->client()->delete(self::BASE))->errorCode());
        self::assertCount(1, $this->audit->entries());
    }

    /**
     * @dataProvider redirects
     */
    public function testARedirectIsFollowedWithinTheServiceOnly(string $location, ?string $target): void
    {
        $this->transport->respond(302, '', [['location', $location]])->respond(200, 'there');
        $call = fn (): string => (string) $this->client()->get(self::BASE . '/a/b')->getBody();
        if ($target !== null) {
            self::assertSame('there', $call());
            self::assertSame($target, $this->transport->requests()[1]->url);
            return;
        }
        $refusal = self::refusal($call);
        self::assertSame(['policy.redirect_not_allowed', 'yes', 302], [
            $refusal->errorCode(),
            $refusal->sent(),
            $refusal->httpStatus(),
        ]);
        self::assertSame(['api'], $this->services());
    }

    /**
     * @return iterable<string, array{string, string|null}>
     */
    public static function redirects(): iterable
    {
        yield 'beside' => ['c?d=1', self::BASE . '/a/c?d=1'];
        yield 'below' => ['/v1/x#part', self::BASE . '/x'];
        yield 'whole' => [self::BASE . '/y', self::BASE . '/y'];
        yield 'a deeper service' => ['/v1/admin/x', null];
        yield 'above the base path' => ['/v2/x', null];
        yield 'by dots' => ['../../../v2', null];
        yield 'another service' => ['https://other.example.com/x', null];
        yield 'another host' => ['//evil.example.com/v1/x', null];
        yield 'another scheme' => ['http://api.example.com/v1/x', null];
        yield 'another port' => ['https://api.example.com:444/v1/x', null];
        yield 'with a user' => ['https://u:p@api.example.com/v1/x', null];
        yield 'no URL' => ['https://:x/', null];
    }

    public function testARedirectOfANamedServiceStaysBelowItsBaseUrl(): void
    {
        $this->transport->respond(307, '', [['location', '/v1/admin/x']])->respond();
        $client = $this->client();
        $client->post(self::BASE . '/a', [SecureHandler::SERVICE => 'api', 'body' => 'again']);

        self::assertSame(['api', 'api'], $this->services());
        self::assertSame(['again', 'again'], array_column($this->transport->requests(), 'body'));
    }

    public function testARedirectThatNobodyFollowsIsHandedOver(): void
    {
        $this->transport->respond(302, '', [['location', 'https://evil.example.com']]);
        $response = $this->client()->get(self::BASE, ['allow_redirects' => false]);

        self::assertSame(302, $response->getStatusCode());
        $this->transport->respond(302, '', [['location', 'https://evil.example.com']]);
        self::assertSame(302, $this->client()->get(self::BASE, ['allow_redirects' => ['max' => 0]])->getStatusCode());
    }

    public function testAPlaceholderInAFormSaysTheService(): void
    {
        $this->transport->respond();
        $this->client([], 'form', 'api')->post('https://form.example.com/token', [
            'form_params' => ['id' => 'a', 'secret' => Placeholder::of('form')],
        ]);
        self::assertSame('id=a', $this->transport->requests()[0]->body);

        $refusal = self::refusal(fn () => $this->client([], 'form', 'api')->post(self::BASE, [
            'form_params' => ['secret' => Placeholder::of('form')],
        ]));
        self::assertSame('policy.host_not_allowed', $refusal->errorCode());
    }

    public function testAPlaceholderOfBasicSaysTheService(): void
    {
        foreach ([['user', Placeholder::of('twin')], [Placeholder::of('twin'), 'x']] as $pair) {
            if (str_contains($pair[0], ':')) {
                // Guzzle 8 takes no user with a colon.
                $options = ['headers' => ['Authorization' => 'Basic ' . base64_encode(implode(':', $pair))]];
            } else {
                $options = ['auth' => $pair];
            }
            $this->transport->respond();
            $this->client([], 'admin', 'twin')->get(self::BASE . '/admin', $options);
        }

        self::assertSame(['twin', 'twin'], $this->services());
    }

    public function testPromisesAreKeptEachWithItsOwnResult(): void
    {
        $this->transport->respond(200, 'first')->fail('dns.not_found')->respond(404, 'third');
        $client = $this->client(['http_errors' => false]);
        $settled = Utils::settle([
            $client->getAsync(self::BASE . '/1'),
            $client->getAsync(self::BASE . '/2'),
            $client->getAsync(self::BASE . '/3'),
        ])->wait();

        self::assertSame(['fulfilled', 'rejected', 'fulfilled'], array_column($settled, 'state'));
        self::assertSame('third', (string) $settled[2]['value']->getBody());
    }

    public function testAServiceWithAFaultConcernsNobodyElse(): void
    {
        $this->transport->respond();
        $client = $this->client([], 'missing', 'api');
        $client->get(self::BASE);
        self::assertSame(['api'], $this->services());

        self::assertSame('policy.service_unknown', self::refusal(fn () => $client->get('https://x.example.com'))->errorCode());
    }

    public function testAHandlerIsMadeForServices(): void
    {
        $this->expectException(OutboundException::class);
        new SecureHandler($this->calls(), []);
    }
}
