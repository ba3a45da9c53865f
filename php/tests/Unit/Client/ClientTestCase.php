<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Client;

use Netresearch\NrVault\Outbound\Audit\AuditSink;
use Netresearch\NrVault\Outbound\Audit\CallContext;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Credential\CredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Testing\FakeCredentialProvider;
use Netresearch\NrVault\Outbound\Testing\FakeTransport;
use Netresearch\NrVault\Outbound\Testing\MemoryAuditSink;
use Netresearch\NrVault\Outbound\Tests\Support\Double\RecordingEvents;
use Netresearch\NrVault\Outbound\Tests\Support\Double\RecordingLogger;
use Netresearch\NrVault\Service\SecureHttpClient;
use PHPUnit\Framework\TestCase;

/**
 * A client on a fake transport.
 */
abstract class ClientTestCase extends TestCase
{
    protected const UUID7 = '/\A[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\z/';

    protected FakeTransport $transport;
    protected FakeCredentialProvider $credentials;
    protected MemoryAuditSink $audit;
    protected RecordingEvents $events;
    protected RecordingLogger $logger;

    protected function setUp(): void
    {
        $this->transport = new FakeTransport();
        $this->credentials = new FakeCredentialProvider();
        $this->audit = new MemoryAuditSink();
        $this->events = new RecordingEvents();
        $this->logger = new RecordingLogger();
    }

    /**
     * @param array<string, mixed> $service replaces keys of the entry of "my-api"
     */
    protected function calls(
        array $service = [],
        ?AuditSink $audit = null,
        ?CallContext $context = null,
        ?CredentialProvider $credentials = null,
    ): ServiceCalls {
        $registry = new ArrayServiceRegistry([
            'my-api' => $service + [
                'base_url' => 'https://api.example.com/v1',
                'policy' => ['allowed_methods' => ['GET', 'POST']],
                'credentials' => [['identifier' => 'vault:my_key', 'type' => 'bearer']],
            ],
            'broken' => ['base_url' => 'https://api.example.com/v1'],
        ]);
        return new ServiceCalls(
            $registry,
            $credentials ?? $this->credentials,
            $this->transport,
            $audit ?? $this->audit,
            $context,
            $this->events,
            $this->logger,
        );
    }

    /**
     * @param array<string, mixed> $service
     */
    protected function client(
        array $service = [],
        ?AuditSink $audit = null,
        ?CallContext $context = null,
        ?CredentialProvider $credentials = null,
    ): SecureHttpClient {
        return new SecureHttpClient($this->calls($service, $audit, $context, $credentials));
    }

    /** The exception with which the call ends. */
    protected static function failure(\Closure $call): OutboundException
    {
        try {
            $call();
        } catch (OutboundException $failure) {
            self::assertNull($failure->getPrevious());
            return $failure;
        }
        self::fail('The call was answered.');
    }
}
