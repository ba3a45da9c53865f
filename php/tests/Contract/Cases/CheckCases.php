<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract\Cases;

use Netresearch\NrVault\Outbound\Tests\Contract\Transports;
use Netresearch\NrVault\Outbound\Tests\Support\Sealer;
use Netresearch\NrVault\Transport\CredentialCheck;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\RequestSpec;

/**
 * Credentials that are checked without a call: the codes are those of a call, and the path does not matter.
 */
trait CheckCases
{
    public function testACredentialIsCheckedWithoutACall(): void
    {
        if (self::deviates('check')) {
            self::assertNotInstanceOf(CredentialCheck::class, self::$transport);
            return;
        }
        $key = random_bytes(32);
        $sealed = static fn (string $payload, ?string $with = null): string => (new Sealer($with ?? $key))->seal('id', $payload);
        $bound = static fn (string $binding): string => $sealed('{"token":"t","binding":' . $binding . '}');
        $cases = [
            'sound' => [$sealed('{"token":"t"}'), null],
            'bound to the host' => [$bound('{"hosts":["localhost:8443"]}'), null],
            'bound to a path' => [$bound('{"paths":["/v1/contacts/{id}"]}'), null],
            'another key' => [$sealed('{"token":"t"}', random_bytes(32)), 'credential.authentication_failed'],
            'no envelope' => ['garbage', 'credential.malformed'],
            'another type' => [$sealed('{"type":"basic","token":"t"}'), 'credential.payload_invalid'],
            'expired' => [$bound('{"expires_at":1}'), 'credential.expired'],
            'another host' => [$bound('{"hosts":["localhost"]}'), 'policy.binding_violated'],
            'another method' => [$bound('{"methods":["POST"]}'), 'policy.binding_violated'],
            'a host that is none' => [$bound('{"hosts":["a b"]}'), 'credential.payload_invalid'],
        ];
        $request = new RequestSpec('crm', 'GET', new Policy(['GET'], allowedPaths: ['/v1/contacts/{id}']), 'https://localhost:8443/v1');
        $config = ['master_keys' => [['provider' => 'raw', 'key_base64' => base64_encode($key)]]];
        foreach ($cases as $name => [$envelope, $code]) {
            $asked = $request->withCredentials([(new CredentialReference('id', CredentialReference::BEARER))->seal($envelope)]);
            self::assertSame($code, Transports::check(static::transportName(), $config, $asked), $name);
        }
        $unbound = $request->withCredentials([(new CredentialReference('id', CredentialReference::BEARER))->seal($cases['sound'][0])]);
        foreach (
            [
                'policy.binding_violated' => ['limits' => ['require_binding' => true]],
                'policy.host_not_allowed' => ['limits' => ['hosts' => ['a.example']]],
                'credential.key_unavailable' => ['master_keys' => []],
            ] as $code => $more
        ) {
            self::assertSame($code, Transports::check(static::transportName(), $more + $config, $unbound));
        }
    }
}
