<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Client;

use Netresearch\NrVault\Outbound\Audit\StaticCallContext;
use Netresearch\NrVault\Outbound\Credential\ArrayCredentialProvider;

/**
 * A service names the technical user whose rights count, and the credential provider is told that name in each request.
 */
final class TechnicalUserTest extends ClientTestCase
{
    public function testTheProviderIsToldWhoReads(): void
    {
        $this->transport->respond(200);
        $this->client(['technical_user' => 'svc_crm'])->get('my-api', '/x');
        $this->transport->respond(200);
        $this->client(['technical_user' => 7])->get('my-api', '/x');
        $this->transport->respond(200);
        $this->client()->get('my-api', '/x');

        self::assertSame(['svc_crm', 7], $this->credentials->users());
        self::assertSame(['my_key', 'my_key', 'my_key'], $this->credentials->fetched());
    }

    public function testTheRecordNamesWhoCalls(): void
    {
        $this->transport->respond(200);
        $this->client(['technical_user' => 7], context: new StaticCallContext('backend_user', '3'))->get('my-api', '/x');

        $entry = $this->audit->entries()[0];
        self::assertSame(['backend_user', '3'], [$entry->actorType, $entry->actorId]);
    }

    public function testAProviderThatKnowsNoneIsNotAsked(): void
    {
        $provider = new ArrayCredentialProvider(['my_key' => 'nrv1:envelope']);

        $failure = self::failure(
            fn () => $this->client(['technical_user' => 7], credentials: $provider)->get('my-api', '/x'),
        );

        self::assertSame('credential.access_denied', $failure->errorCode());
        self::assertSame('no', $failure->sent());
        self::assertStringContainsString('"my-api" has a technical user', $failure->getMessage());
        self::assertSame([], $this->transport->requests());
    }
}
