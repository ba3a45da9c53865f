<?php

/**
 * A host that misuses the C interface, to show that the tools detect it. It opens the library itself and reads a result "beyond" its end
 * or "after" it was freed, as its first argument says.
 */

declare(strict_types=1);

$ffi = FFI::cdef(<<<'C'
    typedef struct { uint64_t id; const char *head; size_t head_len; const char *body; size_t body_len; } result;
    int32_t secure_outbound_open(const char *config, size_t config_len, uint64_t *engine, result *out);
    void secure_outbound_result_free(result *result);
    C, (string) getenv('SECURE_OUTBOUND_LIBRARY'));

$config = '{"version": 1}';
[$engine, $out, $copy] = [$ffi->new('uint64_t'), $ffi->new('result'), $ffi->new('result')];
$ffi->secure_outbound_open($config, strlen($config), FFI::addr($engine), FFI::addr($out));
FFI::memcpy($copy, $out, FFI::sizeof($out));
if ($argv[1] === 'beyond') {
    echo strlen(FFI::string($out->head, $out->head_len + 4_096));
}
$ffi->secure_outbound_result_free(FFI::addr($out));
if ($argv[1] === 'after') {
    echo strlen(FFI::string($copy->head, $copy->head_len));
}
