<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Support;

use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * TYPO3's backend in a browser of its own, with one user. Its modules are in a frame.
 */
final class Backend
{
    private const FRAME = '#typo3-contentIframe';

    /** No colour is on its way to another one; the turning of an icon has no end. */
    private const AT_REST = 'document.getAnimations().every(a => !(a instanceof CSSTransition) || a.playState === "finished")';

    /** More presses of a key than any page of the module has controls. */
    private const PRESSES = 150;

    public readonly Chromium $browser;

    public function __construct(private readonly string $url)
    {
        $this->browser = new Chromium(new TempDir('chromium'));
        $this->browser->prefer('light');
    }

    /** Logs in by keyboard. */
    public function logIn(string $user, #[\SensitiveParameter] string $password): void
    {
        $this->browser->open($this->url . '/typo3/');
        $this->browser->waitFor('document.activeElement.id === "t3-username"');
        $this->browser->type($user . Chromium::TAB . $password . Chromium::ENTER);
        $this->browser->find('.scaffold');
    }

    /**
     * Opens a page of the module.
     *
     * @param string $page below the module; empty: its first one
     */
    public function open(string $page = ''): void
    {
        $this->browser->enterFrame(null);
        $this->browser->open($this->url . '/typo3/module/tools/outbound' . ($page === '' ? '' : '/' . $page));
        $this->enter('.module-body h1');
    }

    /** Goes into the module's frame, and waits for an element there. */
    public function enter(string $selector): void
    {
        $this->browser->enterFrame(null);
        $this->browser->enterFrame(self::FRAME);
        $this->browser->find($selector);
    }

    /** The modules that the menu offers, as identifiers separated by spaces. */
    public function modules(): string
    {
        $this->browser->enterFrame(null);
        return $this->said('[...document.querySelectorAll("[data-modulemenu-identifier]")].map(e => e.dataset.modulemenuIdentifier).join(" ")');
    }

    /** What one can read on the page. */
    public function text(string $selector = '.module-body'): string
    {
        return (string) preg_replace('/\s+/', ' ', $this->said('document.querySelector(arguments[0]).innerText', $selector));
    }

    /** The views that the module's own menu offers. */
    public function views(): string
    {
        return $this->said('[...document.querySelectorAll("#outboundView option, .module-docheader a.dropdown-item-spaced")]'
            . '.map(e => e.textContent.trim()).join(", ")');
    }

    /**
     * Clicks on what leads to another page, and waits for an element of that page.
     */
    public function follow(string $selector, string $next): void
    {
        // The page that is left has this mark, the next one has not.
        $this->browser->script('document.documentElement.dataset.left = "yes"');
        $this->browser->click($selector);
        $this->browser->waitFor('!document.documentElement.dataset.left && document.querySelector(arguments[0])', $next);
    }

    /** Presses a key until the focus is on an element, which is in the frame or in the page around it. */
    public function press(string $key, string $selector): void
    {
        for ($presses = 0; $presses < self::PRESSES; ++$presses) {
            if ($this->browser->script('return document.activeElement.matches(arguments[0])', $selector) === true) {
                return;
            }
            $this->browser->type($key);
        }
        throw new \RuntimeException("$selector gets no focus");
    }

    /**
     * Goes through the module's page with the tabulator.
     *
     * @return array{reached: int, faults: list<string>} the controls that got the focus; those that never did, or look the same with it
     */
    public function walk(): array
    {
        $this->browser->script(<<<'JS'
            const look = e => { const s = getComputedStyle(e); return [s.outlineStyle, s.outlineWidth, s.outlineColor, s.boxShadow, s.borderColor, s.backgroundColor].join("|") };
            window.walk = { seen: new Set(), shown: new Set(), look, last: null };
            const body = document.querySelector(".module-body");
            walk.controls = [...body.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
                .filter(e => !e.disabled && e.checkVisibility({ visibilityProperty: true }));
            walk.before = new Map(walk.controls.map(e => [e, look(e)]));
            body.tabIndex = -1;
            body.focus();
            JS);
        for ($presses = 0; $presses < self::PRESSES; ++$presses) {
            $this->browser->type(Chromium::TAB);
            $this->browser->waitFor(self::AT_REST);
            $isInside = $this->browser->script(<<<'JS'
                const e = document.activeElement;
                if (!document.hasFocus() || !e.closest(".module-body") || (walk.seen.has(e) && e !== walk.last)) return false;
                walk.seen.add(e);
                if (walk.look(e) !== walk.before.get(e)) walk.shown.add(e);
                walk.last = e;
                return true;
                JS);
            if ($isInside !== true) {
                break;
            }
        }
        $result = $this->browser->script(<<<'JS'
            const name = e => e.tagName.toLowerCase() + (e.id ? "#" + e.id : "") + " " + (e.innerText || e.name || "").trim().slice(0, 40);
            return {
                reached: walk.seen.size,
                faults: [
                    ...walk.controls.filter(e => !walk.seen.has(e)).map(e => "not reached: " + name(e)),
                    ...walk.controls.filter(e => walk.seen.has(e) && !walk.shown.has(e)).map(e => "no visible focus: " + name(e)),
                ],
            };
            JS);
        /** @var array{reached: int, faults: list<string>} $result */
        return $result;
    }

    /**
     * Texts of the module's page whose contrast is lower than WCAG 2 asks for at level AA.
     *
     * @return array{read: int, faults: list<string>}
     */
    public function contrasts(): array
    {
        $this->browser->waitFor(self::AT_REST);
        $result = $this->browser->script(<<<'JS'
            const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
            const rgba = color => {
                pen.clearRect(0, 0, 1, 1);
                pen.fillStyle = color;
                pen.fillRect(0, 0, 1, 1);
                const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
                return [r, g, b, a / 255];
            };
            const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] + below[i] * (1 - top[3]));
            const ground = e => {
                const layers = [];
                for (let n = e; n; n = n.parentElement) {
                    const color = rgba(getComputedStyle(n).backgroundColor);
                    if (color[3] > 0) layers.push(color);
                    if (color[3] === 1) break;
                }
                return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
            };
            const opacity = e => { let o = 1; for (let n = e; n; n = n.parentElement) o *= getComputedStyle(n).opacity; return o; };
            const light = c => c.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
                .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
            let read = 0;
            const faults = [];
            for (const e of document.querySelectorAll(".module-body *")) {
                const own = [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data.trim()).join(" ").trim();
                if (own === "" || e.disabled || e.closest(".disabled") || !e.checkVisibility({ visibilityProperty: true })) continue;
                const style = getComputedStyle(e);
                const below = ground(e);
                const color = rgba(e instanceof SVGElement ? style.fill : style.color);
                color[3] *= opacity(e);
                const [a, b] = [light(over(color, below)), light(below)].sort((x, y) => y - x);
                const ratio = (a + .05) / (b + .05);
                const size = parseFloat(style.fontSize);
                const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
                ++read;
                if (ratio < (isLarge ? 3 : 4.5)) faults.push(ratio.toFixed(2) + " " + e.tagName.toLowerCase() + "." + e.className + ": " + own.slice(0, 40));
            }
            return { read, faults };
            JS);
        /** @var array{read: int, faults: list<string>} $result */
        return $result;
    }

    /** @return string a PNG of the module's page, from its top on */
    public function picture(int $width, int $highest = 1100): string
    {
        $this->browser->enterFrame(null);
        $this->browser->resize($width, 700);
        $this->enter('.module-body');
        // What scrolls is the document, the module or its body, as the version of TYPO3 has it.
        $height = $this->browser->script(<<<'JS'
            const body = document.querySelector(".module-body");
            for (const e of [document.documentElement, body.closest(".module"), body]) e.scrollTop = 0;
            return Math.ceil(body.getBoundingClientRect().top + body.scrollHeight);
            JS);
        $this->browser->enterFrame(null);
        $this->browser->resize($width, min((is_int($height) ? $height : 0) + 80, $highest));
        $picture = $this->browser->screenshot(self::FRAME);
        $this->browser->resize(1280, 900);
        $this->enter('.module-body');
        return $picture;
    }

    private function said(string $expression, mixed ...$arguments): string
    {
        $said = $this->browser->script('return ' . $expression, ...$arguments);
        return is_string($said) ? $said : '';
    }
}
