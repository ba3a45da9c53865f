<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Controller;

use Netresearch\NrSecureOutbound\Backend\FigureTexts;
use Netresearch\NrSecureOutbound\Backend\FormProof;
use Netresearch\NrSecureOutbound\Backend\Input;
use Netresearch\NrSecureOutbound\Backend\Labels;
use Netresearch\NrSecureOutbound\Backend\ModulePage;
use Netresearch\NrSecureOutbound\Backend\Right;
use Netresearch\NrSecureOutbound\Backend\Service\CredentialWords;
use Netresearch\NrSecureOutbound\Backend\Service\PolicyWords;
use Netresearch\NrSecureOutbound\Backend\Service\ServiceCatalogue;
use Netresearch\NrSecureOutbound\Backend\Service\ServiceEntry;
use Netresearch\NrSecureOutbound\Backend\Service\TestRun;
use Netresearch\NrSecureOutbound\Backend\Statistics\AuditStatistics;
use Netresearch\NrSecureOutbound\Backend\Statistics\ServiceFigures;
use Netresearch\NrSecureOutbound\Call\Transports;
use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrSecureOutbound\Registry\InstallationRegistry;
use Netresearch\NrSecureOutbound\Registry\ServiceRows;
use Netresearch\NrVault\Outbound\Cli\Explanation;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use TYPO3\CMS\Backend\Attribute\AsController;

/**
 * The page of one service, with its test call and the explanation of a call. Both are requested by POST, so that no path is in a
 * log or a history and a reload of the page sends nothing.
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
        private InstallationRegistry $registry,
        private Transports $transports,
        private TestRun $testRun,
        private FormProof $proof,
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
        $right = match (Input::text(Input::fields($request), 'do')) {
            'explain' => Right::Explain,
            'test' => Right::Test,
            default => Right::View,
        };
        if (!$right->isGranted()) {
            return $this->page->refuse($request, $right);
        }
        $answer = match ($right) {
            Right::Explain => ['explanation' => $this->explain($entry, Input::fields($request))],
            Right::Test => ['trial' => $this->test($request, $entry)],
            default => [],
        };
        return $this->page->respond(
            $request,
            'Service/Show',
            $entry->row->id(),
            $answer + $this->variables($request, $entry),
            route: self::ROUTE,
            arguments: ['service' => $uid],
        );
    }

    /**
     * @return array<string, mixed>
     */
    private function test(ServerRequestInterface $request, ServiceEntry $entry): array
    {
        if (!$this->proof->holds($request, Right::Test->value, (string) $entry->row->uid())) {
            return ['isForged' => true];
        }
        return $entry->definition === null ? [] : $this->testRun->of($entry->definition);
    }

    /**
     * @param array<mixed> $fields
     * @return array<string, mixed>
     */
    private function explain(ServiceEntry $entry, array $fields): array
    {
        $asked = ['method' => Input::text($fields, 'method'), 'path' => Input::text($fields, 'path')];
        try {
            $explanation = Explanation::of($this->registry, $this->transports, $entry->row->id(), $asked['method'], $asked['path']);
        } catch (OutboundException $refusal) {
            return $asked + ['isAllowed' => false, 'reason' => $refusal->reason(), 'code' => $refusal->errorCode()];
        }
        return $asked + [
            'isAllowed' => true,
            'request' => $explanation->decision->method . ' ' . $explanation->decision->url,
            'pattern' => $explanation->decision->pathTemplate ?? '',
        ];
    }

    /**
     * @return array<string, mixed>
     */
    private function variables(ServerRequestInterface $request, ServiceEntry $entry): array
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
            'explanation' => [],
            'canTest' => Right::Test->isGranted(),
            'test' => $entry->definition?->test,
            'trial' => [],
            'proof' => $this->proof->make($request, Right::Test->value, (string) $entry->row->uid()),
            'methods' => $entry->definition->policy->allowedMethods ?? [],
            'editLink' => Right::isAdministrator() ? $this->page->link('record_edit', [
                'edit[' . ServiceRows::TABLE . '][' . $entry->row->uid() . ']' => 'edit',
                'returnUrl' => $here,
            ]) : '',
        ] + FigureTexts::of($figures);
    }
}
