<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Wizard;

use Netresearch\NrSecureOutbound\Backend\Labels;
use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrSecureOutbound\Registry\ServiceRows;
use Netresearch\NrVault\Exception\VaultException;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Cli\Payload;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Service\VaultServiceInterface;
use Netresearch\NrVault\Transport\Secret\Secret;
use TYPO3\CMS\Core\Database\ConnectionPool;
use TYPO3\CMS\Core\DataHandling\DataHandler;
use TYPO3\CMS\Core\Utility\GeneralUtility;

/**
 * Creates secret, credential set and service of a template: all three, or none of them.
 *
 * @internal
 */
final readonly class ServiceMaker
{
    public function __construct(
        private VaultServiceInterface $vault,
        private ServiceRows $rows,
        private ConnectionPool $connections,
    ) {
    }

    /**
     * Why a service cannot be created, by field.
     *
     * @return array<string, string>
     */
    public function problems(Template $template, Wish $wish): array
    {
        $problems = [];
        if (preg_match(ServiceDefinition::ID, $wish->id) !== 1) {
            $problems['id'] = Labels::get('wizard.problem.id');
        } elseif ($this->isTaken($wish)) {
            $problems['id'] = Labels::get('wizard.problem.taken');
        }
        if (!$wish->hasBaseUrl()) {
            $problems['base_url'] = Labels::get('wizard.problem.base_url');
        }
        foreach ($wish->unusable($template) as $field) {
            $problems[$field] = Labels::get('wizard.problem.secret');
        }
        if ($template->hasAccount && !$wish->saysWhatFor()) {
            $problems['scopes'] = Labels::get('wizard.problem.scopes');
        }
        if ($problems === []) {
            try {
                Payload::check($wish->payload($template));
            } catch (UsageError $refusal) {
                $problems['key'] = $refusal->getMessage();
            }
        }
        return $problems;
    }

    /**
     * @param Wish $wish one that has no problems
     * @return int|null the uid of the service; null if one of the three could not be stored, and then none of them is
     */
    public function make(Template $template, Wish $wish): ?int
    {
        $secret = $this->store($wish, $wish->payload($template));
        if ($secret === null) {
            return null;
        }
        $handler = GeneralUtility::makeInstance(DataHandler::class);
        $handler->start([
            ServiceRows::SETS => ['NEW1' => ['pid' => 0, 'secret_uid' => $secret] + $template->set($wish->setId())],
            ServiceRows::TABLE => ['NEW2' => ['pid' => 0, 'credential_sets' => 'NEW1']
                + $template->service($wish->id, $wish->baseUrl)],
        ], []);
        $handler->process_datamap();
        $service = $handler->substNEWwithIDs['NEW2'] ?? null;
        if ($handler->errorLog === [] && is_int($service)) {
            return $service;
        }
        $this->undo($handler, $wish);
        return null;
    }

    private function isTaken(Wish $wish): bool
    {
        return $this->rows->withId($wish->id) !== [] || $this->vault->exists($wish->secretId()) || $this->setIds($wish) > 0;
    }

    private function setIds(Wish $wish): int
    {
        return $this->connections->getConnectionForTable(ServiceRows::SETS)
            ->count('uid', ServiceRows::SETS, ['identifier' => $wish->setId(), 'deleted' => 0]);
    }

    /**
     * @return int|null uid of the secret; null if nr-vault does not store it
     */
    private function store(Wish $wish, #[\SensitiveParameter] Secret $payload): ?int
    {
        try {
            $this->vault->store($wish->secretId(), $payload->expose());
        } catch (VaultException) {
            return null;
        }
        $row = $this->connections->getConnectionForTable(ServiceRows::SECRETS)
            ->select(['uid'], ServiceRows::SECRETS, ['identifier' => $wish->secretId(), 'deleted' => 0])
            ->fetchAssociative();
        return $row === false ? null : Cell::integer($row, 'uid');
    }

    private function undo(DataHandler $done, Wish $wish): void
    {
        $commands = [];
        foreach (['NEW2' => ServiceRows::TABLE, 'NEW1' => ServiceRows::SETS] as $new => $table) {
            $uid = $done->substNEWwithIDs[$new] ?? null;
            if (is_int($uid)) {
                $commands[$table][$uid] = ['delete' => 1];
            }
        }
        $handler = GeneralUtility::makeInstance(DataHandler::class);
        $handler->start([], $commands);
        $handler->process_cmdmap();
        $this->vault->delete($wish->secretId(), 'its service could not be stored');
    }
}
