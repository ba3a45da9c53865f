<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Controller;

use Netresearch\NrSecureOutbound\Backend\FormProof;
use Netresearch\NrSecureOutbound\Backend\Input;
use Netresearch\NrSecureOutbound\Backend\Labels;
use Netresearch\NrSecureOutbound\Backend\ModulePage;
use Netresearch\NrSecureOutbound\Backend\Right;
use Netresearch\NrSecureOutbound\Backend\View;
use Netresearch\NrSecureOutbound\Backend\Wizard\ServiceMaker;
use Netresearch\NrSecureOutbound\Backend\Wizard\Template;
use Netresearch\NrSecureOutbound\Backend\Wizard\Templates;
use Netresearch\NrSecureOutbound\Backend\Wizard\Wish;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use TYPO3\CMS\Backend\Attribute\AsController;
use TYPO3\CMS\Core\Http\RedirectResponse;

/**
 * Asks for the key of a known provider, and creates its service. What was typed as a secret is never sent back.
 *
 * @internal
 */
#[AsController]
final readonly class WizardController
{
    private const ACTION = 'wizard';

    public function __construct(private ModulePage $page, private ServiceMaker $maker, private FormProof $proof)
    {
    }

    public function show(ServerRequestInterface $request): ResponseInterface
    {
        if (!Right::isAdministrator()) {
            return $this->page->refuseAllButAdministrators($request);
        }
        $template = Templates::all()[Input::text($request->getQueryParams(), 'template')] ?? null;
        if ($template === null) {
            return $this->choice($request);
        }
        $fields = Input::fields($request);
        $problems = [];
        if ($fields !== []) {
            $problems = ['form' => Labels::get('test.forged.text')];
            if ($this->proof->holds($request, self::ACTION, $template->id)) {
                $wish = Wish::read($template, $fields);
                $problems = $this->maker->problems($template, $wish);
                $uid = $problems === [] ? $this->maker->make($template, $wish) : null;
                if ($uid !== null) {
                    return new RedirectResponse($this->page->link('tools_outbound.service', ['service' => $uid]), 303);
                }
                $problems = $problems === [] ? ['form' => Labels::get('wizard.problem.store')] : $problems;
            }
        }
        return $this->form($request, $template, $fields, $problems);
    }

    private function choice(ServerRequestInterface $request): ResponseInterface
    {
        $templates = [];
        foreach (Templates::all() as $id => $template) {
            $templates[] = [
                'name' => $template->name,
                'host' => $template->baseUrl === '' ? '' : implode(', ', $template->hosts($template->baseUrl)),
                'link' => $this->page->link(View::Wizard->route(), ['template' => $id]),
            ];
        }
        return $this->page->respond($request, 'Wizard/Choice', View::Wizard->label(), ['templates' => $templates], View::Wizard);
    }

    /**
     * @param array<mixed> $fields
     * @param array<string, string> $problems
     */
    private function form(
        ServerRequestInterface $request,
        Template $template,
        #[\SensitiveParameter] array $fields,
        array $problems,
    ): ResponseInterface {
        return $this->page->respond($request, 'Wizard/Form', $template->name, [
            'name' => $template->name,
            'baseUrl' => $template->baseUrl,
            'paths' => $template->paths,
            'isClient' => $template->type() === Template::CLIENT,
            'hasAccount' => $template->hasAccount,
            'needsUrl' => $template->baseUrl === '',
            'values' => [
                'id' => $fields === [] ? $template->id : Input::text($fields, 'id'),
                'base_url' => Input::text($fields, 'base_url'),
                'scopes' => Input::text($fields, 'scopes'),
                'audience' => Input::text($fields, 'audience'),
                'user' => Input::text($fields, 'user'),
            ],
            'problems' => $problems,
            'here' => $this->page->link(View::Wizard->route(), ['template' => $template->id]),
            'backLink' => $this->page->link(View::Wizard->route()),
            'proof' => $this->proof->make($request, self::ACTION, $template->id),
        ], View::Wizard, arguments: ['template' => $template->id]);
    }
}
