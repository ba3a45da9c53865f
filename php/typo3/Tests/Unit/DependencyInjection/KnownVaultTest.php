<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit\DependencyInjection;

use Netresearch\NrSecureOutbound\DependencyInjection\KnownVault;
use Netresearch\NrVault\Crypto\EncryptionServiceInterface;
use Netresearch\NrVault\Service\VaultService;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * A change in nr-vault is found and named before PHP loads a class that would be a fatal error.
 */
final class KnownVaultTest extends TestCase
{
    use MovedClasses;

    #[Test]
    public function theInstalledOneIsKnown(): void
    {
        self::assertNull(KnownVault::difference());
    }

    #[Test]
    public function theNextOneIsKnownToo(): void
    {
        $version = 'int $encryptionVersion = self::LEGACY, string $encryptionAlgorithm = ""';
        $interface = self::moved(EncryptionServiceInterface::class, [
            '/interface (\w+)\s*\{/' => "interface $1\n{\n    public const LEGACY = 1;",
            '/(string \$valueNonce,\s+string \$identifier),/' => "$1, $version,",
            '/(string \$newMasterKey),/' => "$1, $version,",
        ]);
        $service = self::moved(VaultService::class, [
            '/(\?EventDispatcherInterface \$eventDispatcher = null),/'
                => '$1, private readonly ?\Psr\Log\LoggerInterface $logger = null, private readonly ?\stdClass $sites = null,',
        ]);

        self::assertNull(KnownVault::difference($interface, $service));
    }

    /**
     * @return array<string, array{class-string, array<string, string>, string}>
     */
    public static function moves(): array
    {
        $interface = EncryptionServiceInterface::class;
        return [
            'a method more' => [
                $interface,
                ['/public function generateDek/' => "public function seal(string \$text): string;\n    public function generateDek"],
                '::seal() is new',
            ],
            'a method less' => [$interface, ['/public function generateDek\(\): string;/' => ''], '::generateDek() is gone'],
            'an argument more' => [$interface, ['/(string \$valueNonce,\s+string \$identifier),/' => '$1, ?string $context = null,'],
                '::decrypt() has other arguments'],
            'an argument of another name' => [$interface, ['/\$dekNonce/' => '$keyNonce'], '::decrypt() has other arguments'],
            'an argument of another type' => [$interface, ['/string \$plaintext/' => '\Stringable $plaintext'],
                '::encrypt() has other arguments'],
            'another result' => [$interface, ['/generateDek\(\): string/' => 'generateDek(): ?string'], '::generateDek() has other arguments'],
            'one more to be given' => [
                VaultService::class,
                ['/private readonly VaultAdapterInterface/' => 'private readonly \stdClass $sites, $0'],
                '::__construct() has another argument $sites',
            ],
            'one of another name' => [VaultService::class, ['/\$encryptionService/' => '$encryption'],
                '::__construct() has another argument $encryption'],
            'one that is gone' => [
                VaultService::class,
                ['/private readonly EncryptionServiceInterface \$encryptionService,/' => ''],
                '::__construct() has no argument $encryptionService',
            ],
            'retrieve' => [VaultService::class, ['/function retrieve\(string \$identifier\)/' => 'function retrieve(string $id, int $as = 0)'],
                '::retrieve() has other arguments'],
        ];
    }

    /**
     * @param class-string $class
     * @param array<string, string> $changes
     */
    #[Test]
    #[DataProvider('moves')]
    public function whatHasMovedIsNamed(string $class, array $changes, string $difference): void
    {
        $moved = self::moved($class, $changes);

        $found = $class === VaultService::class
            ? KnownVault::difference(service: $moved)
            : KnownVault::difference($moved);

        self::assertStringEndsWith($difference, (string) $found);
    }

    #[Test]
    public function whatIsGoneIsNamed(): void
    {
        self::assertStringContainsString('there is no', (string) KnownVault::difference('No\Such\Thing'));
        self::assertStringContainsString('there is no', (string) KnownVault::difference(service: 'No\Such\Thing'));
    }
}
