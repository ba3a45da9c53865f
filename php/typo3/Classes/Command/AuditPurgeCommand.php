<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Command;

use Netresearch\NrSecureOutbound\Audit\DatabaseAuditSink;
use Netresearch\NrVault\Outbound\Audit\AuditRetention;
use Netresearch\NrVault\Outbound\Audit\AuditSinkException;
use Netresearch\NrVault\Outbound\Cli\Application;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Symfony\Component\Console\Attribute\AsCommand;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Input\InputOption;
use Symfony\Component\Console\Output\OutputInterface;

/**
 * Deletes old audit records.
 *
 * @internal
 */
#[AsCommand('outbound:audit:purge', 'Deletes audit records of calls that are old enough')]
final class AuditPurgeCommand extends OutboundCommand
{
    public function __construct(private readonly DatabaseAuditSink $sink)
    {
        parent::__construct();
    }

    protected function configure(): void
    {
        $this
            ->withFormat()
            ->addOption('days', null, InputOption::VALUE_REQUIRED, 'how many days records are kept', (string) AuditRetention::DAYS)
            ->setHelp(<<<'TEXT'
                Deletes the audit records that are older, a thousand at a time, so that calls can go on. Run it once a day: from cron, as a
                task of the scheduler ("Execute console commands"), or in its place the scheduler's "Table garbage collection", which knows the table.
                TEXT);
    }

    protected function perform(InputInterface $input, OutputInterface $output): int
    {
        $json = self::isJson($input);
        $days = (string) self::option($input, 'days');
        if (preg_match('/\A[1-9][0-9]{0,4}\z/', $days) !== 1) {
            throw new UsageError('--days is a whole number from 1 to 99999.');
        }
        try {
            $deleted = $this->sink->purge((int) $days);
        } catch (AuditSinkException $failure) {
            self::error($output, $this->getName() . ': ' . $failure->getMessage() . "\n");
            return Application::FAILED;
        }
        $json
            ? self::json($output, ['version' => 1, 'days' => (int) $days, 'deleted' => $deleted])
            : self::write($output, "deleted: $deleted\n");
        return Application::OK;
    }
}
