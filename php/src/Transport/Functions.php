<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * The PHP functions that a call needs. Hosts disable some with disable_functions, and a call of a disabled function throws an
 * error in the middle of the work. So they are checked before.
 *
 * @internal
 */
final class Functions
{
    /** Functions of the client and of both transports; all are in PHP's core. */
    private const NEEDED = [
        'array_change_key_case', 'array_column', 'array_diff_key', 'array_filter', 'array_flip', 'array_is_list',
        'array_key_exists', 'array_key_first', 'array_key_last', 'array_keys', 'array_map', 'array_pop', 'array_push',
        'array_replace', 'array_slice', 'array_values', 'array_walk_recursive', 'base64_decode', 'basename', 'bin2hex', 'ceil', 'chr', 'class_exists',
        'clearstatcache', 'count', 'debug_backtrace', 'explode', 'extension_loaded', 'fclose', 'filetype', 'fopen', 'fstat',
        'ftell', 'function_exists', 'fwrite', 'get_object_vars', 'getenv', 'gmdate', 'hrtime', 'http_build_query', 'implode', 'in_array',
        'ini_get', 'intdiv', 'interface_exists', 'is_array', 'is_bool', 'is_file', 'is_finite', 'is_float', 'is_int', 'is_nan', 'is_object', 'is_resource',
        'is_scalar', 'is_string', 'json_decode', 'json_encode', 'levenshtein', 'max', 'method_exists', 'microtime', 'min', 'ord', 'pack',
        'preg_match', 'preg_replace', 'preg_replace_callback', 'random_bytes', 'random_int', 'rawurldecode', 'realpath',
        'restore_error_handler', 'rtrim', 'set_error_handler', 'spl_object_id', 'sprintf', 'str_contains', 'str_ends_with', 'str_repeat',
        'str_starts_with', 'strcspn', 'stream_get_contents', 'stream_set_read_buffer', 'strlen', 'strspn', 'strstr',
        'strtok', 'strtolower', 'strtr', 'strval', 'substr', 'substr_compare', 'trim', 'urldecode',
    ];

    /** Needed by PhpTransport in addition, by extension; those of an extension that is not loaded do not count as missing. */
    private const NEEDED_BY_PHP = [
        'core' => [
            'array_combine', 'array_diff', 'array_fill', 'array_fill_keys', 'array_intersect', 'array_merge',
            'array_reverse', 'array_search', 'array_shift', 'array_unique', 'base64_encode',
            'checkdate', 'constant', 'dechex', 'defined', 'dirname', 'file_exists', 'fileperms', 'gmmktime',
            'hash_hkdf', 'hexdec', 'intval', 'is_dir', 'is_executable', 'is_link', 'ltrim', 'preg_match_all',
            'rawurlencode', 'round', 'setlocale', 'str_pad', 'str_replace', 'str_split', 'strcasecmp',
            'strcmp', 'stream_socket_client', 'stripos', 'strncmp', 'strpbrk', 'strpos', 'strrpos', 'substr_count',
            'usleep',
        ],
        'curl' => [
            'curl_errno', 'curl_error', 'curl_getinfo', 'curl_init', 'curl_multi_add_handle', 'curl_multi_exec',
            'curl_multi_info_read', 'curl_multi_init', 'curl_multi_remove_handle', 'curl_multi_select', 'curl_multi_setopt',
            'curl_pause', 'curl_setopt', 'curl_setopt_array', 'curl_share_init', 'curl_share_setopt', 'curl_version',
        ],
        'openssl' => ['openssl_decrypt'],
        'sockets' => ['socket_addrinfo_explain', 'socket_addrinfo_lookup'],
        'sodium' => [
            'sodium_crypto_aead_aes256gcm_decrypt', 'sodium_crypto_aead_aes256gcm_is_available',
            'sodium_crypto_aead_xchacha20poly1305_ietf_decrypt',
        ],
        'zlib' => ['inflate_add', 'inflate_get_read_len', 'inflate_get_status', 'inflate_init'],
    ];

    /** Needed by SidecarTransport in addition; all are in PHP's core. */
    private const NEEDED_BY_SIDECAR = [
        'feof', 'fread', 'pfsockopen', 'str_split', 'stream_get_meta_data', 'stream_select',
        'stream_set_blocking', 'stream_set_chunk_size', 'stream_socket_client', 'unpack', 'usleep',
    ];

    /** @var array<int, list<string>> the missing functions, for this PHP request */
    private static array $missing = [];

    /**
     * The functions that this PHP does not have.
     *
     * @param bool $isPhp whether PhpTransport is to send
     * @return list<string>
     */
    public static function missing(bool $isPhp = false): array
    {
        return self::$missing[(int) $isPhp] ??= self::look($isPhp ? self::NEEDED_BY_PHP : []);
    }

    /**
     * The functions that this PHP does not have, and without which it cannot ask the sidecar.
     *
     * @return list<string>
     */
    public static function missingForSidecar(): array
    {
        return self::$missing[2] ??= self::look(['core' => self::NEEDED_BY_SIDECAR]);
    }

    /**
     * All functions that missing() may name, for the doctor.
     *
     * @return list<string>
     */
    public static function names(): array
    {
        $names = [...self::NEEDED, ...self::NEEDED_BY_SIDECAR];
        foreach (self::NEEDED_BY_PHP as $ofExtension) {
            $names = [...$names, ...$ofExtension];
        }
        return $names;
    }

    /**
     * @throws OutboundException configuration.transport_unavailable, with their names
     */
    public static function demand(bool $isPhp = false): void
    {
        $missing = self::missing($isPhp);
        if ($missing !== []) {
            throw OutboundException::create('configuration.transport_unavailable', self::message($missing));
        }
    }

    /**
     * @param non-empty-list<string> $missing
     */
    public static function message(array $missing): string
    {
        $names = '';
        foreach ($missing as $name) {
            $names .= ($names === '' ? '' : ', ') . $name;
        }
        return 'PHP lacks functions that a call needs: ' . $names . '; take them out of disable_functions';
    }

    /**
     * @param array<string, list<string>> $more needed in addition, by extension
     * @return list<string>
     */
    private static function look(array $more): array
    {
        try {
            if (function_exists('ini_get') && ini_get('disable_functions') === '') {
                return [];
            }
            $lists = [['core', self::NEEDED]];
            foreach ($more as $extension => $names) {
                $lists[] = [$extension, $names];
            }
            $missing = [];
            foreach ($lists as [$extension, $names]) {
                foreach ($names as $name) {
                    if (!function_exists($name) && extension_loaded($extension)) {
                        $missing[] = $name;
                    }
                }
            }
            return $missing;
        } catch (\Error) {
            return ['function_exists', 'extension_loaded'];
        }
    }
}
