#define FFI_SCOPE "SECURE_OUTBOUND"
#define FFI_LIB "libsecure_outbound.so"
/* The C ABI of secure-outbound, version 1. Generated from src/ffi/ by `make header`; docs/abi.md explains it. */
#include <stddef.h>
#include <stdint.h>

// What a call returns. Negative values mean that the ABI was misused; `out` then holds nothing.
// C has one namespace for the constants of all libraries, hence the long names.
typedef enum secure_outbound_status {
  // An HTTP response arrived, whatever its status, or the engine is open.
  SECURE_OUTBOUND_OK = 0,
  // Refused or failed; `head` says why.
  SECURE_OUTBOUND_FAILED = 1,
  // Nothing is there yet.
  SECURE_OUTBOUND_PENDING = 2,
  // The body of a response is whole, and all of it was given; or no more of a request is wanted.
  SECURE_OUTBOUND_END = 3,
  // A pointer that must point somewhere is NULL.
  SECURE_OUTBOUND_NULL_POINTER = -1,
  // A length is above the largest size of an object.
  SECURE_OUTBOUND_LENGTH_TOO_LARGE = -2,
  // No open engine has this handle.
  SECURE_OUTBOUND_UNKNOWN_ENGINE = -3,
  // No call that was decided about has this number, or it has been sent.
  SECURE_OUTBOUND_UNKNOWN_CALL = -4,
  // No exchange has this number, or it was ended.
  SECURE_OUTBOUND_UNKNOWN_EXCHANGE = -5,
} secure_outbound_status;

// A result. The library owns what it points to until `secure_outbound_result_free`.
typedef struct secure_outbound_result {
  // Id of the live result; 0 where there is none.
  uint64_t id;
  // UTF-8 JSON; NULL where there is none.
  const char *head;
  // Bytes at `head`.
  size_t head_len;
  // The raw bytes of the response body; NULL where there is none.
  const char *body;
  // Bytes at `body`.
  size_t body_len;
} secure_outbound_result;

// The version of the ABI, 1. A caller checks it before it calls anything else.
uint32_t secure_outbound_abi_version(void);

// The version of the library, as a NUL-terminated text that is never freed.
const char *secure_outbound_version(void);

// Opens an engine for a configuration (`config`, JSON), or finds the one that the same configuration has in this process.
// Starts no thread and opens no socket. `*engine` is its handle, from 1 to 2^53, and 0 where there is none.
//
// Returns `SECURE_OUTBOUND_OK` or `SECURE_OUTBOUND_FAILED`, each with a head in `*out`, or a negative status.
//
// # Safety
//
// `config` points to `config_len` readable bytes; `engine` and `out` point to writable values.
int32_t secure_outbound_open(const char *config,
                             size_t config_len,
                             uint64_t *engine,
                             struct secure_outbound_result *out);

// Sends one request through an engine and waits for the whole response. `request` is a request head (JSON), `body` its body,
// `sealed` the envelope of its credential, or a JSON array of the envelopes of several.
//
// Returns `SECURE_OUTBOUND_OK` where an HTTP response arrived, whatever its status, `SECURE_OUTBOUND_FAILED` where none did
// or may be shown, each with a head in `*out`, or a negative status. Any thread may call it at any time.
//
// # Safety
//
// `request`, `body` and `sealed` point to as many readable bytes as their lengths say; `out` points to a writable value.
int32_t secure_outbound_send(uint64_t engine,
                             const char *request,
                             size_t request_len,
                             const char *body,
                             size_t body_len,
                             const char *sealed,
                             size_t sealed_len,
                             struct secure_outbound_result *out);

// Decides about a request head (`request`, JSON) with a body of `body_len` bytes, and sends nothing: no envelope is opened and
// no name is resolved.
//
// Returns `SECURE_OUTBOUND_OK` where the policy allows it, `SECURE_OUTBOUND_FAILED` where it does not, each with a decision in
// `*out`, or a negative status.
//
// # Safety
//
// `request` points to `request_len` readable bytes; `out` points to a writable value.
int32_t secure_outbound_explain(uint64_t engine,
                                const char *request,
                                size_t request_len,
                                size_t body_len,
                                struct secure_outbound_result *out);

// Decides about a request with a body of `body_len` bytes like `secure_outbound_explain`, and keeps the call for
// `secure_outbound_send_decided` where it is allowed. `request` is a request head (JSON), or what of it is the request's own
// where `service` is the document of its service, which an engine reads once; NULL with length 0 is none. `*call` is from 1 to
// 2^53, and 0 where there is none. The deadline of the call runs from here.
//
// A call that is not sent is let go by `secure_outbound_decided_free` or `secure_outbound_thread_results_free`, and the oldest one
// where a process has more than 256 of them. A forked child has none of its parent's.
//
// # Safety
//
// `service` and `request` point to as many readable bytes as their lengths say; `call` and `out` point to writable values.
int32_t secure_outbound_decide(uint64_t engine,
                               const char *service,
                               size_t service_len,
                               const char *request,
                               size_t request_len,
                               size_t body_len,
                               uint64_t *call,
                               struct secure_outbound_result *out);

// Sends a call that was decided about and waits for the whole response. `body` is as long as it was said to be, `sealed` as
// `secure_outbound_send` has it. The call is gone afterwards, whatever comes of it.
//
// Returns what `secure_outbound_send` returns, and `SECURE_OUTBOUND_UNKNOWN_CALL` where the call is gone already. Where its engine
// was closed since, that is `SECURE_OUTBOUND_UNKNOWN_ENGINE`.
//
// # Safety
//
// `body` and `sealed` point to as many readable bytes as their lengths say; `out` points to a writable value.
int32_t secure_outbound_send_decided(uint64_t call,
                                     const char *body,
                                     size_t body_len,
                                     const char *sealed,
                                     size_t sealed_len,
                                     struct secure_outbound_result *out);

// Lets a call go that was decided about and is not sent. One that is gone already does nothing.
void secure_outbound_decided_free(uint64_t call);

// Opens the envelopes of a request head (`request`, JSON) and wipes them again, `sealed` as `secure_outbound_send` has it. Key,
// type, binding and expiry are judged for the request's method and origin, its path is not. Nothing is sent, resolved, counted
// or recorded, so this is no call.
//
// Returns `SECURE_OUTBOUND_OK` where the credentials can be used, `SECURE_OUTBOUND_FAILED` where they cannot, each with a head in
// `*out` that holds a code and no text, or a negative status.
//
// # Safety
//
// `request` and `sealed` point to as many readable bytes as their lengths say; `out` points to a writable value.
int32_t secure_outbound_check(uint64_t engine,
                              const char *request,
                              size_t request_len,
                              const char *sealed,
                              size_t sealed_len,
                              struct secure_outbound_result *out);

// Ends a handle. What runs on it finishes; its idle connections hang up. Returns `SECURE_OUTBOUND_OK` or a
// negative status.
int32_t secure_outbound_close(uint64_t engine);

// Frees a result by its id and empties the struct. NULL, a struct that was freed and a copy of one do nothing.
//
// # Safety
//
// `result` is NULL or points to a result that the library wrote.
void secure_outbound_result_free(struct secure_outbound_result *result);

// Frees what is left of the results that calls of this thread gave, by their ids, lets the calls go that it decided about and
// did not send, and ends the exchanges that it began; those of other threads stay, and freeing one once more does nothing. For a host that ends its work on a thread
// without ending its calls, as PHP does after a fatal error.
void secure_outbound_thread_results_free(void);

// Begins a call like `secure_outbound_send`, and returns at once. With `whole` 0 its response is read in pieces, and not more than
// 64 KiB of it, and what its connection has on the way, is held before it is read: `defaults.timeout_ms` covers the time to the
// first byte of its body. Otherwise it is there when it is whole, with the times of `secure_outbound_send`. `idle_timeout_ms` is how
// long nothing may come of it while somebody waits, beside what the documents say, and 0 is no limit of its own: the least holds.
//
// `*exchange` is from 1 to 2^53, and 0 where there is none. It goes on while any call of the library waits, and ends with
// `secure_outbound_end`, or with `secure_outbound_thread_results_free` of this thread. A forked child has none of its parent's.
//
// Returns `SECURE_OUTBOUND_OK` without a head, `SECURE_OUTBOUND_FAILED` with the head of a refusal, or a negative status.
//
// # Safety
//
// `request`, `body` and `sealed` point to as many readable bytes as their lengths say; `exchange` and `out` point to writable
// values.
int32_t secure_outbound_start(uint64_t engine,
                              const char *request,
                              size_t request_len,
                              const char *body,
                              size_t body_len,
                              const char *sealed,
                              size_t sealed_len,
                              int32_t whole,
                              uint64_t idle_timeout_ms,
                              uint64_t *exchange,
                              struct secure_outbound_result *out);

// Begins a call like `secure_outbound_start` whose request's body comes by `secure_outbound_write`, while it is sent. `body_len` is
// how long it is, and negative where nobody knows. It is sent once: redirects that would repeat it, and responses that would
// have it sent again, are the call's response, and no attempt follows after some of it has left.
//
// Returns what `secure_outbound_start` returns.
//
// # Safety
//
// `request` and `sealed` point to as many readable bytes as their lengths say; `exchange` and `out` point to writable values.
int32_t secure_outbound_start_upload(uint64_t engine,
                                     const char *request,
                                     size_t request_len,
                                     int64_t body_len,
                                     const char *sealed,
                                     size_t sealed_len,
                                     int32_t whole,
                                     uint64_t idle_timeout_ms,
                                     uint64_t *exchange,
                                     struct secure_outbound_result *out);

// Begins a call that was decided about, as `secure_outbound_start` begins one. `body` is as long as it was said to be. The number of
// the decided call is gone afterwards.
//
// Returns what `secure_outbound_start` returns, and `SECURE_OUTBOUND_UNKNOWN_CALL` where the call is gone already. Where its engine
// was closed since, that is `SECURE_OUTBOUND_UNKNOWN_ENGINE`.
//
// # Safety
//
// `body` and `sealed` point to as many readable bytes as their lengths say; `exchange` and `out` point to writable values.
int32_t secure_outbound_start_decided(uint64_t call,
                                      const char *body,
                                      size_t body_len,
                                      const char *sealed,
                                      size_t sealed_len,
                                      int32_t whole,
                                      uint64_t idle_timeout_ms,
                                      uint64_t *exchange,
                                      struct secure_outbound_result *out);

// Begins a call that was decided about, with a body as `secure_outbound_start_upload` has it. One whose length is known is as long as
// it was said to be.
//
// Returns what `secure_outbound_start_decided` returns.
//
// # Safety
//
// `sealed` points to `sealed_len` readable bytes; `exchange` and `out` point to writable values.
int32_t secure_outbound_start_decided_upload(uint64_t call,
                                             int64_t body_len,
                                             const char *sealed,
                                             size_t sealed_len,
                                             int32_t whole,
                                             uint64_t idle_timeout_ms,
                                             uint64_t *exchange,
                                             struct secure_outbound_result *out);

// Hands over the next bytes of a request's body that comes in pieces. `*taken` is how many of them were taken, at most 64 KiB more
// than the connection has; the rest is handed over again once `secure_outbound_wait` says that there is room. It counts where all
// were taken what `last` says: 0, more follows; 1, they are the last; a negative number, the body breaks off behind them, and the
// exchange ends with `cancelled.requested`. A body that is shorter or longer than its length, or larger than it may be, ends the
// exchange behind what came before.
//
// Returns `SECURE_OUTBOUND_OK`, `SECURE_OUTBOUND_END` where no more of the body is wanted and none was taken, or a negative status.
//
// # Safety
//
// `bytes` points to `len` readable bytes, and `taken` to a writable number.
int32_t secure_outbound_write(uint64_t exchange,
                              const char *bytes,
                              size_t len,
                              int32_t last,
                              size_t *taken);

// Waits until one of these exchanges has something that was not taken yet, its head, bytes, its end or its failure, at most
// `timeout_ms` and never longer than 100 ms. `ready[i]` is 1 where the exchange has, and else 0; 2 is added where there is room for
// bytes of its request's body that `secure_outbound_write` had none for, or no more are wanted. All exchanges go on meanwhile.
//
// Returns `SECURE_OUTBOUND_OK`, whether any has something or not, or a negative status: where one of the exchanges is not there,
// nobody waits.
//
// # Safety
//
// `exchanges` points to `count` readable numbers and `ready` to as many writable ones.
int32_t secure_outbound_wait(const uint64_t *exchanges,
                             size_t count,
                             uint32_t timeout_ms,
                             uint64_t *ready);

// For a host with an event loop of its own, which waits there and not in `secure_outbound_wait`. `*fd` is readable where there is
// something to do: `secure_outbound_wait` with `timeout_ms` 0 does it, and says which exchanges have something. It belongs to the
// library, is the same each time, and is not to be read or closed. `*timeout_ms` is how long the host may wait for it, as poll(2) has
// it: 100 while this thread has exchanges, and else -1. Time that passes until the next `secure_outbound_wait` counts as waited.
//
// A forked child asks anew: its descriptor is another one.
//
// Returns `SECURE_OUTBOUND_OK`, `SECURE_OUTBOUND_FAILED` with `*fd` -1 where the process has no descriptor left, or a negative status.
//
// # Safety
//
// `fd` and `timeout_ms` point to writable numbers.
int32_t secure_outbound_event(int32_t *fd,
                              int32_t *timeout_ms);

// The head of a response: a document with its status, version and header fields.
//
// Returns `SECURE_OUTBOUND_OK` with it, `SECURE_OUTBOUND_PENDING` where it has not come yet, `SECURE_OUTBOUND_FAILED` with the head
// that `secure_outbound_send` would give, or a negative status.
//
// # Safety
//
// `out` points to a writable value.
int32_t secure_outbound_head(uint64_t exchange,
                             struct secure_outbound_result *out);

// The next bytes of a response's body, at most `max` of them, content codings undone.
//
// Returns `SECURE_OUTBOUND_OK` with them, `SECURE_OUTBOUND_PENDING` where none are there yet, `SECURE_OUTBOUND_END` where the body
// is whole and all of it was given, `SECURE_OUTBOUND_FAILED` with the head that `secure_outbound_send` would give once all is given
// that came before, or a negative status.
//
// # Safety
//
// `out` points to a writable value.
int32_t secure_outbound_read(uint64_t exchange,
                             size_t max,
                             struct secure_outbound_result *out);

// Has a call end with `cancelled.requested`: HTTP/1.1 closes its connection, HTTP/2 resets its stream. It changes nothing where the
// call has ended. Returns `SECURE_OUTBOUND_OK` or a negative status.
int32_t secure_outbound_cancel(uint64_t exchange);

// Ends an exchange, with `cancelled.abandoned` where it has not ended yet, and gives its record, a document. The number is gone
// afterwards.
//
// Returns `SECURE_OUTBOUND_OK` with the record, or a negative status.
//
// # Safety
//
// `out` points to a writable value.
int32_t secure_outbound_end(uint64_t exchange,
                            struct secure_outbound_result *out);
