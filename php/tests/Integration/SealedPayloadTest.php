<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Cli\Payload;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\RandomCredentials;
use Netresearch\NrVault\Transport\Placement;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * `seal` accepts exactly the payloads that the library can use, except useless bindings, which `seal` refuses.
 */
final class SealedPayloadTest extends IntegrationTestCase
{
    /** The library's codes for a payload that it cannot use with any request. */
    private const UNUSABLE = ['credential.payload_invalid', 'credential.unusable'];

    /** Messages of what only `seal` refuses: a binding that restricts nothing, or that no call can fulfil. */
    private const USELESS = '/would bind nothing|allows nothing|CONNECT and TRACE/';

    private const FORMS = [
        '{"type":"bearer","token":%s}',
        '{"type":"api_key","key":%s}',
        '{"type":"api_key","key":"k","prefix":%s}',
        '{"type":"api_key","key":"k","header":%s}',
        '{"type":"basic","username":%s,"password":"pass"}',
        '{"type":"basic","username":"user","password":%s}',
        '{"type":"secret","secret":%s,"binding":{"methods":["POST"]}}',
        '{"type":"secret","secret":"s","binding":%s}',
        '{"type":"bearer","token":"t","binding":%s}',
        '{"type":"bearer","token":"t","binding":{"hosts":%s}}',
        '{"type":"bearer","token":"t","binding":{"methods":[%s]}}',
        '{"type":"bearer","token":"t","binding":{"paths":["/**",%s]}}',
        ...self::HOPELESS,
    ];

    private const HOPELESS = [
        '{"type":"bearer","token":"t","scope":%s}',
        '{"type":"bearer","token":"t","token":%s}',
        '{"type":"bearer","token":"t"} %s',
    ];

    private const TEXTS = [
        '"t"', '" t"', '"t\t"', '"a:b"', '"a\nb"', '"\u0000"', '"ä"', '"X-Key"', '"Host"', '"proxy-x"', '"x y"', '"GET"', '"get"',
        '"TRACE"', '"/v1"', '"/a/../b"', '"a*b"', '["a.example"]', '["a_b.example:1"]', '["https://a.example"]', '["01.2.3.4"]',
        '{"hosts":["a.example"]}', '{"host":["a.example"]}', '{"hosts":["a.example"],"hosts":[]}', '{"expires_at":4102444800}',
    ];

    /**
     * @dataProvider forms
     */
    public function testTheLibraryCanUseWhatIsSealed(string $form): void
    {
        $taken = [];
        foreach ([...self::TEXTS, ...RandomCredentials::JSON_VALUES] as $value) {
            $payload = sprintf($form, $value);
            $refusal = self::refusal($payload);
            $code = self::code($payload);
            $isUsable = !in_array($code, self::UNUSABLE, true);

            if ($refusal === null || preg_match(self::USELESS, $refusal) !== 1) {
                self::assertSame($isUsable, $refusal === null, "$payload: $code, and seal says: $refusal");
            }
            $taken[] = $isUsable;
        }

        self::assertContains(false, $taken);
        self::assertSame(!in_array($form, self::HOPELESS, true), in_array(true, $taken, true));
    }

    /**
     * @return iterable<string, array{string}>
     */
    public static function forms(): iterable
    {
        foreach (self::FORMS as $form) {
            yield $form => [$form];
        }
    }

    public function testMomentsAreReadAsTheLibraryReadsThem(): void
    {
        $taken = [];
        foreach (RandomCredentials::MOMENTS as $moment) {
            $payload = '{"type":"bearer","token":"t","binding":{"expires_at":' . $moment . '}}';
            $taken[] = $isUsable = !in_array(self::code($payload), self::UNUSABLE, true);

            self::assertSame($isUsable, self::refusal($payload) === null, $moment);
        }

        self::assertContains(true, $taken);
        self::assertContains(false, $taken);
    }

    /** The message with which `seal` refuses a payload; null if `seal` accepts it, for a secret also if only with --plain. */
    private static function refusal(string $payload): ?string
    {
        try {
            Payload::check(new Secret($payload));
            return null;
        } catch (UsageError $refusal) {
            if (!str_contains($refusal->getMessage(), '--plain') || !str_starts_with($payload, '{"type":"secret"')) {
                return $refusal->getMessage();
            }
        }
        try {
            Payload::checkPlain(new Secret($payload));
            return null;
        } catch (UsageError) {
            return $refusal->getMessage();
        }
    }

    /** The code of a call with the payload; null if it succeeds. */
    private static function code(string $payload): ?string
    {
        preg_match('/\A{"type":"(\w+)"/', $payload, $type);
        $credential = self::seal($type[1], $payload, $type[1] === 'secret' ? Placement::query('key') : null);
        try {
            self::transport()->send(self::request(credentials: [$credential]));
            return null;
        } catch (OutboundException $refusal) {
            return $refusal->errorCode();
        }
    }
}
