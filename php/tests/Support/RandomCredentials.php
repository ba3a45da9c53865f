<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support;

use Netresearch\NrVault\Transport\Placement;
use Random\Engine\Mt19937;
use Random\Randomizer;

/**
 * Random requests with credentials, valid ones and ones with all kinds of faults. The same seed gives the same requests.
 */
final class RandomCredentials
{
    private const CONTENT_TYPES = [
        'application/json',
        'application/json',
        'Application/JSON ; charset=utf-8',
        'application/vnd.api+json',
        'application/x-www-form-urlencoded',
        "application/x-www-form-urlencoded\t;charset=UTF-8",
        'multipart/mixed; boundary=application/json',
        'text/plain',
        "application/json; x=\xE4",
        '+json',
        'a/b/c+json',
    ];

    private const QUERIES = ['', 'a=1', 'a=%7e+y&&z', 'key=1', 'k%65y', 'a+key=', 'a%20key=2', '&=&', 'x=key&y={}'];

    /** Values of an object's member; the first half is valid JSON. */
    public const JSON_VALUES = [
        'null', 'true', '7', '-0', '1.0e2', '1e999', '123456789012345678901234567890', '[]', '{}', '[1,[2,{"key":3}]]',
        '""', '"\u00e4\/"', '"\ud83d\ude00"', '"\ud800"', '"}"', '{"key":1,"key":2}', '"ä"',
        // Invalid JSON.
        '01', '1.', '.5', '+1', 'nul', '[1,]', '{,}', '"\x"', '"\u12g4"', "\"\t\"", '{"a" 1}', '"', "\"\xFF\"", 'NaN',
    ];

    /** Values of expires_at. */
    public const MOMENTS = [
        '4102444800', '0', '-0', '1e9', '1795300000.5', '253402207200', '253402207201', '-377705023202', 'null',
        '"4102444800"', '"2100-01-01T00:00:00Z"', '"2000-01-01T00:00:00Z"', '"2100-02-29T00:00:00Z"',
        '"2096-02-29T23:59:60Z"', '"2100-01-01T24:00:00Z"', '"2100-01-01T00:00:00+23:59"',
        '"2100-01-01T00:00:00+24:00"', '"2100-01-01T00:00:00-25:59"', '"2100-01-01T00:00:00+26:00"',
        '"2100-01-01T00:00:00+01:60"', '"2100-01-01T00:00:00-00:00"', '"2100-01-01t00:00:00Z"', '"2100-01-01"',
        '"2100-01-01T00:00:00"', '"2100-01-01T00:00:00.5Z"', '"2100-01-01T00:00:00.Z"',
        '"2100-01-01T00:00:00.123456789Z"', '"2100-01-01T00:00:00.1234567890Z"', '"0000-01-01T00:00:00Z"',
        '"0000-02-30T00:00:00Z"', '"9999-12-31T23:59:59Z"', '"9999-12-30T22:00:00Z"', '"9999-12-30T22:00:01Z"',
        '"2100-00-01T00:00:00Z"', '"2100-01-01T00:61:00Z"', '"2100-01-01T00:00:61Z"', '"2100-01-01T00:00:00Z\n"',
        '"2\u0031 00-01-01T00:00:00Z"', '"2\u003100-01-01T00:00:00Z"',
    ];

    private readonly Randomizer $random;

    /**
     * @param string $marker part of most secrets
     * @param string $host the host and port that the requests are sent to
     */
    public function __construct(int $seed, private readonly string $marker, private readonly string $host)
    {
        $this->random = new Randomizer(new Mt19937($seed));
    }

    /**
     * The arguments of seal() for one to three credentials, and of the request around them.
     *
     * @return array{credentials: list<array{string, string, Placement|null}>, headers: list<array{string, string}>,
     *         query: string, body: string}
     */
    public function next(): array
    {
        $credentials = [];
        for ($count = $this->of([1, 1, 1, 2, 2, 3]); $count > 0; $count--) {
            array_push($credentials, ...$this->credentials());
        }
        $headers = [];
        $type = $this->chance(8) ? null : $this->of(self::CONTENT_TYPES);
        if ($type !== null) {
            $headers[] = ['Content-Type', $type];
        }
        if ($this->chance(25)) {
            $headers[] = $this->of([
                ['Authorization', 'mine'], ['X-API-Key', 'mine'], ['x-sealed', 'mine'], ['Content-Encoding', 'gzip'],
                ['Content-Type', 'application/json'], ['X-Other', "caf\xE9"], ['X-Key', ''],
            ]);
        }
        $isForm = str_contains((string) $type, 'form-urlencoded');
        return [
            'credentials' => $credentials,
            'headers' => $headers,
            'query' => $this->of(self::QUERIES),
            'body' => $isForm ? $this->of(self::QUERIES) : $this->jsonBody(),
        ];
    }

    /**
     * @return list<array{string, string, Placement|null}>
     */
    private function credentials(): array
    {
        $plain = fn (Placement $placement): array => ['secret', $this->secret(), $placement];
        return match ($this->random->getInt(0, 11)) {
            0 => [['bearer', $this->document('bearer', ['token' => $this->secret()]), null]],
            1, 2 => [['api_key', $this->document('api_key', $this->apiKey()), null]],
            3 => [['basic', $this->document('basic', [
                'username' => $this->of(['user', '', 'a:b', "\x01", 'ä']),
                'password' => $this->secret(),
            ]), null]],
            4 => [['secret', $this->chance(30)
                ? $this->document('bearer', ['token' => $this->secret()])
                : $this->document('secret', ['secret' => $this->secret()]), $this->placement()]],
            5 => [$plain(Placement::basicUsername()), $plain(Placement::basicPassword())],
            6 => [['secret', 'user' . $this->of([':', '']) . $this->secret(), Placement::basic()]],
            7, 8 => [$plain(Placement::bodyField($this->of(['key', 'api key', 'k"e\\y', 'ä', '0'])))],
            9 => [$plain(Placement::query($this->of(['key', 'api key', 'a key', 'k[]&', 'ä'])))],
            default => [$plain($this->placement())],
        };
    }

    private function placement(): Placement
    {
        return $this->of([
            Placement::bearer(),
            Placement::apiKey(),
            Placement::basic(),
            Placement::header('X-Key'),
            Placement::header('x-sealed', 'Key '),
            Placement::header('Authorization', "\tKey"),
            Placement::header($this->of(['Host', 'TE', 'proxy-x', 'a b', 'ä', 'Accept-Encoding'])),
            Placement::header('X-Key', $this->of(['ä', "\n", "\x7F"])),
            Placement::query('key'),
            Placement::bodyField('key'),
            Placement::basicUsername(),
        ]);
    }

    private function secret(): string
    {
        $marked = 'a/+ ' . $this->marker;
        return match ($this->random->getInt(0, 19)) {
            0 => '',
            1 => $this->of([' ', "\t"]) . $marked,
            2 => $marked . $this->of([' ', "\t", "\r\n", "\0", "\x7F"]),
            3 => $marked . $this->random->getBytes($this->random->getInt(1, 6)),
            4 => 'ä€😀' . $marked,
            5 => "\u{2028}\u{2029}\u{7F}\u{FFFF}" . $marked,
            6 => $marked . implode('', array_map(chr(...), range(0, 31))),
            7 => $marked . "\tb\xE4",
            8 => 'x',
            9 => ':' . $marked,
            10 => str_repeat($marked, 40),
            default => $marked . '"\\&=%zz' . bin2hex($this->random->getBytes(4)),
        };
    }

    /**
     * @return array<string, string>
     */
    private function apiKey(): array
    {
        $payload = ['key' => $this->secret()];
        if ($this->chance(50)) {
            $payload['header'] = $this->of(['X-Sealed', 'authorization', 'Host', 'a b', '', 'X-Key', 'proxy-a', 'ä']);
        }
        if ($this->chance(40)) {
            $payload['prefix'] = $this->of(['Key ', '', "\t", "\n", 'ä']);
        }
        return $payload;
    }

    /**
     * A typed payload as JSON text, with members that are allowed in it and members that are not.
     *
     * @param array<string, string> $texts
     */
    private function document(string $type, array $texts): string
    {
        $members = [];
        foreach ($texts as $name => $text) {
            $members[] = [$name, $this->chance(4) ? $this->of(self::JSON_VALUES) : $this->text($text)];
        }
        // A plain secret in JSON needs both.
        $isSecret = $type === 'secret';
        if ($this->chance($isSecret ? 85 : 30)) {
            $members[] = ['type', $this->text($this->chance(80) ? $type : $this->of(['basic', 'secret', 'x', '']))];
        }
        if ($this->chance($isSecret ? 85 : 40)) {
            $members[] = ['binding', $this->binding()];
        }
        if ($this->chance(6)) {
            $members[] = [$this->of(['extra', 'Token', '', "\0", ...array_keys($texts)]), $this->of(self::JSON_VALUES)];
        }
        return $this->spoil($this->object($this->random->shuffleArray($members)), 6);
    }

    private function binding(): string
    {
        $members = [];
        $list = fn (array $sound): string => $this->chance(8)
            ? $this->of(['[]', 'null', '["a",1]', '[["a"]]', '{}', '"a"', '["\ud800"]', '["*"]', '[""]'])
            : (string) json_encode([$this->of($sound), $this->of($sound)]);
        if ($this->chance(50)) {
            $members[] = ['hosts', $list([$this->host, $this->host, $this->host, '*.example'])];
        }
        if ($this->chance(30)) {
            $members[] = ['methods', $list(['POST', 'POST', 'GET'])];
        }
        if ($this->chance(30)) {
            $members[] = ['paths', $list(['/v1/**', '/v1/echo', '/v1/{name}', '/other'])];
        }
        if ($this->chance(60)) {
            $members[] = ['expires_at', $this->of(self::MOMENTS)];
        }
        if ($this->chance(4)) {
            $members[] = [$this->of(['host', 'hosts', 'expires_at']), '[]'];
        }
        return $this->object($members);
    }

    private function jsonBody(): string
    {
        $members = [];
        for ($count = $this->random->getInt(0, 4); $count > 0; $count--) {
            $name = $this->of(['a', 'b', '', 'Key', $this->chance(10) ? 'key' : 'c', 'ä', "\0"]);
            $sound = array_slice(self::JSON_VALUES, 0, 17);
            $members[] = [$name, $this->of($this->chance(85) ? $sound : self::JSON_VALUES)];
        }
        $body = $this->chance(10) ? $this->of(['', " \n", '[]', '"x"', "\u{FEFF}{}", '{}{}', 'null']) : null;
        return $this->spoil($body ?? $this->object($members), 10);
    }

    /**
     * @param list<array{string, string}> $members names, and values as JSON
     */
    private function object(array $members): string
    {
        $blank = fn (): string => $this->chance(20) ? $this->of([' ', "\n", "\t", "\r\n"]) : '';
        $written = array_map(
            fn (array $member): string => $blank() . $this->text($member[0]) . $blank() . ':' . $blank() . $member[1],
            $members,
        );
        return $blank() . '{' . implode($blank() . ',', $written) . $blank() . '}' . $blank();
    }

    /** A JSON string with some characters escaped. Bytes that are not UTF-8 are not changed. */
    private function text(string $text): string
    {
        $escape = fn (array $match): string => match (true) {
            str_contains("\"\\\n\r\t", $match[0]) => trim((string) json_encode($match[0]), '"'),
            $match[0] < ' ' || $this->chance(10) => sprintf($this->of(['\u%04x', '\u%04X']), ord($match[0])),
            default => $match[0],
        };
        return '"' . preg_replace_callback('/[\x00-\x7F]/', $escape, $text) . '"';
    }

    /** The text, in $percent of the cases with one character added, removed or replaced. */
    private function spoil(string $text, int $percent): string
    {
        if ($text === '' || !$this->chance($percent)) {
            return $text;
        }
        $at = $this->random->getInt(0, strlen($text) - 1);
        $character = $this->of([',', '"', '}', '{', ':', ' ', '\\', 'x', '0', "\0", "\x80", '[', ']', "\x0B"]);
        return match ($this->random->getInt(0, 2)) {
            0 => substr_replace($text, $character, $at, 0),
            1 => substr_replace($text, '', $at, 1),
            2 => substr_replace($text, $character, $at, 1),
        };
    }

    private function chance(int $percent): bool
    {
        return $this->random->getInt(0, 99) < $percent;
    }

    /**
     * @template T
     * @param non-empty-list<T> $choices
     * @return T
     */
    private function of(array $choices): mixed
    {
        return $choices[$this->random->getInt(0, count($choices) - 1)];
    }
}
