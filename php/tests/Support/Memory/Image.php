<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Memory;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;

/**
 * The memory of a live process, or that in a core file.
 */
final class Image
{
    /** The type of a program header that describes a segment of memory, in an ELF file. */
    private const PT_LOAD = 1;

    /**
     * @param list<Region> $regions
     */
    private function __construct(public readonly string $file, public readonly array $regions)
    {
    }

    /** All memory of a live process that can be read, including pages that core files leave out. */
    public static function ofProcess(int $pid): self
    {
        $regions = [];
        $smaps = (string) file_get_contents('/proc/' . $pid . '/smaps');
        $mapping = '/^([0-9a-f]+)-([0-9a-f]+) (r\S+) \S+ \S+ \S+ *([^\n]*)\n(?:\w+:[^\n]*\n)*?VmFlags:([^\n]*)/m';
        preg_match_all($mapping, $smaps, $found, PREG_SET_ORDER);
        foreach ($found as [, $from, $to, , $name, $flags]) {
            // These mappings are the kernel's, and cannot be read through /proc/PID/mem.
            if (!in_array($name, ['[vvar]', '[vvar_vclock]', '[vsyscall]'], true)) {
                [$address, $flags] = [(int) hexdec($from), explode(' ', $flags)];
                $locked = in_array('lo', $flags, true) && in_array('dd', $flags, true);
                $regions[] = new Region($address, (int) hexdec($to) - $address, $address, $name, $locked);
            }
        }
        return new self('/proc/' . $pid . '/mem', $regions);
    }

    /** A core file: its memory by address; all that comes before, such as the registers, by its place in the file. */
    public static function ofCore(string $file): self
    {
        $handle = fopen($file, 'rb') ?: throw new \RuntimeException('No core file ' . $file);
        $header = unpack('a4magic/Cclass/x27/Pprograms/x14/vsize/vcount', (string) fread($handle, 64));
        if ($header['magic'] !== "\x7FELF" || $header['class'] !== 2) {
            throw new \RuntimeException($file . ' is no ELF file of 64 bits.');
        }
        fseek($handle, $header['programs']);
        $regions = [];
        $first = filesize($file);
        for ($index = 0; $index < $header['count']; $index++) {
            $program = unpack('Vtype/Vflags/Poffset/Paddress/x8/Plength', (string) fread($handle, $header['size']));
            if ($program['type'] === self::PT_LOAD && $program['length'] > 0) {
                $regions[] = new Region($program['address'], $program['length'], $program['offset']);
                $first = min($first, $program['offset']);
            }
        }
        $regions !== [] || throw new \RuntimeException($file . ' holds no memory.');
        return new self($file, [new Region(0, $first, 0, '(head of the core)'), ...$regions]);
    }

    /** Dumps the core of a live process, which continues to run, and reads it. The caller has to remove the file. */
    public static function dump(int $pid, string $file): self
    {
        $dumped = Process::run(['gdb', '-nx', '-batch', '-p', (string) $pid, '-ex', 'generate-core-file ' . $file]);
        if (!is_file($file)) {
            throw new \RuntimeException('gdb: ' . $dumped['output']);
        }
        return self::ofCore($file);
    }

    /** The number of bytes in all regions. */
    public function size(): int
    {
        return array_sum(array_map(static fn (Region $region): int => $region->length, $this->regions));
    }
}
