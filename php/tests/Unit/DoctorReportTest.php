<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Cli\Console\Refusal;
use Netresearch\NrVault\Outbound\Cli\Console\Streams;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Netresearch\NrVault\Outbound\Cli\Doctor\Report;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use PHPUnit\Framework\TestCase;

/**
 * How the doctor's findings are printed on a terminal.
 */
final class DoctorReportTest extends TestCase
{
    public function testSectionsFirstAndTheWorstLast(): void
    {
        self::assertSame(
            <<<'TEXT'
                PHP on the command line
                  ok  php.version   One.

                Library and header
                  ok  library.file  Two.
                  ok  header.file   Three.

                WARNING  config.file
                  Four.
                  → fix four

                CRITICAL  library.abi
                  Five.
                  → fix five

                3 ok, 1 warning, 1 critical

                TEXT,
            $this->report(self::findings()),
        );
    }

    public function testQuietShowsWhatIsWrongAndIsSilentWhereNothingIs(): void
    {
        self::assertStringStartsWith('WARNING  config.file', $this->report(self::findings(), isQuiet: true));
        self::assertSame('', $this->report([Finding::ok('php.version', 'One.')], isQuiet: true));
    }

    public function testLinesAreFoldedBetweenWordsAndMendsAreNot(): void
    {
        $text = rtrim(str_repeat('wörd ', 20));
        $remedy = str_repeat('fix ', 20) . 'end';
        $report = $this->report([Finding::ok('php.version', $text), Finding::warning('config.file', $text, $remedy)], width: 50);
        foreach (explode("\n", $report) as $line) {
            if (!str_contains($line, 'fix')) {
                self::assertLessThanOrEqual(50, preg_match_all('/./u', $line), $line);
            }
        }

        self::assertStringContainsString("\n" . str_repeat(' ', 19) . 'wörd', $report, 'below the first word');
        self::assertStringContainsString('→ ' . $remedy . "\n", $report);
        self::assertSame(40, preg_match_all('/wörd/u', $report));
    }

    public function testColoursOnlyWhereTheyAreWanted(): void
    {
        self::assertStringNotContainsString("\e", $this->report(self::findings()));
        $coloured = $this->report(self::findings(), isColoured: true);
        self::assertStringContainsString("\e[1;31mCRITICAL\e[0m", $coloured);
        self::assertSame($this->report(self::findings()), preg_replace('/\e\[[\d;]*m/', '', $coloured));
    }

    public function testThePortOfAnInternalHostIsNotAMatterOfThePolicy(): void
    {
        $internal = OutboundException::create('policy.port_not_allowed', 'the internal host has another port');
        $other = OutboundException::create('policy.port_not_allowed', 'the host is allowed, but not on this port');

        self::assertStringContainsString('internal_hosts of the configuration', Refusal::remedyOf($internal));
        self::assertStringContainsString('policy.allowed_hosts', Refusal::remedyOf($other));
    }

    /**
     * @return list<Finding>
     */
    private static function findings(): array
    {
        return [
            Finding::ok('php.version', 'One.'),
            Finding::ok('library.file', 'Two.'),
            Finding::critical('library.abi', 'Five.', 'fix five'),
            Finding::ok('header.file', 'Three.'),
            Finding::warning('config.file', 'Four.', 'fix four'),
        ];
    }

    /**
     * @param list<Finding> $findings
     */
    private function report(array $findings, bool $isQuiet = false, int $width = 100, bool $isColoured = false): string
    {
        $out = fopen('php://memory', 'w+');
        (new Report(new Streams(STDIN, $out, $out), $isColoured, $width))->write($findings, $isQuiet);
        rewind($out);
        return (string) stream_get_contents($out);
    }
}
