<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use Netresearch\NrVault\Service\VaultServiceInterface;
use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Output\OutputInterface;
use TYPO3\CMS\Core\Core\Bootstrap;
use TYPO3\CMS\Core\Database\ConnectionPool;
use TYPO3\CMS\Core\DataHandling\DataHandler;
use TYPO3\CMS\Core\Utility\GeneralUtility;
use TYPO3\CMS\Scheduler\Domain\Repository\SchedulerTaskRepository;
use TYPO3\CMS\Scheduler\Execution;
use TYPO3\CMS\Scheduler\Task\ExecuteSchedulableCommandTask;

/**
 * Creates what a test needs, as an administrator would: secrets, services, and a task of the scheduler.
 */
final class PrepareCommand extends Command
{
    public function __construct(
        private readonly VaultServiceInterface $vault,
        private readonly ConnectionPool $connections,
        private readonly SchedulerTaskRepository $tasks,
    ) {
        parent::__construct();
    }

    protected function configure(): void
    {
        $this->addArgument('file', InputArgument::REQUIRED, 'JSON: services (id, base_url, secret, options, fields, hidden), users, task');
    }

    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        Bootstrap::initializeBackendAuthentication();
        $file = $input->getArgument('file');
        $wanted = json_decode((string) file_get_contents(is_string($file) ? $file : ''), true, 16, JSON_THROW_ON_ERROR);
        foreach ($wanted['services'] ?? [] as $service) {
            $this->service($service);
        }
        foreach ($wanted['users'] ?? [] as $user) {
            $this->user($user);
        }
        if (isset($wanted['task'])) {
            $this->task($wanted['task']);
        }
        return self::SUCCESS;
    }

    /**
     * @param array<string, mixed> $service
     */
    private function service(array $service): void
    {
        $identifier = $service['id'] . '_token';
        $this->vault->store($identifier, $service['secret'], $service['options'] ?? []);
        $secrets = $this->connections->getConnectionForTable('tx_nrvault_secret');
        $uid = $secrets->select(['uid'], 'tx_nrvault_secret', ['identifier' => $identifier])->fetchOne();
        $this->write([
            'tx_nrvault_credential_set' => ['NEW1' => [
                'pid' => 0,
                'identifier' => $service['id'] . '-token',
                'secret_uid' => $uid,
                'type' => 'secret',
                'placement' => 'bearer',
            ]],
            'tx_nrvault_service' => ['NEW2' => ($service['fields'] ?? []) + [
                'pid' => 0,
                'identifier' => $service['id'],
                'base_url' => $service['base_url'],
                'allowed_methods' => 'GET',
                'credential_sets' => 'NEW1',
            ]],
        ]);
        if (isset($service['hidden'])) {
            $secrets->update('tx_nrvault_secret', ['hidden' => 1], ['uid' => $uid]);
        }
    }

    /**
     * @param array<string, string> $user name, password, and the modules and rights of a group of its own
     */
    private function user(#[\SensitiveParameter] array $user): void
    {
        $this->write([
            'be_groups' => ['NEW1' => [
                'pid' => 0,
                'title' => $user['name'],
                'groupMods' => $user['modules'],
                'custom_options' => $user['rights'],
            ]],
            'be_users' => ['NEW2' => [
                'pid' => 0,
                'username' => $user['name'],
                'password' => $user['password'],
                'usergroup' => 'NEW1',
                'disable' => 0,
            ]],
        ]);
    }

    /**
     * @param array<string, array<string, array<string, mixed>>> $records new ones, by table
     */
    private function write(array $records): void
    {
        $handler = GeneralUtility::makeInstance(DataHandler::class);
        $handler->start($records, []);
        $handler->process_datamap();
        if ($handler->errorLog !== []) {
            throw new \RuntimeException(implode("\n", $handler->errorLog));
        }
    }

    /**
     * The task is due at once.
     *
     * @param string $services that it calls, separated by commas
     */
    private function task(string $services): void
    {
        file_put_contents(CallCommand::task(), $services);
        $task = GeneralUtility::makeInstance(ExecuteSchedulableCommandTask::class);
        if (method_exists($task, 'setCommandIdentifier')) {
            $task->setCommandIdentifier('outbound-test:call');
            $task->registerRecurringExecution(time() - 60, 3600);
        } else {
            $task->setTaskType('outbound-test:call');
            $task->setExecution(Execution::createRecurringExecution(time() - 60, 3600));
        }
        $task->setRunOnNextCronJob(true);
        if (!$this->tasks->add($task)) {
            throw new \RuntimeException('The task was not stored.');
        }
    }
}
