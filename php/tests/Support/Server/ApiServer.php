<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Server;

/**
 * An API on loopback for the calls of a host, with the URL and the configuration that they need.
 */
interface ApiServer
{
    /** The base URL "https://localhost:PORT/v1". */
    public function url(): string;

    /**
     * A configuration that trusts this server and allows connections to it.
     *
     * @param array<string, mixed> $more
     * @return array<string, mixed>
     */
    public function config(#[\SensitiveParameter] array $more = []): array;

    public function stop(): void;
}
