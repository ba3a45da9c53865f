<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Server;

/**
 * What a host calls: a server on loopback, and how it is reached.
 */
interface ApiServer
{
    /** The base URL "https://localhost:PORT/v1". */
    public function url(): string;

    /**
     * A configuration that trusts this server and may reach it.
     *
     * @param array<string, mixed> $more
     * @return array<string, mixed>
     */
    public function config(#[\SensitiveParameter] array $more = []): array;

    public function stop(): void;
}
