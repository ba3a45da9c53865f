<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Functional\DropIn;

use GuzzleHttp\Psr7\Request;
use Netresearch\NrSecureOutbound\Tests\Functional\CallTestCase;
use Netresearch\NrVault\Http\VaultHttpClientFactory;
use Netresearch\NrVault\Http\VaultHttpClientInterface;
use Netresearch\NrVault\Service\VaultServiceInterface;
use Psr\Http\Message\ResponseInterface;

/**
 * Calls by nr-vault's client, as an extension makes them.
 */
abstract class DropInTestCase extends CallTestCase
{
    protected const AUDIT = 'tx_nrvault_outbound_audit';
    protected const VAULT_AUDIT = 'tx_nrvault_audit_log';

    protected static function dropIn(string $setting): void
    {
        self::setting(['SYS', 'nrVault', 'outbound', 'drop_in'], $setting);
    }

    /** The client that extensions get. */
    protected function http(): VaultHttpClientInterface
    {
        return $this->get(VaultServiceInterface::class)->http();
    }

    /** nr-vault's own client, whatever the setting. */
    protected function upstreamHttp(): VaultHttpClientInterface
    {
        return $this->get(VaultHttpClientFactory::class)->create($this->get(VaultServiceInterface::class));
    }

    /**
     * @param array<string, string|list<string>> $headers
     */
    protected static function request(
        string $method = 'GET',
        string $path = '/echo',
        array $headers = [],
        string $body = '',
        ?string $url = null,
    ): Request {
        return new Request($method, $url ?? self::$upstream->url() . $path, $headers, $body);
    }

    /**
     * What the API received.
     *
     * @return array<mixed>
     */
    protected static function seen(ResponseInterface $response): array
    {
        $seen = json_decode((string) $response->getBody(), true, 16, JSON_THROW_ON_ERROR);
        self::assertIsArray($seen);
        return $seen;
    }

    protected static function seenHeader(ResponseInterface $response, string $name): mixed
    {
        $headers = self::seen($response)['headers'] ?? null;
        self::assertIsArray($headers);
        return $headers[$name] ?? null;
    }

    /**
     * nr-vault's records of calls.
     *
     * @return list<array<string, mixed>>
     */
    protected function vaultCalls(): array
    {
        $rows = array_filter(
            $this->rows(self::VAULT_AUDIT),
            static fn (array $row): bool => is_string($row['action']) && str_starts_with($row['action'], 'http_call'),
        );
        return array_values($rows);
    }

    /**
     * The class that made a call.
     *
     * @param array<string, mixed> $record
     */
    protected static function callerOf(array $record): string
    {
        self::assertIsString($record['caller']);
        return explode('::', $record['caller'])[0];
    }

    /**
     * @param \Closure(): mixed $call
     */
    protected static function thrown(\Closure $call): \Throwable
    {
        try {
            $call();
        } catch (\Throwable $thrown) {
            return $thrown;
        }
        self::fail('The call was answered.');
    }
}
