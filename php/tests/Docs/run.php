<?php

/**
 * Runs the steps of a page; PageTest says how. All PHP of a page shares its variables.
 */

declare(strict_types=1);

require __DIR__ . '/../bootstrap.php';

set_error_handler(static fn (int $level, string $message): never => throw new ErrorException($message));

foreach (json_decode((string) file_get_contents($argv[1]), true) as $step) {
    $place = 'the example at line ' . $step['line'];
    if ($step['language'] === 'json') {
        $step['file'] !== null || exit($place . " names no file\n");
        $document = json_decode($step['code'], true, flags: JSON_THROW_ON_ERROR) + $step['merge'];
        file_put_contents($step['file'], json_encode($document, JSON_UNESCAPED_SLASHES));
    } elseif ($step['language'] === 'sh') {
        exec('bash -euo pipefail -c ' . escapeshellarg($step['code']) . ' 2>&1', $output, $code);
        if ($code !== 0) {
            echo $place, ' ended with ', $code, ":\n", implode("\n", $output), "\n";
            exit(1);
        }
    } elseif ($step['language'] === 'php') {
        $example = dirname($argv[1]) . '/example-' . $step['line'] . '.php';
        file_put_contents($example, "<?php\n\ndeclare(strict_types=1);\n\n" . $step['code']);
        ob_start();
        require $example;
        $printed = (string) ob_get_clean();
        if ($printed !== implode('', $step['expected'])) {
            echo $place, " prints\n", $printed, "\nand not\n", implode('', $step['expected']), "\n";
            exit(1);
        }
    }
}
