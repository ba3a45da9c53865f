<?php

/** Which transport each setting selects, and what is logged about the choice. */

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\TransportFactory;
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
$messages = [];
$factory = new TransportFactory($config, null, $logger);
foreach (['auto', 'auto', 'rust', 'php'] as $transport) {
    try {
        $results[$transport] = basename(strtr($factory->select($transport)::class, '\\', '/'));
    } catch (OutboundException $exception) {
        $results[$transport] = $exception->errorCode();
        $messages[$transport] = $exception->getMessage();
    }
}
echo json_encode(['results' => $results, 'messages' => $messages, 'log' => $logger->lines]);
