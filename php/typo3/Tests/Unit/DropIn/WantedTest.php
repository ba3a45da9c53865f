<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit\DropIn;

use Netresearch\NrSecureOutbound\DropIn\Wanted;
use Netresearch\NrVault\Http\OAuth\OAuthConfig;
use Netresearch\NrVault\Http\SecretPlacement;
use Netresearch\NrVault\Transport\CredentialReference;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * The settings of a caller of nr-vault's client, as credentials of the library; including those that only later releases of
 * nr-vault have.
 */
final class WantedTest extends TestCase
{
    #[Test]
    public function aLaterSecretReplacesAnEarlierOneAndTheReasonStays(): void
    {
        $oauth = new OAuthConfig('https://auth.example.com/token', 'id', 'secret');
        $wanted = Wanted::nothing()
            ->withTimeout(7)
            ->withReason('why')
            ->withOAuth($oauth, 'tokens')
            ->withAuthentication('key', SecretPlacement::Header, ['headerName' => 'X-Own', 'prefix' => 'Key ']);

        self::assertNull($wanted->oauth);
        self::assertSame(['tokens', 7, 'key'], [$wanted->reason, $wanted->seconds, $wanted->recorded()]);
        self::assertSame(
            [['identifier' => 'key', 'type' => 'secret', 'placement' => ['type' => 'header', 'name' => 'X-Own', 'prefix' => 'Key ']]],
            self::wire($wanted),
        );

        $wanted = $wanted->withOAuth($oauth, 'again')->withTimeout(0);
        self::assertSame(['again', null, 'oauth2:id', []], [$wanted->reason, $wanted->seconds, $wanted->recorded(), self::wire($wanted)]);
    }

    #[Test]
    public function anOptionThatIsNoTextIsRefusedAndNotLeftOut(): void
    {
        $this->expectException(\TypeError::class);
        Wanted::nothing()->withAuthentication('key', SecretPlacement::Header, ['headerName' => ['X-Own']]);
    }

    #[Test]
    public function severalSecretsGoIntoOneBody(): void
    {
        $wanted = Wanted::nothing()
            ->withAuthentication('subject', SecretPlacement::BodyField, ['bodyField' => 'subject_token'])
            ->withAdditionalBodyField('client', 'client_secret')
            ->withReason('exchange')
            ->withTimeout(3);

        self::assertSame(['subject_token', 'client_secret'], $wanted->bodyFields());
        self::assertSame(['subject', 'client'], array_column(self::wire($wanted), 'identifier'));
        self::assertSame('subject', $wanted->recorded());
    }

    /**
     * @return array<string, array{list<array{string, string}>, int}>
     */
    public static function fields(): array
    {
        return [
            'one that the secret of the client goes into' => [[['key', 'api_key']], 7902701577],
            'the same twice' => [[['key', 'a'], ['other', 'a']], 5284686842],
            'no field' => [[['key', 'a-b']], 4345651550],
            'one that is too long' => [[['key', str_repeat('a', 65)]], 4345651550],
            'no identifier' => [[["key\n", 'a']], 4345651550],
            'one of a site' => [[['site:main:key', 'a']], 4345651550],
            'too many' => [array_map(static fn (int $number): array => ['key', "f$number"], range(1, 9)), 2780984125],
        ];
    }

    /**
     * @param list<array{string, string}> $fields
     */
    #[Test]
    #[DataProvider('fields')]
    public function aFieldThatCannotBeIsRefused(array $fields, int $code): void
    {
        $wanted = Wanted::nothing()->withAuthentication('primary', SecretPlacement::BodyField, []);
        $this->expectException(\InvalidArgumentException::class);
        $this->expectExceptionCode($code);

        foreach ($fields as [$identifier, $field]) {
            $wanted = $wanted->withAdditionalBodyField($identifier, $field);
        }
    }

    /**
     * @return list<array<string, mixed>>
     */
    private static function wire(Wanted $wanted): array
    {
        return array_map(static fn (CredentialReference $reference): array => $reference->toWire(), $wanted->references());
    }
}
