<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Controller;

use Netresearch\NrSecureOutbound\Backend\Credential\CredentialSets;
use Netresearch\NrSecureOutbound\Backend\ModulePage;
use Netresearch\NrSecureOutbound\Backend\Right;
use Netresearch\NrSecureOutbound\Backend\View;
use Netresearch\NrSecureOutbound\Registry\ServiceRows;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use TYPO3\CMS\Backend\Attribute\AsController;

/**
 * The credential sets: where each secret goes, which services use it, and when it expires.
 *
 * @internal
 */
#[AsController]
final readonly class CredentialSetsController
{
    public function __construct(private ModulePage $page, private CredentialSets $sets)
    {
    }

    public function list(ServerRequestInterface $request): ResponseInterface
    {
        if (!Right::View->isGranted()) {
            return $this->page->refuse($request, Right::View);
        }
        $here = $this->page->link(View::Credentials->route());
        $sets = [];
        foreach ($this->sets->all() as $set) {
            foreach ($set['services'] as $number => $service) {
                $set['services'][$number]['link'] = $this->page->link('tools_outbound.service', ['service' => $service['uid']]);
            }
            $edit = ['edit[' . ServiceRows::SETS . '][' . $set['uid'] . ']' => 'edit', 'returnUrl' => $here];
            $sets[] = $set + ['editLink' => Right::isAdministrator() ? $this->page->link('record_edit', $edit) : ''];
        }
        $new = ['edit[' . ServiceRows::SETS . '][0]' => 'new', 'returnUrl' => $here];
        return $this->page->respond($request, 'Credentials/List', View::Credentials->label(), [
            'sets' => $sets,
            'newLink' => Right::isAdministrator() ? $this->page->link('record_edit', $new) : '',
        ], View::Credentials);
    }
}
