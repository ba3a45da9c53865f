<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

/**
 * The one class that touches \FFI: libsecure_outbound, ABI version 1, as static calls on plain strings and integers.
 *
 * It is the only class that preload.php loads, so it needs no other class of this package. A preloaded copy silently takes
 * precedence over the one in vendor/; its user therefore checks that API is high enough. No FFI or CData object is returned, because any file could
 * call it then. Exceptions have no previous exception: the trace of an FFI exception contains the arguments. Repeated lines are
 * not moved into a closure: its arguments would be in traces and backtraces as well.
 *
 * The binding lasts for one PHP request (PHP clears statics between requests); all other state lives in the library. A result
 * that remains there after a fatal error or exit() is freed at the end of the request, or else by the next bind().
 *
 * @phpstan-type Space array{result: \FFI\CData, at: \FFI\CData, number: \FFI\CData, atNumber: \FFI\CData}
 *
 * @internal used by RustFfiTransport only
 */
final class NativeLibrary
{
    /** Rises by one with each release that adds a method. A method that there is stays, with its arguments and what it returns. */
    public const API = 8;

    /** Version of the C functions, as secure_outbound_abi_version() returns it. */
    public const ABI = 1;

    /** Return values of the native functions, as in include/secure_outbound.h. */
    public const OK = 0;
    public const FAILED = 1;
    public const PENDING = 2;
    public const END = 3;
    public const NULL_POINTER = -1;
    public const LENGTH_TOO_LARGE = -2;
    public const UNKNOWN_ENGINE = -3;
    public const UNKNOWN_CALL = -4;
    public const UNKNOWN_EXCHANGE = -5;

    /** Codes of the \RuntimeException that the methods throw. */
    public const NOT_BOUND = 1;
    public const WRONG_VERSION = 2;
    public const CALL_FAILED = 3;

    /** The request and its policy have the limits, and the least one applies. */
    private const NO_IDLE_LIMIT = 0;

    private const SCOPE = 'SECURE_OUTBOUND';

    /** The declarations of include/secure_outbound.h that are used here; a test compares the two. */
    private const DECLARATIONS = <<<'C'
        typedef struct secure_outbound_result {
          uint64_t id;
          const char *head;
          size_t head_len;
          const char *body;
          size_t body_len;
        } secure_outbound_result;
        uint32_t secure_outbound_abi_version(void);
        const char *secure_outbound_version(void);
        int32_t secure_outbound_open(const char *config, size_t config_len, uint64_t *engine,
                                     struct secure_outbound_result *out);
        int32_t secure_outbound_send(uint64_t engine, const char *request, size_t request_len,
                                     const char *body, size_t body_len,
                                     const char *sealed, size_t sealed_len,
                                     struct secure_outbound_result *out);
        int32_t secure_outbound_explain(uint64_t engine, const char *request, size_t request_len, size_t body_len,
                                        struct secure_outbound_result *out);
        int32_t secure_outbound_close(uint64_t engine);
        void secure_outbound_thread_results_free(void);
        void secure_outbound_result_free(struct secure_outbound_result *result);
        C;

    /** Functions that a library or a header of an older release lacks, and that no call needs. */
    private const OPTIONAL = <<<'C'
        int32_t secure_outbound_check(uint64_t engine, const char *request, size_t request_len,
                                      const char *sealed, size_t sealed_len,
                                      struct secure_outbound_result *out);
        C;

    /** The same for calls that are decided before they are sent. */
    private const DECIDING = <<<'C'
        int32_t secure_outbound_decide(uint64_t engine, const char *service, size_t service_len,
                                       const char *request, size_t request_len, size_t body_len,
                                       uint64_t *call, struct secure_outbound_result *out);
        int32_t secure_outbound_send_decided(uint64_t call, const char *body, size_t body_len,
                                             const char *sealed, size_t sealed_len,
                                             struct secure_outbound_result *out);
        void secure_outbound_decided_free(uint64_t call);
        C;

    /** The same for calls that go on beside each other. */
    private const STREAMING = <<<'C'
        int32_t secure_outbound_start(uint64_t engine, const char *request, size_t request_len,
                                      const char *body, size_t body_len,
                                      const char *sealed, size_t sealed_len,
                                      int32_t whole, uint64_t idle_timeout_ms,
                                      uint64_t *exchange, struct secure_outbound_result *out);
        int32_t secure_outbound_start_decided(uint64_t call, const char *body, size_t body_len,
                                              const char *sealed, size_t sealed_len,
                                              int32_t whole, uint64_t idle_timeout_ms,
                                              uint64_t *exchange, struct secure_outbound_result *out);
        int32_t secure_outbound_wait(const uint64_t *exchanges, size_t count, uint32_t timeout_ms, uint64_t *ready);
        int32_t secure_outbound_head(uint64_t exchange, struct secure_outbound_result *out);
        int32_t secure_outbound_read(uint64_t exchange, size_t max, struct secure_outbound_result *out);
        int32_t secure_outbound_cancel(uint64_t exchange);
        int32_t secure_outbound_end(uint64_t exchange, struct secure_outbound_result *out);
        C;

    /** The same for bodies of requests that are handed over while they are sent. */
    private const UPLOADING = <<<'C'
        int32_t secure_outbound_start_upload(uint64_t engine, const char *request, size_t request_len, int64_t body_len,
                                             const char *sealed, size_t sealed_len,
                                             int32_t whole, uint64_t idle_timeout_ms,
                                             uint64_t *exchange, struct secure_outbound_result *out);
        int32_t secure_outbound_start_decided_upload(uint64_t call, int64_t body_len,
                                                     const char *sealed, size_t sealed_len,
                                                     int32_t whole, uint64_t idle_timeout_ms,
                                                     uint64_t *exchange, struct secure_outbound_result *out);
        int32_t secure_outbound_write(uint64_t exchange, const char *bytes, size_t len, int32_t last, size_t *taken);
        C;

    /** What follows bytes of a body. */
    public const MORE = 0;
    public const LAST = 1;
    public const BROKEN_OFF = -1;

    /** What wait() says of an exchange: it has something, and there is room for more of its request's body. */
    public const HAS_SOMETHING = 1;
    public const HAS_ROOM = 2;

    /** Reserved for the end of a request that has used up its memory. */
    private const RESERVE = 1 << 14;

    private const VERSION_DECLARATION = 'uint32_t secure_outbound_abi_version(void);';

    private static ?\FFI $ffi = null;

    /** The file of a binding by cdef; null for one by scope. */
    private static ?string $file = null;

    private static ?string $reserve = null;

    private static bool $canCheck = false;

    private static bool $canDecide = false;

    private static bool $canStream = false;

    private static bool $canUpload = false;

    /**
     * A result and a number with their addresses, for the next native call. They are stored, because making them takes a noticeable
     * part of the time of a call; whoever has taken them is alone with them, as a destructor may make a call within a call.
     *
     * @var Space|null
     */
    private static ?array $space = null;

    private function __construct()
    {
    }

    /**
     * Binds the library for this PHP request; a second call is free.
     *
     * In a web server's PHP the library is the one that ffi.preload (or FFI::load while preloading) has loaded, and
     * $file is not used. The CLI and thread-safe builds, which cannot use scopes, open $file.
     *
     * @param string $file path or soname, as dlopen() takes it
     * @throws \RuntimeException NOT_BOUND with what is missing, WRONG_VERSION
     */
    public static function bind(string $file): void
    {
        if (self::$ffi !== null) {
            if (self::$file !== null && self::$file !== $file) {
                throw new \RuntimeException('another library file is bound in this process already', self::NOT_BOUND);
            }
            return;
        }
        if (!\extension_loaded('ffi')) {
            throw new \RuntimeException('PHP has no FFI: install and load its ffi extension', self::NOT_BOUND);
        }
        // An integer before PHP 8.4.
        $direct = \PHP_SAPI === 'cli' || (bool) \PHP_ZTS;
        $held = self::holdSignals();
        [$canCheck, $canDecide, $canStream, $canUpload] = [false, false, false, false];
        try {
            // A library of another version may lack the other functions, so first only the function for its version is declared.
            $ffi = $direct ? \FFI::cdef(self::VERSION_DECLARATION, $file) : \FFI::scope(self::SCOPE);
            $abi = $ffi->secure_outbound_abi_version();
            if ($direct && $abi === self::ABI) {
                $ffi = \FFI::cdef(self::DECLARATIONS, $file);
            }
            if ($abi === self::ABI) {
                [$ffi, $canCheck, $canDecide, $canStream, $canUpload] = self::whole($ffi, $direct ? $file : null);
            }
            if ($abi === self::ABI) {
                // Results of a request that ended before it could free them.
                $ffi->secure_outbound_thread_results_free();
            }
        } catch (\FFI\Exception $failure) {
            if (\preg_match('/resolving C function|undefined C function/', $failure->getMessage()) === 1) {
                $message = 'the library lacks a function that this package needs: install matching versions';
                throw new \RuntimeException($message, self::WRONG_VERSION);
            }
            throw new \RuntimeException(self::remedy($direct, $failure->getMessage()), self::NOT_BOUND);
        } finally {
            self::deliverSignals($held);
        }
        if ($abi !== self::ABI) {
            $message = 'the library speaks ABI version %d, this package %d: install matching versions';
            throw new \RuntimeException(\sprintf($message, $abi, self::ABI), self::WRONG_VERSION);
        }
        self::$ffi = $ffi;
        self::$canCheck = $canCheck;
        self::$canDecide = $canDecide;
        self::$canStream = $canStream;
        self::$canUpload = $canUpload;
        self::$file = $direct ? $file : null;
        self::$reserve ??= \str_repeat("\0", self::RESERVE);
        if (\function_exists('register_shutdown_function')) {
            \register_shutdown_function(self::end(...));
        }
    }

    /** Whether an exception was thrown by this class itself, and not by a signal handler that ran in one of its calls. */
    public static function threw(\Throwable $failure): bool
    {
        return $failure::class === \RuntimeException::class && $failure->getFile() === __FILE__;
    }

    /**
     * The library's own version, such as "1.0.0".
     *
     * @throws \RuntimeException NOT_BOUND, CALL_FAILED
     */
    public static function version(): string
    {
        $ffi = self::bound();
        return self::uninterrupted(static fn (): string => $ffi->secure_outbound_version());
    }

    /**
     * @param string $config configuration document, JSON
     * @return array{status: int, engine: int, head: string} engine is 0 if there is none
     * @throws \RuntimeException NOT_BOUND, CALL_FAILED
     */
    public static function open(#[\SensitiveParameter] string $config): array
    {
        $ffi = self::bound();
        return self::withResult($ffi, static function (array $space) use ($ffi, $config): array {
            $space['number']->cdata = 0;
            $status = $ffi->secure_outbound_open($config, \strlen($config), $space['atNumber'], $space['at']);
            return ['status' => $status, 'engine' => $space['number']->cdata, 'head' => self::head($space['result'])];
        });
    }

    /**
     * @param int $engine handle from open()
     * @param string $request request head, JSON
     * @param string $body raw bytes
     * @param string $sealed '' for no credential, the envelope for one, a JSON array of envelopes for several
     * @param int $room how many bytes a body may have to be copied
     * @return array{status: int, head: string, body: string|null} body is null if it is larger
     * @throws \RuntimeException NOT_BOUND, CALL_FAILED
     */
    public static function send(
        int $engine,
        #[\SensitiveParameter] string $request,
        #[\SensitiveParameter] string $body,
        #[\SensitiveParameter] string $sealed,
        int $room = \PHP_INT_MAX,
    ): array {
        $ffi = self::bound();
        return self::withResult($ffi, static function (array $space) use (
            $ffi,
            $engine,
            $request,
            $body,
            $sealed,
            $room,
        ): array {
            $status = $ffi->secure_outbound_send(
                $engine,
                $request,
                \strlen($request),
                $body,
                \strlen($body),
                $sealed,
                \strlen($sealed),
                $space['at'],
            );
            $body = $space['result']->body_len > $room ? null : self::body($space['result']);
            return ['status' => $status, 'head' => self::head($space['result']), 'body' => $body];
        });
    }

    /**
     * Decides on a request, and sends nothing.
     *
     * @param int $engine handle from open()
     * @param string $request request head, JSON
     * @param int $bodyLength size of its body in bytes
     * @return array{status: int, head: string}
     * @throws \RuntimeException NOT_BOUND, CALL_FAILED
     */
    public static function explain(int $engine, #[\SensitiveParameter] string $request, int $bodyLength): array
    {
        $ffi = self::bound();
        return self::withResult($ffi, static function (array $space) use ($ffi, $engine, $request, $bodyLength): array {
            $length = \strlen($request);
            $status = $ffi->secure_outbound_explain($engine, $request, $length, $bodyLength, $space['at']);
            return ['status' => $status, 'head' => self::head($space['result'])];
        });
    }

    /** Whether library and header have decide(). */
    public static function canDecide(): bool
    {
        return self::$canDecide;
    }

    /**
     * Decides on a request. If it is allowed, the library stores the call for sendDecided(); its time limit starts now.
     *
     * @param int $engine handle from open()
     * @param string $service document of its service, which the engine reads once; '': the request contains everything
     * @param string $request request head, JSON, or the part of it that differs between requests
     * @param int $bodyLength size of its body in bytes
     * @return array{status: int, call: int, head: string} call is 0 if there is none
     * @throws \RuntimeException NOT_BOUND, WRONG_VERSION without canDecide(), CALL_FAILED
     */
    public static function decide(
        int $engine,
        string $service,
        #[\SensitiveParameter] string $request,
        int $bodyLength,
    ): array {
        $ffi = self::deciding();
        return self::withResult($ffi, static function (array $space) use (
            $ffi,
            $engine,
            $service,
            $request,
            $bodyLength,
        ): array {
            $space['number']->cdata = 0;
            $status = $ffi->secure_outbound_decide(
                $engine,
                $service,
                \strlen($service),
                $request,
                \strlen($request),
                $bodyLength,
                $space['atNumber'],
                $space['at'],
            );
            return ['status' => $status, 'call' => $space['number']->cdata, 'head' => self::head($space['result'])];
        });
    }

    /**
     * Sends a call that decide() has allowed. Its number is not valid afterwards.
     *
     * @param int $call number from decide()
     * @param string $body raw bytes, as many as were given to decide()
     * @param string $sealed as of send()
     * @param int $room how many bytes a body may have to be copied
     * @return array{status: int, head: string, body: string|null} body is null if it is larger
     * @throws \RuntimeException NOT_BOUND, WRONG_VERSION without canDecide(), CALL_FAILED
     */
    public static function sendDecided(
        int $call,
        #[\SensitiveParameter] string $body,
        #[\SensitiveParameter] string $sealed,
        int $room = \PHP_INT_MAX,
    ): array {
        $ffi = self::deciding();
        return self::withResult($ffi, static function (array $space) use ($ffi, $call, $body, $sealed, $room): array {
            [$length, $size] = [\strlen($body), \strlen($sealed)];
            $status = $ffi->secure_outbound_send_decided($call, $body, $length, $sealed, $size, $space['at']);
            $body = $space['result']->body_len > $room ? null : self::body($space['result']);
            return ['status' => $status, 'head' => self::head($space['result']), 'body' => $body];
        });
    }

    /** Frees a call that decide() has allowed and that is not sent. It may have been freed already. */
    public static function freeDecided(int $call): void
    {
        if (self::$canDecide) {
            $held = self::holdSignals();
            self::$ffi?->secure_outbound_decided_free($call);
            self::deliverSignals($held);
        }
    }

    /** Whether library and header have check(). */
    public static function canCheck(): bool
    {
        return self::$canCheck;
    }

    /**
     * Opens envelopes, returns in a code whether a request could use them, and wipes them. Nothing is sent.
     *
     * @param int $engine handle from open()
     * @param string $request request head, JSON, with its credentials
     * @param string $sealed as of send()
     * @return array{status: int, head: string}
     * @throws \RuntimeException NOT_BOUND, WRONG_VERSION without canCheck(), CALL_FAILED
     */
    public static function check(int $engine, #[\SensitiveParameter] string $request, string $sealed): array
    {
        $ffi = self::bound();
        if (!self::$canCheck) {
            throw new \RuntimeException('the library or its header has no secure_outbound_check', self::WRONG_VERSION);
        }
        return self::withResult($ffi, static function (array $space) use ($ffi, $engine, $request, $sealed): array {
            [$length, $size] = [\strlen($request), \strlen($sealed)];
            $status = $ffi->secure_outbound_check($engine, $request, $length, $sealed, $size, $space['at']);
            return ['status' => $status, 'head' => self::head($space['result'])];
        });
    }

    /** Whether library and header have start(). */
    public static function canStream(): bool
    {
        return self::$canStream;
    }

    /**
     * Begins a call. It goes on while a native call waits.
     *
     * @param int $engine handle from open()
     * @param string $request request head, JSON
     * @param string $body raw bytes
     * @param string $sealed as of send()
     * @param bool $isWhole whether the response is handed over as a whole
     * @return array{status: int, exchange: int, head: string} exchange is 0 if there is none
     * @throws \RuntimeException NOT_BOUND, WRONG_VERSION without canStream(), CALL_FAILED
     */
    public static function start(
        int $engine,
        #[\SensitiveParameter] string $request,
        #[\SensitiveParameter] string $body,
        #[\SensitiveParameter] string $sealed,
        bool $isWhole,
    ): array {
        $ffi = self::streaming();
        return self::begun($ffi, static fn (\FFI\CData $exchange, \FFI\CData $out): int => $ffi->secure_outbound_start(
            $engine,
            $request,
            \strlen($request),
            $body,
            \strlen($body),
            $sealed,
            \strlen($sealed),
            (int) $isWhole,
            self::NO_IDLE_LIMIT,
            $exchange,
            $out,
        ));
    }

    /**
     * Begins a call that decide() has allowed. Its number is not valid afterwards.
     *
     * @param int $call number from decide()
     * @param string $body raw bytes, as many as were given to decide()
     * @param string $sealed as of send()
     * @param bool $isWhole as of start()
     * @return array{status: int, exchange: int, head: string} exchange is 0 if there is none
     * @throws \RuntimeException NOT_BOUND, WRONG_VERSION without canStream(), CALL_FAILED
     */
    public static function startDecided(
        int $call,
        #[\SensitiveParameter] string $body,
        #[\SensitiveParameter] string $sealed,
        bool $isWhole,
    ): array {
        $ffi = self::streaming();
        return self::begun($ffi, static fn (\FFI\CData $exchange, \FFI\CData $out): int => $ffi->secure_outbound_start_decided(
            $call,
            $body,
            \strlen($body),
            $sealed,
            \strlen($sealed),
            (int) $isWhole,
            self::NO_IDLE_LIMIT,
            $exchange,
            $out,
        ));
    }

    /** Whether library and header have write(). */
    public static function canUpload(): bool
    {
        return self::$canUpload;
    }

    /**
     * Begins a call whose request's body is handed over by write().
     *
     * @param int $engine handle from open()
     * @param string $request request head, JSON
     * @param int $length of the body; -1: not known
     * @param string $sealed as of send()
     * @param bool $isWhole as of start()
     * @return array{status: int, exchange: int, head: string} exchange is 0 if there is none
     * @throws \RuntimeException NOT_BOUND, WRONG_VERSION without canUpload(), CALL_FAILED
     */
    public static function startUpload(
        int $engine,
        #[\SensitiveParameter] string $request,
        int $length,
        #[\SensitiveParameter] string $sealed,
        bool $isWhole,
    ): array {
        $ffi = self::uploading();
        return self::begun($ffi, static fn (\FFI\CData $exchange, \FFI\CData $out): int => $ffi->secure_outbound_start_upload(
            $engine,
            $request,
            \strlen($request),
            $length,
            $sealed,
            \strlen($sealed),
            (int) $isWhole,
            self::NO_IDLE_LIMIT,
            $exchange,
            $out,
        ));
    }

    /**
     * Begins a call that decide() has allowed, whose request's body is handed over by write(). Its number is not valid afterwards.
     *
     * @param int $call number from decide()
     * @param int $length of the body, as it was given to decide(); -1: not known
     * @param string $sealed as of send()
     * @param bool $isWhole as of start()
     * @return array{status: int, exchange: int, head: string} exchange is 0 if there is none
     * @throws \RuntimeException NOT_BOUND, WRONG_VERSION without canUpload(), CALL_FAILED
     */
    public static function startDecidedUpload(
        int $call,
        int $length,
        #[\SensitiveParameter] string $sealed,
        bool $isWhole,
    ): array {
        $ffi = self::uploading();
        return self::begun($ffi, static fn (\FFI\CData $exchange, \FFI\CData $out): int => $ffi->secure_outbound_start_decided_upload(
            $call,
            $length,
            $sealed,
            \strlen($sealed),
            (int) $isWhole,
            self::NO_IDLE_LIMIT,
            $exchange,
            $out,
        ));
    }

    /**
     * Hands over the next bytes of a request's body.
     *
     * @param int $rest MORE, LAST or BROKEN_OFF; it counts if all bytes were taken
     * @return array{status: int, taken: int} END if no more of the body is wanted
     * @throws \RuntimeException NOT_BOUND, WRONG_VERSION without canUpload(), CALL_FAILED
     */
    public static function write(int $exchange, #[\SensitiveParameter] string $bytes, int $rest): array
    {
        $ffi = self::uploading();
        return self::uninterrupted(static function () use ($ffi, $exchange, $bytes, $rest): array {
            $taken = $ffi->new('size_t');
            $status = $ffi->secure_outbound_write($exchange, $bytes, \strlen($bytes), $rest, \FFI::addr($taken));
            return ['status' => $status, 'taken' => $taken->cdata];
        });
    }

    /**
     * Waits until one of these exchanges has something, 100 ms at most.
     *
     * @param non-empty-list<int> $exchanges
     * @return array{status: int, ready: list<int>} ready has HAS_SOMETHING and HAS_ROOM for each of them
     * @throws \RuntimeException NOT_BOUND, WRONG_VERSION without canStream(), CALL_FAILED
     */
    public static function wait(array $exchanges, int $milliseconds): array
    {
        $ffi = self::streaming();
        return self::uninterrupted(static function () use ($ffi, $exchanges, $milliseconds): array {
            $count = \count($exchanges);
            $numbers = $ffi->new("uint64_t[$count]");
            $flags = $ffi->new("uint64_t[$count]");
            \FFI::memcpy($numbers, \pack('q*', ...$exchanges), 8 * $count);
            $status = $ffi->secure_outbound_wait($numbers, $count, $milliseconds, $flags);
            $ready = [];
            for ($place = 0; $place < $count; $place++) {
                $ready[] = \is_int($flags[$place]) ? $flags[$place] : 0;
            }
            return ['status' => $status, 'ready' => $ready];
        });
    }

    /**
     * @return array{status: int, head: string} the head of a response, PENDING, or a failure
     * @throws \RuntimeException NOT_BOUND, WRONG_VERSION without canStream(), CALL_FAILED
     */
    public static function headOf(int $exchange): array
    {
        $ffi = self::streaming();
        return self::withResult($ffi, static function (array $space) use ($ffi, $exchange): array {
            $status = $ffi->secure_outbound_head($exchange, $space['at']);
            return ['status' => $status, 'head' => self::head($space['result'])];
        });
    }

    /**
     * @return array{status: int, head: string, body: string} the next bytes, PENDING, END, or a failure
     * @throws \RuntimeException NOT_BOUND, WRONG_VERSION without canStream(), CALL_FAILED
     */
    public static function read(int $exchange, int $max): array
    {
        $ffi = self::streaming();
        return self::withResult($ffi, static function (array $space) use ($ffi, $exchange, $max): array {
            $status = $ffi->secure_outbound_read($exchange, $max, $space['at']);
            return ['status' => $status, 'head' => self::head($space['result']), 'body' => self::body($space['result'])];
        });
    }

    /**
     * @return int OK or UNKNOWN_EXCHANGE
     * @throws \RuntimeException NOT_BOUND, WRONG_VERSION without canStream(), CALL_FAILED
     */
    public static function cancel(int $exchange): int
    {
        $ffi = self::streaming();
        return self::uninterrupted(static fn (): int => $ffi->secure_outbound_cancel($exchange));
    }

    /**
     * Ends an exchange, whose number is not valid afterwards.
     *
     * @return array{status: int, head: string} its record
     * @throws \RuntimeException NOT_BOUND, WRONG_VERSION without canStream(), CALL_FAILED
     */
    public static function endOf(int $exchange): array
    {
        $ffi = self::streaming();
        return self::withResult($ffi, static function (array $space) use ($ffi, $exchange): array {
            $status = $ffi->secure_outbound_end($exchange, $space['at']);
            return ['status' => $status, 'head' => self::head($space['result'])];
        });
    }

    /**
     * @return int OK or UNKNOWN_ENGINE
     * @throws \RuntimeException NOT_BOUND, CALL_FAILED
     */
    public static function close(int $engine): int
    {
        $ffi = self::bound();
        return self::uninterrupted(static fn (): int => $ffi->secure_outbound_close($engine));
    }

    /** Runs at the end of the PHP request, also after a fatal error, for which no "finally" has run. */
    private static function end(): void
    {
        self::$reserve = null;
        $held = self::holdSignals();
        self::$ffi?->secure_outbound_thread_results_free();
        self::deliverSignals($held);
    }

    /**
     * The binding, with those optional functions that exist.
     *
     * @param string|null $file null: a scope, which has the functions that its header declares
     * @return array{\FFI, bool, bool, bool, bool} whether it has check(), decide(), start(), and write()
     */
    private static function whole(\FFI $ffi, ?string $file): array
    {
        $canCheck = self::has($ffi, $file, self::OPTIONAL, 'secure_outbound_check');
        $canDecide = self::has($ffi, $file, self::DECIDING, 'secure_outbound_decide');
        $canStream = $canDecide && self::has($ffi, $file, self::STREAMING, 'secure_outbound_start');
        $canUpload = $canStream && self::has($ffi, $file, self::UPLOADING, 'secure_outbound_write');
        if ($file !== null) {
            $optional = ($canCheck ? self::OPTIONAL : '') . "\n" . ($canDecide ? self::DECIDING : '')
                . "\n" . ($canStream ? self::STREAMING : '') . "\n" . ($canUpload ? self::UPLOADING : '');
            $ffi = \FFI::cdef(self::DECLARATIONS . "\n" . $optional, $file);
        }
        return [$ffi, $canCheck, $canDecide, $canStream, $canUpload];
    }

    private static function has(\FFI $ffi, ?string $file, string $declarations, string $function): bool
    {
        try {
            $whole = $file === null ? $ffi : \FFI::cdef(self::DECLARATIONS . "\n" . $declarations, $file);
            // PHP reports a function that a scope's header does not declare only when it is accessed.
            return $whole->{$function} instanceof \FFI\CData;
        } catch (\FFI\Exception) {
            return false;
        }
    }

    /**
     * A beginning of an exchange, which takes pointers to its number and to the result.
     *
     * @param \Closure(\FFI\CData, \FFI\CData): int $start
     * @return array{status: int, exchange: int, head: string} exchange is 0 if there is none
     */
    private static function begun(\FFI $ffi, #[\SensitiveParameter] \Closure $start): array
    {
        return self::withResult($ffi, static function (array $space) use ($start): array {
            $space['number']->cdata = 0;
            $status = $start($space['atNumber'], $space['at']);
            return ['status' => $status, 'exchange' => $space['number']->cdata, 'head' => self::head($space['result'])];
        });
    }

    /**
     * Makes a native call that gives a result, which is freed afterwards.
     *
     * @template T
     * @param \Closure(Space): T $native gets the result and the number that are written to, and the addresses of both
     * @return T
     * @throws \RuntimeException CALL_FAILED
     */
    private static function withResult(\FFI $ffi, #[\SensitiveParameter] \Closure $native): mixed
    {
        // Not by uninterrupted(): a closure more for each call takes a noticeable part of its time.
        $held = self::holdSignals();
        try {
            $space = self::$space ?? self::space($ffi);
            self::$space = null;
            try {
                return $native($space);
            } finally {
                $ffi->secure_outbound_result_free($space['at']);
                self::$space = $space;
            }
        } catch (\FFI\Exception) {
            throw new \RuntimeException('the native call failed', self::CALL_FAILED);
        } finally {
            self::deliverSignals($held);
        }
    }

    /**
     * Makes native calls in which no signal handler runs.
     *
     * @template T
     * @param \Closure(): T $native
     * @return T
     * @throws \RuntimeException CALL_FAILED
     */
    private static function uninterrupted(#[\SensitiveParameter] \Closure $native): mixed
    {
        $held = self::holdSignals();
        try {
            return $native();
        } catch (\FFI\Exception) {
            throw new \RuntimeException('the native call failed', self::CALL_FAILED);
        } finally {
            self::deliverSignals($held);
        }
    }

    /**
     * No signal handler runs during a native call: PHP 8.4 crashes if it creates an exception or a backtrace there.
     *
     * @return bool whether deliverSignals() has anything to do
     */
    private static function holdSignals(): bool
    {
        if (!\function_exists('pcntl_async_signals') || !\function_exists('pcntl_signal_dispatch')) {
            return false;
        }
        return \pcntl_async_signals(false);
    }

    /** Runs the handlers of signals that have arrived in the meantime; an exception of a handler replaces the result. */
    private static function deliverSignals(bool $held): void
    {
        if ($held) {
            \pcntl_async_signals(true);
            \pcntl_signal_dispatch();
        }
    }

    private static function bound(): \FFI
    {
        return self::$ffi ?? throw new \RuntimeException('the library is not bound', self::NOT_BOUND);
    }

    /**
     * @return Space
     */
    private static function space(\FFI $ffi): array
    {
        [$result, $number] = [$ffi->new('secure_outbound_result'), $ffi->new('uint64_t')];
        return ['result' => $result, 'at' => \FFI::addr($result), 'number' => $number, 'atNumber' => \FFI::addr($number)];
    }

    private static function deciding(): \FFI
    {
        $ffi = self::bound();
        if (!self::$canDecide) {
            throw new \RuntimeException('the library or its header has no secure_outbound_decide', self::WRONG_VERSION);
        }
        return $ffi;
    }

    private static function streaming(): \FFI
    {
        $ffi = self::bound();
        if (!self::$canStream) {
            throw new \RuntimeException('the library or its header has no secure_outbound_start', self::WRONG_VERSION);
        }
        return $ffi;
    }

    private static function uploading(): \FFI
    {
        $ffi = self::bound();
        if (!self::$canUpload) {
            throw new \RuntimeException('the library or its header has no secure_outbound_write', self::WRONG_VERSION);
        }
        return $ffi;
    }

    /*
     * Both functions pass the field itself to FFI::string(), whose parameter is a reference, so that it gets the pointer. If the
     * field were read into a variable first, PHP would turn it into a string that ends at the first NUL byte, or beyond the
     * buffer.
     */

    private static function head(\FFI\CData $out): string
    {
        return $out->head_len === 0 ? '' : \FFI::string($out->head, $out->head_len);
    }

    private static function body(\FFI\CData $out): string
    {
        return $out->body_len === 0 ? '' : \FFI::string($out->body, $out->body_len);
    }

    /** Which setting is missing; $failure is FFI's message, which names files and symbols but never an argument. */
    private static function remedy(bool $direct, string $failure): string
    {
        if ((string) \ini_get('ffi.enable') === '' || \ini_get('ffi.enable') === '0') {
            return 'ffi.enable is off: set ffi.enable=preload';
        }
        $restricted = \str_contains($failure, 'restricted');
        if ($direct && !$restricted) {
            return 'the library could not be opened: install it or set SECURE_OUTBOUND_LIBRARY to its path; '
                . $failure;
        }
        if ((string) \ini_get('opcache.preload') === '') {
            return 'opcache.preload is empty: set it to the preload.php of this package';
        }
        if ($restricted) {
            return 'this class is not preloaded: opcache must be on, and opcache.preload must load preload.php of this '
                . 'package';
        }
        if ((string) \ini_get('ffi.preload') === '') {
            return 'ffi.preload is empty: set it to the installed secure_outbound.h';
        }
        return 'ffi.preload does not load the installed secure_outbound.h';
    }
}
