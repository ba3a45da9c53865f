<?php

/** Which transport each setting selects, how often that is logged, and what a fallback is given. */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Testing\FakeTransport;
use Netresearch\NrVault\Transport\TransportFactory;
use Psr\Log\AbstractLogger;

require __DIR__ . '/../php/autoload.php';
require 'Psr/Log/autoload.php';

$logger = new class extends AbstractLogger {
    /** @var list<string> */
    public array $lines = [];

    /**
     * @param mixed $level
     * @param string|\Stringable $message
     * @param array<mixed> $context
     */
    public function log($level, $message, array $context = []): void
    {
        $this->lines[] = $level . ' ' . strtr((string) $message, ['{reason}' => $context['reason'] ?? '']);
    }
};
$config = json_decode($argv[1] ?? '{}', true);
$results = [];
foreach (['with' => static fn (): FakeTransport => new FakeTransport(), 'without' => null] as $php => $make) {
    $factory = new TransportFactory($config, null, $logger, $make);
    foreach (['auto', 'auto', 'rust', 'php'] as $transport) {
        try {
            $results[$php][$transport] = basename(strtr($factory->select($transport)::class, '\\', '/'));
        } catch (OutboundException $exception) {
            $results[$php][$transport] = $exception->errorCode();
        }
    }
}
echo json_encode(['results' => $results, 'log' => $logger->lines]);
