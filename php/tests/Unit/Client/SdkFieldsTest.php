<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Client;

use GuzzleHttp\Psr7\HttpFactory;
use GuzzleHttp\Psr7\Request;
use Netresearch\NrVault\Outbound\Psr18\OutboundClientFactory;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * Which parameters and form fields of an SDK's requests the PSR-18 client of a service leaves out, and that it leaves out no others.
 */
final class SdkFieldsTest extends ClientTestCase
{
    private const FORM = 'application/x-www-form-urlencoded';

    /**
     * @dataProvider queries
     */
    public function testAParameterGivesWayToTheCredentialThatFillsIt(string $query, string $left): void
    {
        $service = self::placed(['type' => 'query', 'name' => 'api key']);
        $sent = $this->sent($service, 'https://api.example.com/v1/x' . $query);

        self::assertSame('https://api.example.com/v1/x' . $left, $sent->url);
    }

    /**
     * @return iterable<string, array{string, string}>
     */
    public static function queries(): iterable
    {
        yield 'none' => ['', ''];
        yield 'alone' => ['?api%20key=pl4ceh0lder', ''];
        yield 'with a plus' => ['?api+key=pl4ceh0lder&a=%7E', '?a=%7E'];
        yield 'twice, without a value' => ['?b&api%20key&c=1%202&api%20key=', '?b&c=1%202'];
        yield 'others' => ['?API%20KEY=1&api%20key[]=2&x=api%20key', '?API%20KEY=1&api%20key%5B%5D=2&x=api%20key'];
    }

    public function testTheSignatureOfAnSdkGivesWayToThatOfAKeyOfAws(): void
    {
        $service = ['credentials' => [['identifier' => 'key', 'type' => 'aws_sigv4', 'service' => 's3']]];
        $names = ['Algorithm', 'Credential', 'Date', 'Expires', 'SignedHeaders', 'Security-Token', 'Content-Sha256', 'Signature'];
        $signed = implode('&', array_map(static fn (string $name): string => "X-Amz-$name=1", $names));
        $sent = $this->sent($service, "https://api.example.com/v1/x?a=1&$signed&X-Amz-Other=2");

        self::assertSame('https://api.example.com/v1/x?a=1&X-Amz-Other=2', $sent->url);
    }

    /**
     * @dataProvider forms
     */
    public function testAFieldOfAFormGivesWayToTheCredentialThatFillsIt(string $type, string $body, string $left): void
    {
        $service = self::placed(['type' => 'body_field', 'name' => 'client_secret']);
        $sent = $this->sent($service, 'https://api.example.com/v1/x?client_secret=q', $type, $body);

        self::assertSame($left, $sent->body);
        self::assertSame('https://api.example.com/v1/x?client_secret=q', $sent->url);
    }

    /**
     * @return iterable<string, array{string, string, string}>
     */
    public static function forms(): iterable
    {
        $body = 'client_id=a%20b&client_secret=pl4ceh0lder&scope=x+y';
        yield 'a form' => [self::FORM, $body, 'client_id=a%20b&scope=x+y'];
        yield 'with a charset' => ['Application/X-WWW-Form-Urlencoded; charset=utf-8', $body, 'client_id=a%20b&scope=x+y'];
        yield 'an encoded name' => [self::FORM, 'client%5Fsecret=1&a=2', 'a=2'];
        yield 'nothing else' => [self::FORM, 'client_secret=1', ''];
        yield 'another name' => [self::FORM, 'client_secrets=1', 'client_secrets=1'];
        yield 'a text' => ['text/plain', $body, $body];
    }

    public function testACredentialInAHeaderTakesNothingElse(): void
    {
        $body = 'authorization=1&token=2';
        $sent = $this->sent([], 'https://api.example.com/v1/x?authorization=1', self::FORM, $body);

        self::assertSame($body, $sent->body);
        self::assertSame('https://api.example.com/v1/x?authorization=1', $sent->url);
    }

    public function testTheClientOfTheServiceItselfLeavesOutNothing(): void
    {
        $this->transport->respond();
        $this->client(self::placed(['type' => 'body_field', 'name' => 'key']))->request('my-api', 'POST', '/', [
            'form_params' => ['key' => '1'],
        ]);

        self::assertSame('key=1', $this->transport->requests()[0]->body);
    }

    /**
     * @param array<string, string> $placement
     * @return array<string, mixed>
     */
    private static function placed(array $placement): array
    {
        return ['credentials' => [['identifier' => 'key', 'type' => 'secret', 'placement' => $placement]]];
    }

    /**
     * @param array<string, mixed> $service
     */
    private function sent(array $service, string $url, string $type = self::FORM, string $body = ''): RequestSpec
    {
        $this->transport->respond();
        $factory = new HttpFactory();
        (new OutboundClientFactory($this->calls($service), $factory, $factory))->forService('my-api')
            ->sendRequest(new Request('POST', $url, ['Content-Type' => $type], $body));
        return $this->transport->requests()[0];
    }
}
