<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Controller;

use Netresearch\NrSecureOutbound\Backend\FigureTexts;
use Netresearch\NrSecureOutbound\Backend\Input;
use Netresearch\NrSecureOutbound\Backend\Labels;
use Netresearch\NrSecureOutbound\Backend\ModulePage;
use Netresearch\NrSecureOutbound\Backend\Right;
use Netresearch\NrSecureOutbound\Backend\Service\CredentialWords;
use Netresearch\NrSecureOutbound\Backend\Service\PolicyWords;
use Netresearch\NrSecureOutbound\Backend\Service\ServiceCatalogue;
use Netresearch\NrSecureOutbound\Backend\Service\ServiceEntry;
use Netresearch\NrSecureOutbound\Backend\Statistics\AuditStatistics;
use Netresearch\NrSecureOutbound\Backend\Statistics\ServiceFigures;
use Netresearch\NrSecureOutbound\Call\Explainer;
use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrSecureOutbound\Registry\ServiceRows;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use TYPO3\CMS\Backend\Attribute\AsController;

/**
 * The page of one service, and what can be asked there. What is asked comes by POST, so that no path is in a log or a
 * history, and loading the page anew asks nothing.
 *
 * @internal
 */
#[AsController]
final readonly class ServiceController
{
    private const ROUTE = 'tools_outbound.service';

    public function __construct(
        private ModulePage $page,
        private ServiceCatalogue $services,
        private AuditStatistics $statistics,
        private Explainer $explainer,
    ) {
    }

    public function show(ServerRequestInterface $request): ResponseInterface
    {
        if (!Right::View->isGranted()) {
            return $this->page->refuse($request, Right::View);
        }
        $uid = Input::number($request->getQueryParams(), 'service');
        $entry = $this->services->find($uid);
        if ($entry === null) {
            return $this->page->respond($request, 'Service/Missing', Labels::get('service.missing'), [], route: self::ROUTE)
                ->withStatus(404);
        }
        $asked = $request->getMethod() === 'POST' ? Input::fields($request) : [];
        $explanation = [];
        if (Input::text($asked, 'do') === 'explain') {
            if (!Right::Explain->isGranted()) {
                return $this->page->refuse($request, Right::Explain);
            }
            $explanation = $this->explain($entry, Input::text($asked, 'method'), Input::text($asked, 'path'));
        }
        return $this->page->respond(
            $request,
            'Service/Show',
            $entry->row->id(),
            $this->variables($entry) + ['explanation' => $explanation],
            route: self::ROUTE,
            arguments: ['service' => $uid],
        );
    }

    /**
     * @return array<string, mixed>
     */
    private function explain(ServiceEntry $entry, string $method, string $path): array
    {
        $asked = ['method' => $method, 'path' => $path];
        try {
            $decision = $this->explainer->decide($entry->row->id(), $method, $path);
        } catch (OutboundException $refusal) {
            return $asked + ['isAllowed' => false, 'reason' => $refusal->reason(), 'code' => $refusal->errorCode()];
        }
        return $asked + [
            'isAllowed' => true,
            'request' => $decision->method . ' ' . $decision->url,
            'pattern' => $decision->pathTemplate ?? '',
        ];
    }

    /**
     * @return array<string, mixed>
     */
    private function variables(ServiceEntry $entry): array
    {
        $id = $entry->row->id();
        $figures = $this->statistics->byService(time() - FigureTexts::DAYS * 86400)[$id] ?? new ServiceFigures();
        $here = $this->page->link(self::ROUTE, ['service' => $entry->row->uid()]);
        return [
            'id' => $id,
            'baseUrl' => Cell::text($entry->row->fields, 'base_url'),
            'description' => Cell::text($entry->row->fields, 'description'),
            'state' => $entry->state,
            'severity' => $entry->state->severity(),
            'problems' => $entry->problems,
            'policy' => $entry->definition === null ? [] : PolicyWords::of($entry->definition),
            'credentials' => array_map(CredentialWords::of(...), $entry->row->sets),
            'technicalUser' => Cell::text($entry->row->technicalUser ?? [], 'username'),
            'days' => FigureTexts::DAYS,
            'here' => $here,
            'canExplain' => Right::Explain->isGranted(),
            'methods' => $entry->definition->policy->allowedMethods ?? [],
            'editLink' => Right::isAdministrator() ? $this->page->link('record_edit', [
                'edit[' . ServiceRows::TABLE . '][' . $entry->row->uid() . ']' => 'edit',
                'returnUrl' => $here,
            ]) : '',
        ] + FigureTexts::of($figures);
    }
}
