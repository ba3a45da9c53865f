<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Transport\Text\JsonObject;
use PHPUnit\Framework\TestCase;

final class JsonObjectTest extends TestCase
{
    public function testEachMemberHasItsType(): void
    {
        $object = new JsonObject([
            'text' => 'a',
            'number' => 1,
            'flag' => false,
            'texts' => ['a', 'b'],
            'numbers' => [1, 2],
            'pairs' => [['a', 'b']],
            'inner' => ['text' => 'c'],
            'list' => [['text' => 'd']],
        ]);

        self::assertSame(['a', 1, false], [$object->string('text'), $object->int('number'), $object->bool('flag')]);
        self::assertSame([['a', 'b'], [1, 2]], [$object->strings('texts'), $object->ints('numbers')]);
        self::assertSame([['a', 'b']], $object->pairs('pairs'));
        self::assertSame(['c', 'd'], [$object->object('inner')->string('text'), $object->objects('list')[0]->string('text')]);
        self::assertSame('a', $object->matching('text', '/\A[a-c]\z/'));
    }

    public function testWhatIsNotThere(): void
    {
        $object = new JsonObject(['null' => null]);

        self::assertSame(['b', 2, true], [$object->string('a', 'b'), $object->int('a', 2), $object->bool('a', true)]);
        self::assertSame([['c'], []], [$object->strings('a', ['c']), $object->pairs('a')]);
        foreach (['a', 'null'] as $name) {
            self::assertFalse($object->has($name));
            self::assertNull($object->stringOrNull($name));
            self::assertNull($object->intOrNull($name));
            self::assertNull($object->objectOrNull($name));
            self::assertNull($object->stringsOrNull($name));
        }
    }

    /**
     * @dataProvider flaws
     * @param \Closure(JsonObject): mixed $read
     */
    public function testTheMemberOfTheDocumentIsNamed(string $member, \Closure $read): void
    {
        $object = new JsonObject([
            'null' => null,
            'text' => 'a',
            'map' => ['k' => 'a'],
            'mixed' => ['a', 1],
            'inner' => ['text' => 1],
            'list' => [['text' => 1]],
            'pair' => [['a', 'b', 'c']],
        ]);

        $this->expectException(\UnexpectedValueException::class);
        $this->expectExceptionMessageMatches('/\A' . $member . '\z/');
        $read($object);
    }

    /**
     * @return iterable<string, array{string, \Closure(JsonObject): mixed}>
     */
    public static function flaws(): iterable
    {
        yield 'none' => ['other', static fn (JsonObject $object) => $object->string('other')];
        yield 'null is not absent' => ['null', static fn (JsonObject $object) => $object->bool('null', true)];
        yield 'null is no list' => ['null', static fn (JsonObject $object) => $object->strings('null', [])];
        yield 'another type' => ['text', static fn (JsonObject $object) => $object->intOrNull('text')];
        yield 'another form' => ['text', static fn (JsonObject $object) => $object->matching('text', '/\Ab\z/')];
        yield 'a map for a list' => ['map', static fn (JsonObject $object) => $object->strings('map')];
        yield 'a list of several types' => ['mixed', static fn (JsonObject $object) => $object->strings('mixed')];
        yield 'a list of others' => ['mixed', static fn (JsonObject $object) => $object->objects('mixed')];
        yield 'a triple' => ['pair', static fn (JsonObject $object) => $object->pairs('pair')];
        yield 'within an object' => ['inner', static fn (JsonObject $object) => $object->object('inner')->string('text')];
        yield 'within a list' => ['list', static fn (JsonObject $object) => $object->objects('list')[0]->string('text')];
    }
}
