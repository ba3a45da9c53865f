<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Policy\Canonicalizer;
use Netresearch\NrVault\Transport\Php\Policy\Destination;
use Netresearch\NrVault\Transport\Php\Policy\PathPattern;
use Netresearch\NrVault\Transport\Php\Policy\Spelling;
use PHPUnit\Framework\TestCase;

/**
 * URLs and patterns, by the cases that the library's tests use as well.
 */
final class SpellingTest extends TestCase
{
    /** @dataProvider paths */
    public function testPathsHaveOneSpelling(string $raw, bool $allowEncodedSlash, ?string $expected): void
    {
        if ($expected === null) {
            $this->expectExceptionMessage('policy.path_not_canonical');
        }
        self::assertSame($expected, Spelling::path($raw, $allowEncodedSlash));
    }

    /** @return iterable<string, array<mixed>> */
    public static function paths(): iterable
    {
        return PolicyVectors::cases('paths');
    }

    /** @dataProvider queries */
    public function testQueriesHaveOneSpelling(string $raw, ?string $expected): void
    {
        if ($expected === null) {
            $this->expectExceptionMessage('invalid_request.malformed');
        }
        self::assertSame($expected, Spelling::query($raw));
    }

    /** @return iterable<string, array<mixed>> */
    public static function queries(): iterable
    {
        return PolicyVectors::cases('queries');
    }

    public function testPairsAreEncodedByRfc3986(): void
    {
        foreach (PolicyVectors::section('pairs') as [$pairs, $query]) {
            self::assertSame($query, Spelling::queryOfPairs($pairs));
        }
    }

    public function testTheBaseEndsAtASegment(): void
    {
        foreach (PolicyVectors::section('below') as [$path, $base, $isBelow]) {
            self::assertSame($isBelow, Spelling::isBelow($path, $base), "$path below $base");
        }
    }

    public function testThoseOfS3AreUriEncoded(): void
    {
        foreach (PolicyVectors::section('s3_paths') as [$raw, $expected]) {
            $verdict = PolicyVectors::verdict(static fn (): array => [Spelling::path($raw, true, true), null]);
            self::assertSame($expected ?? 'policy.path_not_canonical', $verdict['url'] ?? $verdict['code'], $raw);
        }
        foreach (PolicyVectors::section('s3_queries') as [$raw, $expected]) {
            $verdict = PolicyVectors::verdict(static fn (): array => [Spelling::query($raw, true), null]);
            self::assertSame($expected ?? 'invalid_request.malformed', $verdict['url'] ?? $verdict['code'], $raw);
        }
        foreach (PolicyVectors::section('s3_patterns') as [$pattern, $path, $matches]) {
            self::assertSame($matches, PathPattern::parse($pattern, true)->matches($path), "$pattern on $path");
        }
    }

    public function testASealedPatternSpansNoEncodedSlash(): void
    {
        foreach (PolicyVectors::section('sealed_patterns') as [$pattern, $path, $matches]) {
            self::assertSame($matches, PathPattern::parseSealed($pattern)->matches($path), "$pattern on $path");
        }
    }

    /** @dataProvider patterns */
    public function testPatternsMatchWholePaths(string $pattern, string $path, bool $matches): void
    {
        self::assertSame($matches, PathPattern::parse($pattern)->matches($path));
    }

    /** @return iterable<string, array<mixed>> */
    public static function patterns(): iterable
    {
        return PolicyVectors::cases('patterns');
    }

    public function testBadPatternsAreMalformed(): void
    {
        foreach (PolicyVectors::section('bad_patterns') as $pattern) {
            $verdict = PolicyVectors::verdict(static fn (): array => [PathPattern::parse($pattern)->text, null]);
            self::assertSame('invalid_request.malformed', $verdict['code'], $pattern);
        }
    }

    /** @dataProvider references */
    public function testReferencesResolveAsInRfc3986(string $from, string $location, ?string $expected): void
    {
        $target = Canonicalizer::fromUrl($from);
        if ($expected === null) {
            $this->expectException(OutboundException::class);
        }
        $found = Canonicalizer::follow($target, $location, false);
        self::assertSame($expected, $found->text($found->query));
    }

    /** @return iterable<string, array<mixed>> */
    public static function references(): iterable
    {
        return PolicyVectors::cases('references');
    }

    public function testAUrlHasAtMost8192Bytes(): void
    {
        $base = 'https://api.example.com/v1';
        $room = 8192 - strlen($base . '/');
        $code = static fn (string $path, array $query = []): ?string => PolicyVectors::verdict(
            static fn (): array => [Destination::read($base, null, $path, $query)->canonical(false)[0]->path, null],
        )['code'];

        self::assertNull($code(str_repeat('a', $room)));
        self::assertSame('policy.path_not_canonical', $code(str_repeat('a', $room + 1)));
        // The limit is on the length of the percent-encoded form.
        self::assertSame('policy.path_not_canonical', $code(str_repeat('ü', intdiv($room, 6) + 1)));
        self::assertSame('policy.path_not_canonical', $code('', [['q', str_repeat('a', 8192)]]));
        self::assertSame('policy.path_not_canonical', $code(str_repeat('%41', 1 << 20)));
    }

    public function testADumpOfATargetShowsItsOriginOnly(): void
    {
        $dump = print_r(Canonicalizer::fromUrl('https://api.example.com/c4n4ry?k=c4n4ry'), true);
        self::assertStringContainsString('https://api.example.com', $dump);
        self::assertStringNotContainsString('c4n4ry', $dump);
    }
}
