<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Benches;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Fpm;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * The time that a registry takes in each php-fpm request, as JSON and compiled: from the construction of JsonFileServiceRegistry to the
 * definition of one service, including the loading of classes from opcache.
 */
final class Registries
{
    public const BASE = 'read as it is';

    private const COMPILED = 'compiled';

    /** Title => the number of services, and the number of path patterns of each. */
    private const KINDS = [
        'registry of 1 service' => [1, 3],
        'registry of 500 services' => [500, 3],
        'registry of 5000 services' => [5000, 3],
        'registry of 1 service with 1000 patterns' => [1, 1000],
    ];

    /**
     * @return list<Samples>
     */
    public function measure(int $requests): array
    {
        $directory = new TempDir('registries');
        $cache = $directory->path . '/cache';
        mkdir($cache, 0700) && chown($cache, Fpm::USER);
        $files = [];
        foreach (self::KINDS as $title => [$services, $patterns]) {
            $files[$title] = $directory->write(strtr($title, ' ', '-') . '.json', self::json($services, $patterns));
        }
        $fpm = new Fpm([]);
        try {
            $ask = static fn (string $file, ?string $cache): array => $fpm->request(
                dirname(__DIR__) . '/fpm/registry.php',
                (string) json_encode(['autoload' => Build::php() . '/autoload.php', 'file' => $file, 'cache' => $cache, 'id' => 'service-0']),
            )->json();
            $cases = [];
            foreach ($files as $title => $file) {
                Poll::until(static fn (): bool => $ask($file, $cache)['compiled'], 'the compiled registry');
                $cases[$title] = new Samples('registry', $title, self::BASE);
            }
            for ($request = 0; $request < $requests; ++$request) {
                foreach ($files as $title => $file) {
                    foreach ([self::BASE => null, self::COMPILED => $cache] as $way => $of) {
                        $answer = $ask($file, $of);
                        $cases[$title]->add($way, $answer['taken'], $answer['used']);
                    }
                }
            }
            return array_values($cases);
        } finally {
            $fpm->stop();
            $directory->remove();
        }
    }

    private static function json(int $count, int $patterns): string
    {
        $services = [];
        for ($id = 0; $id < $count; ++$id) {
            $services["service-$id"] = [
                'base_url' => "https://api$id.example.com/v1",
                'policy' => [
                    'allowed_methods' => ['GET', 'POST'],
                    'allowed_paths' => array_map(static fn (int $path): string => "/v1/resources$path/{id}/notes", range(1, $patterns)),
                    'timeout_ms' => 10000,
                ],
                'headers' => ['accept' => 'application/json'],
                'credentials' => [['identifier' => "vault:key_$id", 'type' => 'bearer']],
            ];
        }
        return (string) json_encode(['version' => 1, 'services' => $services]);
    }
}
