<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Controller;

use Netresearch\NrSecureOutbound\Backend\FigureTexts;
use Netresearch\NrSecureOutbound\Backend\ModulePage;
use Netresearch\NrSecureOutbound\Backend\Right;
use Netresearch\NrSecureOutbound\Backend\Service\ServiceCatalogue;
use Netresearch\NrSecureOutbound\Backend\Service\ServiceEntry;
use Netresearch\NrSecureOutbound\Backend\Statistics\AuditStatistics;
use Netresearch\NrSecureOutbound\Backend\Statistics\ServiceFigures;
use Netresearch\NrSecureOutbound\Backend\View;
use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrSecureOutbound\Registry\ServiceRows;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use TYPO3\CMS\Backend\Attribute\AsController;

/**
 * The list of services, with the figures of their calls.
 *
 * @internal
 */
#[AsController]
final readonly class ServicesController
{
    public function __construct(
        private ModulePage $page,
        private ServiceCatalogue $services,
        private AuditStatistics $statistics,
    ) {
    }

    public function list(ServerRequestInterface $request): ResponseInterface
    {
        if (!Right::View->isGranted()) {
            return $this->page->refuse($request, Right::View);
        }
        $figures = $this->statistics->byService(time() - FigureTexts::DAYS * 86400);
        $services = [];
        foreach ($this->services->all() as $entry) {
            $services[] = $this->variables($entry, $figures[$entry->row->id()] ?? new ServiceFigures());
        }
        return $this->page->respond($request, 'Services/List', View::Services->label(), [
            'services' => $services,
            'days' => FigureTexts::DAYS,
            'wizardLink' => View::Wizard->isOpen() ? $this->page->link(View::Wizard->route()) : '',
            'newLink' => Right::isAdministrator() ? $this->page->link('record_edit', [
                'edit[' . ServiceRows::TABLE . '][0]' => 'new',
                'returnUrl' => $this->page->link(ModulePage::ROUTE),
            ]) : '',
        ]);
    }

    /**
     * @return array<string, mixed>
     */
    private function variables(ServiceEntry $entry, ServiceFigures $figures): array
    {
        return [
            'id' => $entry->row->id(),
            'baseUrl' => Cell::text($entry->row->fields, 'base_url'),
            'state' => $entry->state,
            'severity' => $entry->state->severity(),
            'problem' => $entry->problems[0] ?? '',
            'link' => $this->page->link('tools_outbound.service', ['service' => $entry->row->uid()]),
        ] + FigureTexts::of($figures);
    }
}
