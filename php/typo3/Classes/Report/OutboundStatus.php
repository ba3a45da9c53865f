<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Report;

use Netresearch\NrSecureOutbound\Doctor\Doctor;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use TYPO3\CMS\Core\Type\ContextualFeedbackSeverity;
use TYPO3\CMS\Reports\Status;
use TYPO3\CMS\Reports\StatusProviderInterface;

/**
 * The doctor's findings in TYPO3's reports module, as the web server's PHP sees them. DependencyInjection\Reports defines it if
 * the module is installed.
 *
 * @internal
 */
final readonly class OutboundStatus implements StatusProviderInterface
{
    private const LABEL = 'Secure Outbound';

    public function __construct(private Doctor $doctor)
    {
    }

    public function getLabel(): string
    {
        return self::LABEL;
    }

    /**
     * @return list<Status> one for each problem, and one for everything that is in order
     */
    public function getStatus(): array
    {
        $findings = $this->doctor->findings();
        $problems = array_filter($findings, static fn (Finding $finding): bool => $finding->verdict !== Finding::OK);
        $sound = count($findings) - count($problems);
        return [
            new Status(self::LABEL, "$sound things are in order", '', ContextualFeedbackSeverity::OK),
            ...array_map(self::status(...), array_values($problems)),
        ];
    }

    private static function status(Finding $finding): Status
    {
        // The module shows the message as HTML, and all else as text.
        $remedy = $finding->remedy === '' ? '' : '<br><code>' . htmlspecialchars($finding->remedy) . '</code>';
        return new Status(
            self::LABEL,
            $finding->code,
            htmlspecialchars($finding->message) . $remedy,
            $finding->verdict === Finding::CRITICAL ? ContextualFeedbackSeverity::ERROR : ContextualFeedbackSeverity::WARNING,
        );
    }
}
