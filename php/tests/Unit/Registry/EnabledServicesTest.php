<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Registry;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\EnabledServices;
use PHPUnit\Framework\TestCase;

/**
 * An installation can call the services that it enables, and no others of its registry.
 */
final class EnabledServicesTest extends TestCase
{
    public function testWhatIsNamedIsTheRegistrys(): void
    {
        $services = self::services(['crm', 'gone']);

        self::assertSame('crm', $services->get('crm')->id);
        self::assertSame('policy.service_unknown', self::refusal($services, 'gone')->errorCode());
    }

    public function testWhatIsNotNamedIsRefusedWhateverItIs(): void
    {
        $services = self::services(['crm']);

        foreach (['weather', 'broken', 'gone'] as $id) {
            $refusal = self::refusal($services, $id);
            self::assertSame('policy.service_not_enabled', $refusal->errorCode());
            self::assertStringContainsString("the service \"$id\" may not be called in this installation", $refusal->getMessage());
            self::assertStringContainsString('name others', $refusal->getMessage());
        }
        self::assertStringNotContainsString('s3cr3t', self::refusal($services, "s3cr3t\n")->getMessage());
    }

    public function testAnEmptyListIsTheEmergencyStop(): void
    {
        self::assertStringContainsString('name none', self::refusal(self::services([]), 'crm')->getMessage());
    }

    public function testTheRegistryIsShownAsItIs(): void
    {
        $services = self::services([]);

        self::assertSame(['crm', 'weather', 'broken'], $services->ids());
        self::assertSame(['broken'], array_values(array_unique(array_column($services->problems(), 'entry'))));
    }

    /**
     * @param list<string> $enabled
     */
    private static function services(array $enabled): EnabledServices
    {
        $entry = ['base_url' => 'https://api.example.com', 'policy' => ['allowed_methods' => ['GET']]];
        return new EnabledServices(new ArrayServiceRegistry(['crm' => $entry, 'weather' => $entry, 'broken' => []]), $enabled);
    }

    private static function refusal(EnabledServices $services, string $id): OutboundException
    {
        try {
            $services->get($id);
        } catch (OutboundException $refusal) {
            return $refusal;
        }
        self::fail("$id is not refused.");
    }
}
