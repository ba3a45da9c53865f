<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Memory;

/**
 * Searches the memory of a process for the secrets of a measurement, in each of their forms.
 */
final class Search
{
    private const CHUNK = 1 << 20;

    /** More bytes than the longest form of a secret has. */
    private const REACH = 512;

    /** @var array<string, string> the forms of the mark */
    private readonly array $forms;

    public function __construct(private readonly Canaries $canaries)
    {
        $this->forms = Forms::of($canaries->mark);
    }

    /**
     * @return list<Copy> in the order of their addresses
     */
    public function in(Image $image): array
    {
        $file = fopen($image->file, 'rb') ?: throw new \RuntimeException('Cannot read ' . $image->file);
        stream_set_read_buffer($file, 0);
        $copies = [];
        $empty = str_repeat("\0", self::CHUNK);
        foreach ($image->regions as $region) {
            $hits = [];
            $before = '';
            for ($at = 0; $at < $region->length; $at += self::CHUNK) {
                $chunk = self::read($file, $region->offset + $at, min(self::CHUNK, $region->length - $at));
                if ($chunk === '' || $chunk === $empty) {
                    $before = '';
                    continue;
                }
                // A copy may begin in one chunk and end in the next.
                $from = $at - strlen($before);
                $hits += $this->hits($before . $chunk, $from);
                $before = substr($chunk, -self::REACH);
            }
            array_push($copies, ...$this->copies($file, $region, $hits));
        }
        return $copies;
    }

    /**
     * The secrets in a text.
     *
     * @return list<string> their names, in order
     */
    public function inText(string $text): array
    {
        $names = [];
        foreach (array_keys($this->hits($text, 0)) as $at) {
            $from = max(0, $at - self::REACH);
            [$name] = $this->canaries->identify(substr($text, $from, 2 * self::REACH), $at - $from);
            $names[$name] = $name;
        }
        sort($names);
        return $names;
    }

    /**
     * @return array<int, string> forms, by the place where a mark was found
     */
    private function hits(string $text, int $from): array
    {
        $hits = [];
        foreach ($this->forms as $name => $form) {
            for ($at = -1; ($at = strpos($text, $form, $at + 1)) !== false;) {
                $hits[$from + $at] = $name;
            }
        }
        return $hits;
    }

    /**
     * @param resource $file
     * @param array<int, string> $hits
     * @return list<Copy>
     */
    private function copies($file, Region $region, array $hits): array
    {
        ksort($hits);
        $copies = [];
        $end = 0;
        foreach ($hits as $at => $form) {
            if ($at < $end) {
                continue;
            }
            $from = max(0, $at - self::REACH);
            $around = self::read($file, $region->offset + $from, min(2 * self::REACH, $region->length - $from));
            [$name, $end] = $this->canaries->identify($around, $at - $from);
            $end += $from;
            $copies[] = new Copy($name, $form, $region->address + $at, $region->name, $region->locked);
        }
        return $copies;
    }

    /**
     * @param resource $file
     */
    private static function read($file, int $offset, int $length): string
    {
        fseek($file, $offset);
        return (string) @fread($file, $length);
    }
}
