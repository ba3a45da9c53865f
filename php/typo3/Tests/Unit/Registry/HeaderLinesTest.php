<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit\Registry;

use Netresearch\NrSecureOutbound\Registry\HeaderLines;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * Which header fields a row may have: none in which an API takes a key.
 */
final class HeaderLinesTest extends TestCase
{
    /**
     * @return iterable<string, array{string}>
     */
    public static function carriers(): iterable
    {
        $names = [
            'Authorization', 'Authorisation', 'Proxy-Authorization', 'X-Authorization', 'Authentication', 'X-Auth', 'X-Auth-Token',
            'X-AuthToken', 'X-Auth-User-Key', 'Cookie', 'X-Cookie', 'X-API-Key', 'Api-Key', 'ApiKey', 'X-ApiKey', 'X-AppKey', 'X-App-Key',
            'X-Goog-Api-Key', 'Ocp-Apim-Subscription-Key', 'X-Functions-Key', 'X-Access-Token', 'AccessToken', 'Private-Token',
            'X-Amz-Security-Token', 'X-Secret', 'Client-Secret', 'X-ClientSecret', 'X-Password', 'X-Passwd', 'X-Pwd', 'X-Passphrase',
            'X-Signature', 'X-Hub-Signature-256', 'X-Credentials', 'X-Session', 'X-Session-Id', 'SessionId', 'X-JWT', 'X-Jwt-Assertion', 'Bearer',
            'X-Api-Keys', 'X_Api_Key', 'X-Vault-Token',
        ];
        foreach ($names as $name) {
            yield $name => [$name];
        }
    }

    #[Test]
    #[DataProvider('carriers')]
    public function aHeaderForAKeyIsRefused(string $name): void
    {
        $lines = HeaderLines::read("Accept: a\n$name: abc");

        self::assertSame(['Accept' => 'a'], $lines->headers);
        self::assertSame([
            "has $name, which carries a credential: let a credential set place it, and renew a value that was here, since the record's "
                . 'history keeps it',
        ], $lines->problems);
    }

    #[Test]
    public function othersAreNot(): void
    {
        $names = [
            'Accept', 'Content-Type', 'User-Agent', 'Idempotency-Key', 'X-Idempotency-Key', 'Accept-Language', 'X-Request-Id', 'From', 'Author',
            'X-Author', 'X-Authority', 'X-Tenant', 'Anthropic-Version', 'OpenAI-Organization', 'Stripe-Version', 'X-Keyboard', 'X-Monkey-Business',
            'X-Partition-Key', 'Cache-Control', 'X-Max-Tokens', 'Accept-Signature',
        ];
        foreach ($names as $name) {
            self::assertSame([[$name => 'a'], []], [HeaderLines::read("$name: a")->headers, HeaderLines::read("$name: a")->problems], $name);
        }
    }

    #[Test]
    public function aLineIsANameAndAValue(): void
    {
        $lines = HeaderLines::read("X-A: b \r\nX-B:c\r\r\nX-C:\nX-A: d\nno colon\n: x");

        self::assertSame(['X-A' => 'b ', 'X-B' => 'c', 'X-C' => ''], $lines->headers);
        self::assertSame([
            'has X-A twice',
            'has no colon in line 6: each line is "Name: value"',
            'has no colon in line 7: each line is "Name: value"',
        ], $lines->problems);
    }
}
