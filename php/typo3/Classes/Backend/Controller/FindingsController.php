<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Controller;

use Netresearch\NrSecureOutbound\Backend\ModulePage;
use Netresearch\NrSecureOutbound\Backend\Right;
use Netresearch\NrSecureOutbound\Backend\View;
use Netresearch\NrSecureOutbound\Doctor\Doctor;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use TYPO3\CMS\Backend\Attribute\AsController;

/**
 * What the doctor finds in the process of the web server, problems first. It names paths and settings of the host, so only
 * administrators see it.
 *
 * @internal
 */
#[AsController]
final readonly class FindingsController
{
    private const SEVERITIES = [Finding::CRITICAL => 'danger', Finding::WARNING => 'warning', Finding::OK => 'success'];

    public function __construct(private ModulePage $page, private Doctor $doctor)
    {
    }

    public function list(ServerRequestInterface $request): ResponseInterface
    {
        if (!Right::isAdministrator()) {
            return $this->page->refuseAllButAdministrators($request);
        }
        $groups = array_fill_keys(array_keys(self::SEVERITIES), []);
        foreach ($this->doctor->findings() as $finding) {
            $groups[$finding->verdict][] = $finding;
        }
        $findings = [];
        foreach ($groups as $verdict => $group) {
            foreach ($group as $finding) {
                $findings[] = [
                    'verdict' => $verdict,
                    'severity' => self::SEVERITIES[$verdict] ?? 'default',
                    'code' => $finding->code,
                    'message' => $finding->message,
                    'remedy' => $finding->remedy,
                ];
            }
        }
        return $this->page->respond($request, 'Findings/List', View::Findings->label(), ['findings' => $findings], View::Findings);
    }
}
