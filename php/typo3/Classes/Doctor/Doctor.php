<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Doctor;

use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Exception\PartFailure;
use Symfony\Component\DependencyInjection\Attribute\AutowireIterator;

/**
 * All findings about an installation, as the current process sees it. The settings of PHP and the library are those of the
 * command line if a command asks, and those of the web server's PHP if the backend asks.
 *
 * @internal
 */
final readonly class Doctor
{
    /** Beginnings of codes, from what every call needs to what one service needs; others come last. */
    private const ORDER = ['php', 'library', 'header', 'fpm', 'config', 'vault', 'settings', 'http', 'site', 'registry', 'dropin'];

    /** Titles of the parts of a report, by the beginning of a finding's code. */
    public const SECTIONS = [
        'vault' => 'nr-vault',
        'settings' => 'Settings of the installation',
        'http' => 'HTTP settings of TYPO3',
        'site' => 'Sites',
        'dropin' => "Calls of nr-vault's HTTP client",
    ];

    /**
     * @param iterable<Check> $checks
     */
    public function __construct(#[AutowireIterator(Check::TAG)] private iterable $checks)
    {
    }

    /**
     * @return list<Finding>
     */
    public function findings(): array
    {
        $findings = [];
        foreach ($this->checks as $check) {
            try {
                array_push($findings, ...$check->findings());
            } catch (OutboundException $refusal) {
                $findings[] = self::failed($check, $refusal->getMessage());
            } catch (\Throwable $thrown) {
                $findings[] = self::failed($check, PartFailure::nameOf($thrown));
            }
        }
        $places = array_flip(self::ORDER);
        $place = static fn (Finding $finding): int => $places[strtok($finding->code, '.')] ?? count($places);
        usort($findings, static fn (Finding $one, Finding $other): int => $place($one) <=> $place($other));
        return $findings;
    }

    private static function failed(Check $check, string $why): Finding
    {
        $name = (new \ReflectionClass($check))->getShortName();
        return Finding::critical('doctor.check', "$name could not look: $why", 'less var/log/typo3_*.log   # and the database');
    }
}
