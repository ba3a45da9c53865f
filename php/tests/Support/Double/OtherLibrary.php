<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Double;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;

/**
 * A library, compiled from C, that has all functions of the interface, and by default another ABI version.
 */
final class OtherLibrary
{
    private const SOURCE = <<<'C'
        unsigned int secure_outbound_abi_version(void) { return ABI; }
        const char *secure_outbound_version(void) { return "other"; }
        int secure_outbound_open(void) { __builtin_trap(); }
        int secure_outbound_send(void) { __builtin_trap(); }
        int secure_outbound_explain(void) { __builtin_trap(); }
        int secure_outbound_check(void) { __builtin_trap(); }
        int secure_outbound_decide(void) { __builtin_trap(); }
        int secure_outbound_send_decided(void) { __builtin_trap(); }
        void secure_outbound_decided_free(void) { __builtin_trap(); }
        int secure_outbound_start(void) { __builtin_trap(); }
        int secure_outbound_start_decided(void) { __builtin_trap(); }
        int secure_outbound_start_upload(void) { __builtin_trap(); }
        int secure_outbound_start_decided_upload(void) { __builtin_trap(); }
        int secure_outbound_write(void) { __builtin_trap(); }
        int secure_outbound_event(void) { __builtin_trap(); }
        int secure_outbound_wait(void) { __builtin_trap(); }
        int secure_outbound_head(void) { __builtin_trap(); }
        int secure_outbound_read(void) { __builtin_trap(); }
        int secure_outbound_cancel(void) { __builtin_trap(); }
        int secure_outbound_end(void) { __builtin_trap(); }
        int secure_outbound_close(void) { __builtin_trap(); }
        void secure_outbound_thread_results_free(void) {}
        void secure_outbound_result_free(void) { __builtin_trap(); }

        C;

    /**
     * Compiles the library and returns its path.
     *
     * @param string $without a function that the library lacks
     * @param int $abi its ABI version
     */
    public static function build(TempDir $directory, string $without = '', int $abi = 2): string
    {
        $functions = $without === '' ? self::SOURCE : str_replace($without . '(', 'other(', self::SOURCE);
        $source = $directory->write('other.c', $functions);
        $library = $directory->path . '/other.so';
        $result = Process::run(['cc', '-shared', '-fPIC', '-DABI=' . $abi, '-o', $library, $source]);
        if ($result['code'] !== 0) {
            throw new \RuntimeException('cc: ' . $result['output']);
        }
        return $library;
    }
}
