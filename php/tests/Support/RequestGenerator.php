<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support;

use Netresearch\NrVault\Outbound\Tests\Unit\Php\Policy\PolicyVectors;
use Random\Engine\Mt19937;
use Random\Randomizer;

/**
 * Random requests, many of them with a fault, as changes for PolicyVectors::request(). The same seed gives the same requests.
 */
final class RequestGenerator
{
    /** Codes with which some of the requests have to be refused, so that every rule is tested. */
    public const CODES = [
        'allowed',
        'invalid_request.malformed',
        'policy.missing',
        'policy.scheme_not_allowed',
        'policy.host_not_allowed',
        'policy.port_not_allowed',
        'policy.method_not_allowed',
        'policy.path_not_canonical',
        'policy.path_not_allowed',
        'policy.header_not_allowed',
        'policy.request_too_large',
    ];

    private Randomizer $random;

    /** @var list<string> */
    private array $pieces;

    /** @var list<string> */
    private array $hosts;

    public function __construct(int $seed)
    {
        $this->random = new Randomizer(new Mt19937($seed));
        $this->pieces = PolicyVectors::section('pieces');
        $this->hosts = array_column(PolicyVectors::section('hosts'), 0);
    }

    /** @return array<string, mixed> */
    public function changes(): array
    {
        $base = $this->base();
        $changes = ['base_url' => $base, 'method' => $this->often('GET', ['POST', 'PUT', 'TRACE', 'get', 'M-SEARCH'])];
        if ($this->chance(70)) {
            $changes['path'] = $this->text(0, $this->random->getInt(0, 8));
            $changes['query'] = $this->chance(70) ? [] : [[$this->text(0, 3), $this->text(0, 3)], ['a', '']];
        } else {
            $origin = (string) preg_replace('~^([a-z]+://[^/]*).*$~is', '$1', $base);
            $changes['url'] = $this->often($base, [$this->base(), $origin, $origin]) . $this->of(['', '/', '/a/b', '/' . $this->text(0, 4)])
                . $this->often('', ['?', '?a=b', '?' . $this->text(0, 4), '#']);
            $changes['base_url'] = $this->often($base, [null, $this->base()]);
        }
        if ($this->chance(20)) {
            $changes['headers'] = [[$this->headerName(), $this->often('x', [$this->text(0, 3)])], ['accept', '*/*']];
        }
        if ($this->chance(10)) {
            $changes['idempotency_key'] = 'k';
            $changes['idempotency_header'] = $this->often(null, ['x-a', 'X-B', 'Host', 'a b']);
        }
        $changes['policy'] = $this->often($this->policy($base), [null]);
        return $changes;
    }

    /** @return array<string, mixed> */
    private function policy(string $base): array
    {
        $policy = [
            'allowed_methods' => $this->often(['GET', 'POST'], [['POST'], ['TRACE', 'GET'], [], ['get']]),
            'allow_http' => $this->chance(50),
            'allow_encoded_slash' => $this->chance(50),
            'request_bytes' => $this->often(100, [99, 5000, null]),
        ];
        if ($this->chance(40)) {
            $own = preg_replace('~^[a-z]+://([^/]*).*$~is', '$1', $base);
            $name = preg_replace('~:[0-9]*$~', '', $own);
            $parent = '*.' . preg_replace('~^[^.]*\.~', '', $own);
            $hosts = [$own, $own, $name, $parent, "$name:8443", 'api.example.com', '*.example.com', $this->host()];
            $policy['allowed_hosts'] = $this->some($hosts);
        }
        if ($this->chance(50)) {
            $paths = ['/**', '/**', '/v1/**', '/v1', '/{a}', '/v1/{a}/b', '/{a}/{b}', '/a/**', '/v1/' . $this->text(0, 3)];
            $policy['allowed_paths'] = $this->some($paths);
        }
        return $policy;
    }

    private function base(): string
    {
        if ($this->chance(50)) {
            return $this->of(PolicyVectors::section('bases'));
        }
        $scheme = $this->often('https', ['http', 'HTTPS', 'Http', 'ftp', 'https:', '']);
        $port = $this->often('', [':443', ':80', ':8443', ':11434', ':0', ':', ':65536', ':' . $this->text(0, 2)]);
        return $scheme . '://' . $this->host() . $port . $this->often('', ['/', '/v1', '/v1/', $this->text(0, 3)]);
    }

    private function host(): string
    {
        return match ($this->random->getInt(0, 9)) {
            0, 1, 2, 3 => $this->of(['api.example.com', 'a.b.example.com', 'ollama.internal', 'plain.internal', 'Example.COM.']),
            4, 5 => $this->of($this->hosts),
            6 => $this->letters('0123456789xa.', 12),
            7 => '[' . $this->letters('01fA:::.', 16) . ']',
            8 => $this->letters('ab-_.xn1', 10) . '.example',
            default => $this->text(0, 3),
        };
    }

    private function headerName(): string
    {
        $names = ['Host', 'TE', 'proxy-x', 'Authorization', 'idempotency-key', 'X-B', '1', 'a b', $this->text(1, 2)];
        return $this->chance(50) ? 'x-a' : $this->of($names);
    }

    private function text(int $least, int $most): string
    {
        $text = '';
        for ($left = $this->random->getInt($least, $most); $left > 0; $left--) {
            $text .= $this->chance(95) ? $this->of($this->pieces) : mb_chr($this->of([
                $this->random->getInt(0, 0x7f),
                $this->random->getInt(0x80, 0x7ff),
                $this->random->getInt(0x800, 0xd7ff),
                $this->random->getInt(0x1f300, 0x1f5ff),
            ]));
        }
        return $text;
    }

    private function letters(string $alphabet, int $most): string
    {
        $text = '';
        for ($left = $this->random->getInt(1, $most); $left > 0; $left--) {
            $text .= $alphabet[$this->random->getInt(0, strlen($alphabet) - 1)];
        }
        return $text;
    }

    /**
     * @param list<mixed> $others
     * @return mixed $usual in nine of ten cases
     */
    private function often(mixed $usual, array $others): mixed
    {
        return $this->chance(90) ? $usual : $this->of($others);
    }

    /**
     * @param non-empty-list<mixed> $list
     */
    private function of(array $list): mixed
    {
        return $list[$this->random->getInt(0, count($list) - 1)];
    }

    /**
     * @param list<string> $list
     * @return list<string>
     */
    private function some(array $list): array
    {
        return array_values(array_filter($list, fn (): bool => $this->chance(35)));
    }

    private function chance(int $percent): bool
    {
        return $this->random->getInt(1, 100) <= $percent;
    }
}
