<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend;

use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use TYPO3\CMS\Backend\Routing\UriBuilder;
use TYPO3\CMS\Backend\Template\Components\ButtonBar;
use TYPO3\CMS\Backend\Template\Components\Buttons\Action\ShortcutButton;
use TYPO3\CMS\Backend\Template\Components\Buttons\LinkButton;
use TYPO3\CMS\Backend\Template\Components\Menu\Menu;
use TYPO3\CMS\Backend\Template\Components\Menu\MenuItem;
use TYPO3\CMS\Backend\Template\ModuleTemplate;
use TYPO3\CMS\Backend\Template\ModuleTemplateFactory;
use TYPO3\CMS\Core\Imaging\IconFactory;
use TYPO3\CMS\Core\Imaging\IconSize;
use TYPO3\CMS\Core\Page\PageRenderer;
use TYPO3\CMS\Core\Utility\GeneralUtility;

/**
 * What the pages of the module have in common: menu, buttons, style and the page that refuses access.
 *
 * @internal
 */
final readonly class ModulePage
{
    public const ROUTE = 'tools_outbound';

    private const STYLE = 'EXT:nr_secure_outbound/Resources/Public/Css/module.css';

    public function __construct(
        private ModuleTemplateFactory $templates,
        private UriBuilder $uris,
        private PageRenderer $pages,
        private IconFactory $icons,
    ) {
    }

    /**
     * @param string $route of the page, for its bookmark and its reload button
     * @param array<string, string|int> $arguments of the route
     * @param array<string, mixed> $variables of the template
     */
    public function respond(
        ServerRequestInterface $request,
        string $template,
        string $title,
        array $variables,
        View $view = View::Services,
        ?string $route = null,
        array $arguments = [],
    ): ResponseInterface {
        $page = $this->page($request, $title, $view);
        $route ??= $view->route();
        if ($route !== $view->route()) {
            $this->addButton($page, $view->route(), 'back', 'actions-view-go-back', ButtonBar::BUTTON_POSITION_LEFT);
        }
        $this->bookmark($page, $route, $title, $arguments);
        return $page->assignMultiple($variables)->renderResponse($template)
            ->withHeader('Cache-Control', 'private, no-store');
    }

    /** The page that is shown instead if the user lacks a right. */
    public function refuse(ServerRequestInterface $request, Right $missing): ResponseInterface
    {
        return $this->refusal($request, Labels::get('refused.text', Labels::get('right.' . $missing->value)));
    }

    public function refuseAllButAdministrators(ServerRequestInterface $request): ResponseInterface
    {
        return $this->refusal($request, Labels::get('refused.administrators'));
    }

    /**
     * @param array<string, string|int> $arguments
     */
    public function link(string $route, array $arguments = []): string
    {
        return (string) $this->uris->buildUriFromRoute($route, $arguments);
    }

    private function refusal(ServerRequestInterface $request, string $text): ResponseInterface
    {
        $page = $this->page($request, Labels::get('refused'), null);
        return $page->assign('text', $text)->renderResponse('Refused')->withStatus(403);
    }

    private function page(ServerRequestInterface $request, string $title, ?View $active): ModuleTemplate
    {
        $this->pages->addCssFile(self::STYLE);
        $page = $this->templates->create($request)->setTitle(Labels::get('module'), $title);
        $menu = GeneralUtility::makeInstance(Menu::class)->setIdentifier('outboundView')->setLabel(Labels::get('menu'));
        foreach (View::cases() as $view) {
            if ($view->isOpen()) {
                $menu->addMenuItem(GeneralUtility::makeInstance(MenuItem::class)
                    ->setTitle($view->label())
                    ->setHref($this->link($view->route()))
                    ->setActive($view === $active));
            }
        }
        $page->getDocHeaderComponent()->getMenuRegistry()->addMenu($menu);
        return $page;
    }

    /**
     * @param array<string, string|int> $arguments
     */
    private function bookmark(ModuleTemplate $page, string $route, string $title, array $arguments): void
    {
        $title = Labels::get('module') . ': ' . $title;
        $header = $page->getDocHeaderComponent();
        $component = new \ReflectionObject($header);
        if ($component->hasMethod('setShortcutContext')) {
            // From version 14 on, TYPO3 makes both buttons itself.
            $component->getMethod('setShortcutContext')->invoke($header, $route, $title, $arguments);
            return;
        }
        $this->addButton($page, $route, 'reload', 'actions-refresh', ButtonBar::BUTTON_POSITION_RIGHT, $arguments);
        $header->getButtonBar()->addButton(
            GeneralUtility::makeInstance(ShortcutButton::class)
                ->setRouteIdentifier($route)
                ->setDisplayName($title)
                ->setArguments($arguments),
            ButtonBar::BUTTON_POSITION_RIGHT,
            2,
        );
    }

    /**
     * @param ButtonBar::BUTTON_POSITION_* $position
     * @param array<string, string|int> $arguments
     */
    private function addButton(
        ModuleTemplate $page,
        string $route,
        string $label,
        string $icon,
        string $position,
        array $arguments = [],
    ): void {
        $page->getDocHeaderComponent()->getButtonBar()->addButton(
            GeneralUtility::makeInstance(LinkButton::class)
                ->setHref($this->link($route, $arguments))
                ->setTitle(Labels::get('button.' . $label))
                ->setShowLabelText($position === ButtonBar::BUTTON_POSITION_LEFT)
                ->setIcon($this->icons->getIcon($icon, IconSize::SMALL)),
            $position,
            1,
        );
    }
}
