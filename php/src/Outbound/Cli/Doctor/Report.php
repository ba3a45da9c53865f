<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Outbound\Cli\Console\Streams;

/**
 * The findings for a person: first what is in order, by sections, then the problems, the worst last, so that the end of the
 * output shows what is most important.
 *
 * @internal
 */
final readonly class Report
{
    private const SECTIONS = [
        'php' => 'PHP on the command line',
        'library' => 'Library and header',
        'header' => 'Library and header',
        'config' => 'Configuration',
        'registry' => 'Registry',
        'sidecar' => 'Sidecar',
        'fpm' => 'php-fpm',
    ];

    private const COLOURS = [Finding::OK => '32', Finding::WARNING => '33', Finding::CRITICAL => '1;31'];

    private const INDENT = '  ';

    /**
     * @param array<string, string> $sections titles of additional sections of a host, by the beginning of their codes
     */
    public function __construct(
        private Streams $streams,
        private bool $isColoured,
        private int $width,
        private array $sections = [],
    ) {
    }

    /**
     * @param list<Finding> $findings
     * @param bool $isQuiet only what is not in order
     */
    public function write(array $findings, bool $isQuiet): void
    {
        $counts = array_count_values(array_column($findings, 'verdict')) + array_fill_keys(Finding::VERDICTS, 0);
        if (!$isQuiet) {
            $this->inOrder($findings);
        }
        foreach ([Finding::WARNING, Finding::CRITICAL] as $verdict) {
            foreach ($findings as $finding) {
                if ($finding->verdict === $verdict) {
                    $this->problem($finding);
                }
            }
        }
        if (!$isQuiet || $counts['warning'] + $counts['critical'] > 0) {
            $warnings = $counts['warning'] . ($counts['warning'] === 1 ? ' warning' : ' warnings');
            $this->streams->write("{$counts['ok']} ok, $warnings, {$counts['critical']} critical\n");
        }
    }

    /**
     * @param list<Finding> $findings
     */
    private function inOrder(array $findings): void
    {
        $section = null;
        $findings = array_filter($findings, static fn (Finding $finding): bool => $finding->verdict === Finding::OK);
        $column = max([0, ...array_map(static fn (Finding $finding): int => strlen($finding->code), $findings)]) + 2;
        foreach ($findings as $finding) {
            $title = (self::SECTIONS + $this->sections)[strtok($finding->code, '.')] ?? 'Other';
            if ($title !== $section) {
                $this->streams->write(($section === null ? '' : "\n") . $this->colour('1', $title) . "\n");
                $section = $title;
            }
            $head = self::INDENT . $this->colour(self::COLOURS[Finding::OK], 'ok') . '  ' . str_pad($finding->code, $column);
            $this->streams->write($head . $this->fold($finding->message, 6 + $column) . "\n");
        }
        $this->streams->write($section === null ? '' : "\n");
    }

    private function problem(Finding $finding): void
    {
        $verdict = $this->colour(self::COLOURS[$finding->verdict], strtoupper($finding->verdict));
        $this->streams->write($verdict . '  ' . $finding->code . "\n");
        $this->streams->write(self::INDENT . $this->fold($finding->message, strlen(self::INDENT)) . "\n");
        if ($finding->remedy !== '') {
            // A remedy is not wrapped, since it will be pasted into a shell.
            $this->streams->write(self::INDENT . $this->colour('36', '→') . ' ' . $finding->remedy . "\n");
        }
        $this->streams->write("\n");
    }

    /** Wraps between words, and indents each further line; a word that is longer than a line is not broken. */
    private function fold(string $text, int $indent): string
    {
        $room = max(24, $this->width - $indent);
        $lines = [''];
        foreach (explode(' ', $text) as $word) {
            $line = end($lines);
            if ($line !== '' && self::length($line) + 1 + self::length($word) > $room) {
                $lines[] = $word;
            } else {
                $lines[array_key_last($lines)] = $line === '' ? $word : $line . ' ' . $word;
            }
        }
        return implode("\n" . str_repeat(' ', $indent), $lines);
    }

    /** The length in characters. */
    private static function length(string $text): int
    {
        return strlen((string) preg_replace('/[\x80-\xBF]/', '', $text));
    }

    private function colour(string $code, string $text): string
    {
        return $this->isColoured ? "\e[" . $code . 'm' . $text . "\e[0m" : $text;
    }
}
