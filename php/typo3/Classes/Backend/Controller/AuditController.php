<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Controller;

use Netresearch\NrSecureOutbound\Backend\Audit\AuditFilter;
use Netresearch\NrSecureOutbound\Backend\Audit\AuditLog;
use Netresearch\NrSecureOutbound\Backend\Audit\Export;
use Netresearch\NrSecureOutbound\Backend\Audit\RecordTexts;
use Netresearch\NrSecureOutbound\Backend\Chart\CallsChart;
use Netresearch\NrSecureOutbound\Backend\Chart\DurationChart;
use Netresearch\NrSecureOutbound\Backend\Input;
use Netresearch\NrSecureOutbound\Backend\ModulePage;
use Netresearch\NrSecureOutbound\Backend\Right;
use Netresearch\NrSecureOutbound\Backend\Statistics\AuditStatistics;
use Netresearch\NrSecureOutbound\Backend\View;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use TYPO3\CMS\Backend\Attribute\AsController;
use TYPO3\CMS\Core\Http\Response;

/**
 * The audit log: what was called, how it ended and how long it took.
 *
 * @internal
 */
#[AsController]
final readonly class AuditController
{
    private const ROUTE = 'tools_outbound.audit';
    private const EXPORT = 'tools_outbound.export';

    /** Records on a page. */
    private const COUNT = 50;

    public function __construct(
        private ModulePage $page,
        private AuditLog $log,
        private AuditStatistics $statistics,
    ) {
    }

    public function list(ServerRequestInterface $request): ResponseInterface
    {
        if (!Right::Audit->isGranted()) {
            return $this->page->refuse($request, Right::Audit);
        }
        $filter = AuditFilter::read($request->getQueryParams());
        $total = $this->log->count($filter);
        $last = max(1, (int) ceil($total / self::COUNT));
        $page = min($last, max(1, Input::number($request->getQueryParams(), 'page')));
        $rows = $this->log->page($filter, ($page - 1) * self::COUNT, self::COUNT);
        return $this->page->respond($request, 'Audit/List', View::Audit->label(), [
            'records' => array_map(RecordTexts::of(...), $rows),
            'total' => $total,
            'filter' => $filter->fields + ['days' => AuditFilter::DAYS],
            'services' => $this->log->services(),
            'outcomes' => AuditFilter::OUTCOMES,
            'form' => $this->form(),
            'resetLink' => $this->page->link(self::ROUTE),
            'callsChart' => CallsChart::of($this->statistics->days($filter)),
            'durationChart' => $this->durationChart($filter),
            'exports' => Right::Export->isGranted() ? $this->exports($filter) : [],
        ] + $this->paging($filter, $page, $last), View::Audit, arguments: $filter->fields);
    }

    public function export(ServerRequestInterface $request): ResponseInterface
    {
        foreach ([Right::Audit, Right::Export] as $right) {
            if (!$right->isGranted()) {
                return $this->page->refuse($request, $right);
            }
        }
        $query = $request->getQueryParams();
        $format = Export::tryFrom(Input::text($query, 'format')) ?? Export::Csv;
        $name = 'outbound-audit-' . date('Y-m-d') . '.' . $format->value;
        return (new Response($format->write($this->log->all(AuditFilter::read($query)))))
            ->withHeader('Content-Type', $format->mediaType())
            ->withHeader('Content-Disposition', 'attachment; filename="' . $name . '"')
            ->withHeader('X-Content-Type-Options', 'nosniff')
            ->withHeader('Cache-Control', 'private, no-store');
    }

    private function durationChart(AuditFilter $filter): string
    {
        $durations = $this->statistics->durations($filter);
        return $durations === [] ? '' : DurationChart::of($durations);
    }

    /**
     * The form sends its fields in the URL, so that a filter can be bookmarked and sent to somebody. The arguments that the URL
     * has already must be hidden fields.
     *
     * @return array{action: string, hidden: array<mixed>}
     */
    private function form(): array
    {
        [$action, $query] = explode('?', $this->page->link(self::ROUTE), 2) + ['', ''];
        parse_str($query, $hidden);
        return ['action' => $action, 'hidden' => $hidden];
    }

    /**
     * @return array<string, mixed>
     */
    private function paging(AuditFilter $filter, int $page, int $last): array
    {
        $link = fn (int $number): string => $this->page->link(self::ROUTE, $filter->fields + ['page' => $number]);
        return [
            'page' => $page,
            'lastPage' => $last,
            'newerLink' => $page > 1 ? $link($page - 1) : '',
            'olderLink' => $page < $last ? $link($page + 1) : '',
        ];
    }

    /**
     * @return array<string, string> link by format
     */
    private function exports(AuditFilter $filter): array
    {
        $links = [];
        foreach (Export::cases() as $format) {
            $links[strtoupper($format->value)] = $this->page->link(self::EXPORT, $filter->fields + ['format' => $format->value]);
        }
        return $links;
    }
}
