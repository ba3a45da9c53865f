<?php

/**
 * make picture: runs the demo and draws what it prints as docs/demo.svg, which the README shows. Sections that are left out are
 * a line with "…".
 *
 *     php tests/demo/picture.php          draws it
 *     php tests/demo/picture.php --check  exit code 1 where the demo prints something else by now, numbers and tokens aside
 */

declare(strict_types=1);

const PICTURE = __DIR__ . '/../../docs/demo.svg';

/** "" is what the demo prints before its first heading. */
const SECTIONS = ['', 'What the API received', 'What PHP got back', 'What the policy refused', 'Is the secret in PHP?'];

const FONT = 13;
const LINE = 19;
const MARGIN = 20;
const BAR = 34;

/** What stands out, by class. */
const MARKS = [
    'good' => '/found in 0 places|0 failed|^\d+ passed|^201/',
    'secret' => '/Bearer demo_[0-9a-f]+/',
    'sealed' => '/nrv1:\S+/',
    'refused' => '/policy\.[a-z_]+/',
    'heading' => '/^(What|Is) .*$/',
    'faint' => '/^-+$|^…$/',
];

/** @return list<string> */
function demo(): array
{
    exec(PHP_BINARY . ' ' . escapeshellarg(__DIR__ . '/demo.php') . ' 2>&1', $lines, $code);
    return $code === 0 ? $lines : throw new RuntimeException("The demo failed:\n" . implode("\n", $lines));
}

/**
 * @param list<string> $lines of the demo
 * @return list<string>
 */
function shown(array $lines): array
{
    $shown = ['$ make demo'];
    $section = '';
    foreach ($lines as $index => $line) {
        if (preg_match('/^-+$/', $lines[$index + 1] ?? '') === 1) {
            $isLeftOut = !in_array($section, SECTIONS, true);
            $section = $line;
            if ($isLeftOut || !in_array($line, SECTIONS, true)) {
                array_splice($shown, count($shown), 0, end($shown) === '…' || $isLeftOut ? [] : ['…', '']);
            }
        }
        if (in_array($section, SECTIONS, true)) {
            $shown[] = rtrim($line);
        }
    }
    $shown[] = (string) end($lines);
    return $shown;
}

function marked(string $line): string
{
    $escape = static fn (string $text): string => htmlspecialchars($text, ENT_XML1 | ENT_NOQUOTES);
    foreach (MARKS as $class => $pattern) {
        if (preg_match($pattern, $line, $match, PREG_OFFSET_CAPTURE) === 1) {
            [$text, $at] = $match[0];
            return $escape(substr($line, 0, $at)) . "<tspan class=\"$class\">" . $escape($text) . '</tspan>'
                . marked(substr($line, $at + strlen($text)));
        }
    }
    return $escape($line);
}

/** @param list<string> $lines */
function drawn(array $lines): string
{
    $columns = max(array_map(mb_strlen(...), $lines));
    $width = (int) ceil($columns * FONT * 0.61) + 2 * MARGIN;
    $height = BAR + count($lines) * LINE + MARGIN;
    $svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 $width $height\" width=\"$width\" height=\"$height\" role=\"img\">\n"
        . "<title>make demo</title>\n<style>\n"
        . 'text { font: ' . FONT . "px ui-monospace, SFMono-Regular, Menlo, 'DejaVu Sans Mono', monospace; fill: #d6deeb; white-space: pre; }\n"
        . ".good { fill: #7ee787; font-weight: bold; }\n.secret { fill: #ff8f8f; }\n.sealed { fill: #79c0ff; }\n"
        . ".refused { fill: #f2cc60; }\n.heading { font-weight: bold; fill: #ffffff; }\n.faint { fill: #6e7f94; }\n</style>\n"
        . "<rect width=\"$width\" height=\"$height\" rx=\"8\" fill=\"#111827\"/>\n";
    foreach (['#ff5f57', '#febc2e', '#28c840'] as $index => $colour) {
        $svg .= sprintf("<circle cx=\"%d\" cy=\"17\" r=\"5\" fill=\"%s\"/>\n", MARGIN + 2 + 18 * $index, $colour);
    }
    foreach ($lines as $index => $line) {
        if ($line !== '') {
            $svg .= sprintf("<text x=\"%d\" y=\"%d\" xml:space=\"preserve\">%s</text>\n", MARGIN, BAR + ($index + 1) * LINE - 4, marked($line));
        }
    }
    return $svg . "</svg>\n";
}

/** Without what is another one each time. */
function lasting(string $svg): string
{
    preg_match_all('~<text[^>]*>(.*)</text>~', $svg, $texts);
    return (string) preg_replace(['/demo_[0-9a-f]+/', '/nrv1:[^<]+/', '/\d+/'], ['demo_0', 'nrv1', '0'], implode("\n", $texts[1]));
}

$picture = drawn(shown(demo()));
if (($argv[1] ?? '') !== '--check') {
    file_put_contents(PICTURE, $picture);
    exit(0);
}
if (lasting((string) file_get_contents(PICTURE)) !== lasting($picture)) {
    fwrite(STDERR, "docs/demo.svg is of another demo: make picture\n" . lasting($picture) . "\n");
    exit(1);
}
