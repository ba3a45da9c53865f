<?php

/**
 * Makes a shell script of the steps of pages, for .ci/fresh-root:
 *
 *     php steps.php PAGE[#section] …          the script
 *     php steps.php --modes                   PATH MODE OWNER:GROUP of each file in the table of docs/install.md
 *
 * - Blocks of sh are run one after another, each in the directory in which the script is run.
 * - Blocks of json, ini, conf and php are written to the absolute path that the line before them names last; a block
 *   without such a line is left out.
 * - The first link to one of $links is followed: the steps of its target come in its place.
 * - The packages of docs/install.md are in the root already, so the commands that install them are left out. A page that
 *   needs others has a step that fails.
 */

declare(strict_types=1);

$root = dirname(__DIR__, 3);
$wantsModes = ($argv[1] ?? '') === '--modes';
$links = [
    'php-api.md#what-the-host-provides' => 'docs/php-api.md#what-the-host-provides',
    'install.md#the-first-call' => 'docs/install.md#the-first-call',
];
$done = [];

/** @return list<string> the lines of a page, or of one section of it */
$lines = static function (string $target) use ($root): array {
    [$page, $anchor] = explode('#', $target . '#');
    $section = [];
    $level = $anchor === '' ? 0 : null;
    $fenced = false;
    foreach (explode("\n", (string) file_get_contents($root . '/' . $page)) as $line) {
        $fenced = str_starts_with(ltrim($line), '```') ? !$fenced : $fenced;
        if (!$fenced && $level !== 0 && preg_match('/^(#+) (.*)$/', $line, $heading) === 1) {
            $slug = str_replace(' ', '-', (string) preg_replace('/[^\w\- ]/', '', strtolower($heading[2])));
            if ($level !== null && strlen($heading[1]) <= $level) {
                break;
            }
            $level ??= $slug === $anchor ? strlen($heading[1]) : null;
        }
        if ($level !== null) {
            $section[] = $line;
        }
    }
    return $section !== [] ? $section : throw new LogicException("There is no $target");
};

/** @return list<array{string, string, string}> language, code, file */
$blocks = static function (string $target) use ($lines, $links, &$blocks, &$done): array {
    $done[$target] = true;
    $found = [];
    $open = null;
    $before = '';
    foreach ($lines($target) as $line) {
        if ($open !== null) {
            if (trim($line) === '```') {
                $found[] = $open;
                $open = null;
                $before = '';
            } else {
                $open[1] .= preg_replace('/^ {0,' . $open[3] . '}/', '', $line) . "\n";
            }
        } elseif (preg_match('/^( *)```(\w*)$/', $line, $fence) === 1) {
            preg_match('/.*`(\/[^`\s]+)`/', $before, $file);
            $open = [$fence[2], '', $file[1] ?? '', strlen($fence[1])];
        } else {
            $before = trim($line) === '' ? $before : $line;
            foreach ($links as $anchor => $next) {
                if (str_contains($line, $anchor . ')') && !isset($done[$next])) {
                    $done[$next] = true;
                    array_push($found, ...$blocks($next));
                }
            }
        }
    }
    return $found;
};

if ($wantsModes) {
    $page = str_replace('$PREFIX', '/usr/local', (string) file_get_contents($root . '/docs/install.md'));
    preg_match_all('/^\| `(\/[^`\s]+)` \| (\d{4}) (\S+:\S+) \|/m', $page, $rows, PREG_SET_ORDER);
    foreach ($rows as [, $path, $mode, $owner]) {
        echo "$path $mode $owner\n";
    }
    exit(0);
}

$packages = 'docs/install.md#packages';
$installed = $argv[1] === $packages ? [] : array_column($blocks($packages), 1);
foreach (array_slice($argv, 1) as $target) {
    foreach ($blocks($target) as $number => [$language, $code, $file]) {
        if ($language === 'sh' && !in_array($code, $installed, true)) {
            echo "(\n$code)\n";
        } elseif ($file !== '' && in_array($language, ['json', 'ini', 'conf', 'php'], true)) {
            echo "cat > $file <<'END_OF_FILE_$number'\n{$code}END_OF_FILE_$number\n";
        }
    }
}
