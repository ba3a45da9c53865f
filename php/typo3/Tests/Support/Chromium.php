<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Support;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Port;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * A Chromium without a window, driven through chromedriver (WebDriver). It resolves no name and connects to 127.0.0.1 only.
 *
 * @phpstan-type Element array<string, string>
 */
final class Chromium
{
    public const TAB = "\u{E004}";
    public const ENTER = "\u{E007}";
    public const RIGHT = "\u{E014}";
    public const DOWN = "\u{E015}";

    /** The key of an element's id in JSON, the same in each WebDriver. */
    private const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

    private const OPTIONS = [
        '--headless=new', '--no-sandbox', '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update',
        '--disable-sync', '--no-first-run', '--hide-scrollbars', '--force-device-scale-factor=1', '--lang=en-GB',
        '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ];

    private readonly Process $driver;
    private readonly string $service;
    private string $session = '';
    private int $downloads = 0;

    public function __construct(private readonly TempDir $directory)
    {
        // Before the driver's own shutdown function: only the driver knows the browser.
        register_shutdown_function($this->stop(...));
        $port = Port::free();
        $this->service = 'http://127.0.0.1:' . $port;
        $this->driver = new Process(
            ['chromedriver', '--port=' . $port],
            $directory->path . '/chromedriver.log',
            ['HOME' => $directory->path],
        );
        $this->driver->waitUntil(static fn (): bool => Port::isOpen($port), 'chromedriver');
        $session = $this->ask('POST', '/session', ['capabilities' => ['alwaysMatch' => [
            'browserName' => 'chrome',
            'goog:chromeOptions' => [
                'binary' => Process::find('chromium'),
                'args' => [...self::OPTIONS, '--user-data-dir=' . $directory->path . '/profile'],
            ],
        ]]]);
        if (!is_array($session) || !is_string($session['sessionId'] ?? null)) {
            throw new \RuntimeException('no session: ' . $this->driver->log());
        }
        $this->session = '/session/' . $session['sessionId'];
        $this->resize(1280, 900);
    }

    public function resize(int $width, int $height): void
    {
        $this->devTools('Emulation.setDeviceMetricsOverride', [
            'width' => $width,
            'height' => $height,
            'deviceScaleFactor' => 1,
            'mobile' => false,
        ]);
    }

    /** What the user has chosen in the operating system; nothing moves on the pages. */
    public function prefer(string $colorScheme): void
    {
        $this->devTools('Emulation.setEmulatedMedia', ['features' => [
            ['name' => 'prefers-color-scheme', 'value' => $colorScheme],
            ['name' => 'prefers-reduced-motion', 'value' => 'reduce'],
        ]]);
    }

    public function open(string $url): void
    {
        $this->send('/url', ['url' => $url]);
    }

    /** Goes into a frame of the present document, or back to the whole page. */
    public function enterFrame(?string $selector): void
    {
        $this->send('/frame', ['id' => $selector === null ? null : $this->find($selector)]);
    }

    /**
     * Runs the body of a JavaScript function in the present document.
     */
    public function script(string $body, mixed ...$arguments): mixed
    {
        return $this->send('/execute/sync', ['script' => $body, 'args' => array_values($arguments)]);
    }

    /** Waits until an expression of JavaScript is true in the present document. */
    public function waitFor(string $expression, mixed ...$arguments): void
    {
        try {
            Poll::until(fn (): bool => $this->script("return !!($expression)", ...$arguments) === true, $expression);
        } catch (\RuntimeException $failure) {
            $file = sys_get_temp_dir() . '/chromium-' . getmypid() . '.png';
            file_put_contents($file, $this->screenshot());
            throw new \RuntimeException($failure->getMessage() . '; what there was to see is in ' . $file, previous: $failure);
        }
    }

    /**
     * Waits for an element.
     *
     * @return Element
     */
    public function find(string $selector): array
    {
        $this->waitFor('document.querySelector(arguments[0])', $selector);
        $element = $this->script('return document.querySelector(arguments[0])', $selector);
        if (!is_array($element) || !is_string($element[self::ELEMENT] ?? null)) {
            throw new \RuntimeException('no element ' . $selector);
        }
        return [self::ELEMENT => $element[self::ELEMENT]];
    }

    /** Clicks on an element, as soon as nothing is in the way of it: a page may still move under the pointer. */
    public function click(string $selector): void
    {
        $click = '/element/' . $this->find($selector)[self::ELEMENT] . '/click';
        Poll::until(function () use ($click): bool {
            try {
                $this->send($click, new \stdClass());
                return true;
            } catch (\RuntimeException $failure) {
                return str_contains($failure->getMessage(), 'element click intercepted') ? false : throw $failure;
            }
        }, "a click on $selector");
    }

    /** @return string the file that a click on a link downloads */
    public function download(string $selector): string
    {
        $place = $this->directory->path . '/downloads-' . ++$this->downloads;
        $this->devTools('Browser.setDownloadBehavior', ['behavior' => 'allow', 'downloadPath' => $place]);
        $this->click($selector);
        // Until a file is whole, its name has another ending.
        $whole = static fn (): array => array_filter(glob($place . '/*') ?: [], static fn (string $file): bool => !str_ends_with($file, '.crdownload'));
        Poll::until(static fn (): bool => $whole() !== [], "the download of $selector");
        return (string) file_get_contents(current($whole()) ?: '');
    }

    /** Writes into a field, in place of what is there. */
    public function fill(string $selector, #[\SensitiveParameter] string $text): void
    {
        $element = '/element/' . $this->find($selector)[self::ELEMENT];
        $this->send($element . '/clear', new \stdClass());
        if ($text !== '') {
            $this->send($element . '/value', ['text' => $text]);
        }
    }

    /** Types into whatever has the focus. */
    public function type(#[\SensitiveParameter] string $text): void
    {
        $keys = [];
        foreach (mb_str_split($text) as $key) {
            array_push($keys, ['type' => 'keyDown', 'value' => $key], ['type' => 'keyUp', 'value' => $key]);
        }
        $this->send('/actions', ['actions' => [['type' => 'key', 'id' => 'keyboard', 'actions' => $keys]]]);
    }

    /** @return string a PNG of what can be seen of an element, or of the page */
    public function screenshot(string $selector = ''): string
    {
        $element = $selector === '' ? '' : '/element/' . $this->find($selector)[self::ELEMENT];
        $picture = $this->ask('GET', $this->session . $element . '/screenshot');
        return is_string($picture) ? (string) base64_decode($picture, true) : '';
    }

    public function stop(): void
    {
        if ($this->session !== '') {
            $session = $this->session;
            $this->session = '';
            $this->ask('DELETE', $session);
            $this->driver->stop();
            $this->directory->remove();
        }
    }

    /**
     * @param array<string, mixed> $parameters
     */
    private function devTools(string $command, array $parameters): void
    {
        $this->send('/goog/cdp/execute', ['cmd' => $command, 'params' => $parameters]);
    }

    /**
     * @param array<string, mixed>|\stdClass $body
     */
    private function send(string $command, #[\SensitiveParameter] array|\stdClass $body): mixed
    {
        return $this->ask('POST', $this->session . $command, $body);
    }

    /**
     * @param array<string, mixed>|\stdClass|null $body
     */
    private function ask(string $method, string $path, #[\SensitiveParameter] array|\stdClass|null $body = null): mixed
    {
        // The driver leaves its connections open, and PHP's own streams would wait for their end.
        $handle = curl_init($this->service . $path);
        curl_setopt_array($handle, [
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_HTTPHEADER => ['Content-Type: application/json'],
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT => 120,
        ]);
        if ($body !== null) {
            curl_setopt($handle, CURLOPT_POSTFIELDS, json_encode($body, JSON_THROW_ON_ERROR));
        }
        $answer = json_decode((string) curl_exec($handle), true);
        $value = is_array($answer) ? $answer['value'] ?? null : null;
        if (is_array($value) && is_string($value['error'] ?? null)) {
            $message = is_string($value['message'] ?? null) ? $value['message'] : '';
            throw new \RuntimeException("$method $path: {$value['error']}: $message");
        }
        return $value;
    }
}
