<?php

/**
 * Runs the steps of a page; PageTest says how. All PHP of a page shares its imports and variables.
 */

declare(strict_types=1);

require __DIR__ . '/../bootstrap.php';

set_error_handler(static fn (int $level, string $message): never => throw new ErrorException($message));

$run = 0;
$imports = [];
foreach (json_decode((string) file_get_contents($argv[1]), true) as $step) {
    $place = 'the example at line ' . $step['line'];
    $run += $step['language'] === 'text' ? 0 : 1;
    if ($step['language'] === 'json') {
        $step['file'] ?? throw new LogicException($place . ' names no file');
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
        preg_match_all('/^use .*;\n/m', $step['code'], $own);
        $imports = array_unique([...$imports, ...$own[0]]);
        $code = implode('', $imports) . str_replace($own[0], '', $step['code']);
        file_put_contents($example, "<?php\n\ndeclare(strict_types=1);\n\n" . $code);
        ob_start();
        require $example;
        $printed = (string) ob_get_clean();
        if ($printed !== implode('', $step['expected'])) {
            echo $place, " prints\n", $printed, "\nand not\n", implode('', $step['expected']), "\n";
            exit(1);
        }
    }
}
echo $run, " examples\n";
