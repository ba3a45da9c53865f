<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Support;

/**
 * Requests to a site, with the cookies of one visitor.
 */
final class Browser
{
    /** @var array<string, string> */
    private array $cookies = [];

    /**
     * @param string $url of the site, without a path
     */
    public function __construct(private readonly string $url)
    {
    }

    /**
     * Logs a user into the backend.
     *
     * @return string the page behind the login
     */
    public function login(string $user, #[\SensitiveParameter] string $password): string
    {
        $form = $this->get('/typo3/login')['body'];
        if (preg_match('/name="__RequestToken" value="([^"]+)"/', $form, $token) !== 1) {
            throw new \RuntimeException('no login form: ' . $form);
        }
        $page = $this->send('POST', '/typo3/login', [
            'login_status' => 'login',
            'username' => $user,
            'userident' => $password,
            '__RequestToken' => html_entity_decode($token[1]),
        ]);
        for ($hops = 0; $page['location'] !== null && $hops < 5; ++$hops) {
            $page = $this->get((string) preg_replace('~\Ahttps?://[^/]+~', '', $page['location']));
        }
        return $page['body'];
    }

    /**
     * Opens a module of the backend, as its menu links to it.
     *
     * @param string $page the page behind the login
     * @param string $module its path, as a pattern
     * @param string $query for the module
     * @return array{status: int, body: string, location: string|null}
     */
    public function module(string $page, string $module, string $query = ''): array
    {
        if (preg_match('~/typo3/module/(?:' . $module . ')\?token=[0-9a-f]+~', html_entity_decode($page), $url) !== 1) {
            throw new \RuntimeException("no link to the module $module: " . $page);
        }
        return $this->get($url[0] . $query);
    }

    /**
     * The status report.
     *
     * @param string $page the page behind the login of an administrator
     * @return array{status: int, body: string, location: string|null}
     */
    public function statusReport(string $page): array
    {
        $report = $this->module($page, 'system/reports(?:/status)?', '&action=detail&report=status');
        // TYPO3 14 has a module for each report, which this one lists.
        return str_contains($report['body'], '/typo3/module/system/reports/status?token=')
            ? $this->module($report['body'], 'system/reports/status')
            : $report;
    }

    /**
     * @return array{status: int, body: string, location: string|null}
     */
    public function get(string $path): array
    {
        return $this->send('GET', $path);
    }

    /**
     * @param array<string, string> $form
     * @return array{status: int, body: string, location: string|null}
     */
    private function send(string $method, string $path, #[\SensitiveParameter] array $form = []): array
    {
        $cookies = [];
        foreach ($this->cookies as $name => $value) {
            $cookies[] = $name . '=' . $value;
        }
        $headers = ['Host: typo3.example', 'Cookie: ' . implode('; ', $cookies), 'Referer: http://typo3.example/typo3/login'];
        if ($form !== []) {
            $headers[] = 'Content-Type: application/x-www-form-urlencoded';
        }
        $context = stream_context_create(['http' => [
            'method' => $method,
            'header' => $headers,
            'content' => http_build_query($form),
            'ignore_errors' => true,
            'follow_location' => 0,
        ]]);
        $body = (string) file_get_contents($this->url . $path, false, $context);
        $lines = $http_response_header ?? [];
        $location = null;
        foreach ($lines as $line) {
            if (preg_match('/\ALocation: (.+)\z/i', $line, $match) === 1) {
                $location = $match[1];
            }
            if (preg_match('/\ASet-Cookie: ([^=]+)=([^;]*)/i', $line, $match) === 1) {
                $this->cookies[$match[1]] = $match[2];
            }
        }
        preg_match('~\AHTTP/\S+ (\d+)~', $lines[0] ?? '', $match);
        return ['status' => (int) ($match[1] ?? 0), 'body' => $body, 'location' => $location];
    }
}
