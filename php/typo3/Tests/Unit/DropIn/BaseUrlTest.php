<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit\DropIn;

use GuzzleHttp\Psr7\Uri;
use Netresearch\NrSecureOutbound\DropIn\BaseUrl;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

final class BaseUrlTest extends TestCase
{
    /**
     * @return array<array{string, string, int|null}> base URL, URL, and the length of the path where it is held
     */
    public static function urls(): array
    {
        $base = 'https://api.example.com/v1';
        return [
            [$base, 'https://api.example.com/v1/a', 3],
            [$base, 'https://api.example.com/v1', 3],
            ["$base/", 'https://API.example.com:443/v1/a?b=c#d', 3],
            [$base, 'https://api.example.com/v10', null],
            [$base, 'https://api.example.com/', null],
            [$base, 'https://api.example.com:8443/v1/a', null],
            [$base, 'http://api.example.com/v1/a', null],
            [$base, 'https://api.example.com.evil.example/v1/a', null],
            [$base, 'https://api.example.com@evil.example/v1/a', null],
            ['https://api.example.com', 'https://api.example.com', 0],
            ['https://api.example.com:8443', 'https://api.example.com:8443/a', 0],
            ['https://[::1]:8443/a', 'https://[::1]:8443/a/b', 2],
            ['', 'https://api.example.com/', null],
            ['https://', 'https://api.example.com/', null],
        ];
    }

    #[Test]
    #[DataProvider('urls')]
    public function itHoldsWhatLiesBelowIt(string $base, string $url, ?int $length): void
    {
        self::assertSame($length, BaseUrl::holds($base, new Uri($url)));
    }

    #[Test]
    public function anOriginHasNoMoreThanItsPort(): void
    {
        self::assertSame('https://api.example.com:8443', BaseUrl::origin(new Uri('https://user:pw@API.example.com:8443/a?b=c')));
        self::assertSame('http://[::1]', BaseUrl::origin(new Uri('HTTP://[::1]:80/a')));
    }
}
