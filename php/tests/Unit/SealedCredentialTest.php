<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Placement;
use PHPUnit\Framework\TestCase;

final class SealedCredentialTest extends TestCase
{
    /**
     * @dataProvider placements
     * @param array<string, string> $wire
     */
    public function testAPlacementSurvivesTheWire(Placement $placement, array $wire): void
    {
        self::assertSame($wire, $placement->toWire());
        self::assertEquals($placement, Placement::fromWire($wire));

        $credential = (new CredentialReference('my_key', CredentialReference::SECRET, $placement))->seal('nrv1:AA==');
        $entry = ['identifier' => 'my_key', 'type' => 'secret', 'placement' => $wire];
        self::assertSame($entry, $credential->reference->toWire());
        self::assertEquals($credential, CredentialReference::fromWire($entry)->seal('nrv1:AA=='));
    }

    /**
     * @return iterable<string, array{Placement, array<string, string>}>
     */
    public static function placements(): iterable
    {
        yield 'bearer' => [Placement::bearer(), ['type' => 'bearer']];
        yield 'header' => [Placement::header('X-Key'), ['type' => 'header', 'name' => 'X-Key']];
        yield 'header with prefix' => [
            Placement::header('Authorization', 'Key '),
            ['type' => 'header', 'name' => 'Authorization', 'prefix' => 'Key '],
        ];
        yield 'api_key' => [Placement::apiKey(), ['type' => 'api_key']];
        yield 'basic' => [Placement::basic(), ['type' => 'basic']];
        yield 'basic_username' => [Placement::basicUsername(), ['type' => 'basic_username']];
        yield 'basic_password' => [Placement::basicPassword(), ['type' => 'basic_password']];
        yield 'query' => [Placement::query('key'), ['type' => 'query', 'name' => 'key']];
        yield 'body_field' => [Placement::bodyField('key'), ['type' => 'body_field', 'name' => 'key']];
    }

    public function testAPlacementMayBeABareWord(): void
    {
        self::assertEquals(Placement::bearer(), Placement::fromWire('bearer'));
    }

    /**
     * @dataProvider types
     */
    public function testATypedCredentialHasNoPlacement(string $type): void
    {
        $credential = (new CredentialReference('my_key', $type))->seal('nrv1:AA==');

        self::assertSame(['identifier' => 'my_key', 'type' => $type], $credential->reference->toWire());
        $this->assertRefused('invalid_request.malformed', static function () use ($type): void {
            (new CredentialReference('my_key', $type, Placement::bearer()))->seal('nrv1:AA==');
        });
    }

    /**
     * @return iterable<array{string}>
     */
    public static function types(): iterable
    {
        yield ['bearer'];
        yield ['api_key'];
        yield ['basic'];
        yield ['oauth2_client_credentials'];
        yield ['oauth2_jwt_bearer'];
        yield ['oauth2_refresh_token'];
        yield ['jwt'];
        yield ['aws_sigv4'];
        yield ['hmac'];
        yield ['mtls'];
    }

    /**
     * @dataProvider faults
     * @param array<mixed> $wire
     */
    public function testAFaultIsRefused(string $code, array $wire, string $sealed = 'nrv1:AA=='): void
    {
        $this->assertRefused($code, static fn () => CredentialReference::fromWire($wire)->seal($sealed));
    }

    /**
     * @return iterable<string, array{0: string, 1: array<mixed>, 2?: string}>
     */
    public static function faults(): iterable
    {
        $malformed = 'invalid_request.malformed';
        yield 'no identifier' => [$malformed, ['type' => 'bearer']];
        yield 'a long identifier' => [$malformed, ['identifier' => str_repeat('a', 256), 'type' => 'bearer']];
        yield 'a number for an identifier' => [$malformed, ['identifier' => 7, 'type' => 'bearer']];
        yield 'an unknown type' => [$malformed, ['identifier' => 'a', 'type' => 'Bearer']];
        yield 'an unknown key' => [$malformed, ['identifier' => 'a', 'type' => 'bearer', 'sealed' => 'nrv1:AA==']];
        yield 'a secret without placement' => [$malformed, ['identifier' => 'a', 'type' => 'secret']];
        foreach (
            [
                'an unknown word' => 'Bearer',
                'a number' => 7,
                'no type' => ['name' => 'X-Key'],
                'an unknown key' => ['type' => 'bearer', 'header' => 'X-Key'],
                'no name' => ['type' => 'header'],
                'an empty name' => ['type' => 'query', 'name' => ''],
                'a name too many' => ['type' => 'bearer', 'name' => 'X-Key'],
                'a prefix too many' => ['type' => 'query', 'name' => 'key', 'prefix' => 'Key '],
                'a number for a name' => ['type' => 'query', 'name' => 7],
            ] as $name => $placement
        ) {
            $wire = ['identifier' => 'a', 'type' => 'secret', 'placement' => $placement];
            yield 'a placement with ' . $name => [$malformed, $wire];
        }
        yield 'no envelope' => ['credential.malformed', ['identifier' => 'a', 'type' => 'bearer'], ''];
    }

    public function testADumpDoesNotShowTheEnvelope(): void
    {
        $credential = (new CredentialReference('my_key', CredentialReference::BEARER))->seal('nrv1:canary');

        ob_start();
        var_dump($credential);
        self::assertStringNotContainsString('canary', (string) ob_get_clean() . print_r($credential, true));
    }

    private function assertRefused(string $code, callable $call): void
    {
        try {
            $call();
        } catch (OutboundException $refusal) {
            self::assertSame($code, $refusal->errorCode());
            return;
        }
        self::fail('The credential was taken.');
    }
}
