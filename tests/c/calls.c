/* A host in C that makes many calls from several threads on several engines, and says what it has come to hold.

   Usage: calls TASKS THREADS WARM CALLS MODE

   TASKS is a file of lines, fields parted by tabs: "engine CONFIG" and "call STATUS ENGINE REQUEST BODY SEALED", where ENGINE
   counts the engine lines from 0 and STATUS is what the call must return. The calls are made in turn, over and over; after
   WARM of them and after CALLS more, one line each tells what the process holds.

   Each is made as an exchange too: read to its end, cancelled, let go, left to the end of its thread's work, with a body in
   pieces, and with one that breaks off.

   MODE "well" does everything right. "keep" frees no result, "open" ends no exchange, "after" reads a result that has been freed,
   and "beyond" passes a length that is one byte more than there is. */
#define _POSIX_C_SOURCE 200809L

#include "secure_outbound.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINES 64
#define LINE (1 << 16)

struct text {
    char *data;
    size_t len;
};

struct call {
    int32_t status;
    size_t engine;
    struct text request, body, sealed;
};

static struct text configs[LINES];
static struct call calls[LINES];
static size_t config_count, call_count;
static const char *mode;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t next, end;
static volatile char sink;

/* A copy as long as the text, without a NUL, so that a byte beyond it is nobody's. */
static struct text copied(const char *data)
{
    struct text text;
    text.len = strlen(data);
    text.data = malloc(text.len == 0 ? 1 : text.len);
    if (text.data == NULL) {
        exit(4);
    }
    memcpy(text.data, data, text.len);
    return text;
}

/* The field up to the next tab; the line goes on after it. */
static char *field(char **line)
{
    char *found = *line, *tab = strpbrk(found, "\t\n");
    if (tab == NULL) {
        exit(2);
    }
    *tab = '\0';
    *line = tab + 1;
    return found;
}

static void read_tasks(const char *name)
{
    static char buffer[LINE];
    FILE *file = fopen(name, "r");
    if (file == NULL) {
        exit(2);
    }
    while (fgets(buffer, sizeof buffer, file) != NULL) {
        char *line = buffer;
        if (config_count == LINES || call_count == LINES) {
            exit(2);
        }
        if (strcmp(field(&line), "engine") == 0) {
            configs[config_count++] = copied(field(&line));
        } else {
            struct call *call = &calls[call_count++];
            call->status = atoi(field(&line));
            call->engine = strtoul(field(&line), NULL, 10);
            call->request = copied(field(&line));
            call->body = copied(field(&line));
            call->sealed = copied(field(&line));
        }
    }
    fclose(file);
}

static void let_go(secure_outbound_result *result)
{
    const char *head = result->head;
    if (strcmp(mode, "keep") == 0) {
        return;
    }
    secure_outbound_result_free(result);
    if (strcmp(mode, "after") == 0 && head != NULL) {
        sink = *head;
    }
}

static uint64_t opened(const struct text *config)
{
    secure_outbound_result result;
    uint64_t engine;
    if (secure_outbound_open(config->data, config->len, &engine, &result) != SECURE_OUTBOUND_OK) {
        fwrite(result.head, 1, result.head_len, stderr);
        exit(5);
    }
    let_go(&result);
    return engine;
}

static void expect(int32_t status, const struct call *call, const secure_outbound_result *result)
{
    if (status != call->status && strcmp(mode, "beyond") != 0) {
        fprintf(stderr, "status %d of call %lu\n", (int)status, (unsigned long)(call - calls));
        fwrite(result->head, 1, result->head_len, stderr);
        exit(6);
    }
}

/* Decides about a call first. Of those that are allowed one is sent, one is let go, and one is left. */
static void decide(const struct call *call, uint64_t engine, size_t number)
{
    secure_outbound_result result;
    uint64_t decided;
    int32_t status = secure_outbound_decide(engine, NULL, 0, call->request.data, call->request.len, call->body.len, &decided,
                                            &result);

    if (status != SECURE_OUTBOUND_OK) {
        expect(status, call, &result);
    }
    let_go(&result);
    if (decided == 0) {
        return;
    }
    if (number % 3 == 0) {
        status = secure_outbound_send_decided(decided, call->body.data, call->body.len, call->sealed.data, call->sealed.len,
                                              &result);
        expect(status, call, &result);
        let_go(&result);
    } else if (number % 3 == 1) {
        secure_outbound_decided_free(decided);
    }
}

/* Waits until there is something of an exchange, or room for its body. */
static void await(uint64_t exchange)
{
    uint64_t ready = 0;
    while (ready == 0) {
        if (secure_outbound_wait(&exchange, 1, 100, &ready) != SECURE_OUTBOUND_OK) {
            exit(7);
        }
    }
}

/* Hands a body over. One that breaks off does so in its middle. */
static void feed(uint64_t exchange, const struct text *body, int breaks_off)
{
    size_t at = 0, until = breaks_off ? body->len / 2 : body->len, taken;
    while (secure_outbound_write(exchange, body->data + at, until - at, breaks_off ? -1 : 1, &taken) == SECURE_OUTBOUND_OK) {
        at += taken;
        if (at == until) {
            return;
        }
        await(exchange);
    }
}

/* Reads a response to its end, of which this is the status; the result is the end's. */
static int32_t drain(uint64_t exchange, secure_outbound_result *result)
{
    for (;;) {
        int32_t status = secure_outbound_read(exchange, 1000, result);
        if (status != SECURE_OUTBOUND_OK && status != SECURE_OUTBOUND_PENDING) {
            return status;
        }
        let_go(result);
        if (status == SECURE_OUTBOUND_PENDING) {
            await(exchange);
            /* Who has asked for the head is not woken by it again. */
            secure_outbound_head(exchange, result);
            let_go(result);
        }
    }
}

/* What becomes of an exchange. */
enum way { READ, CANCELLED, LET_GO, LEFT, IN_PIECES, BREAKS_OFF, WAYS };

static void begin(const struct call *call, uint64_t engine, enum way way, int whole)
{
    secure_outbound_result result;
    uint64_t exchange;
    int in_pieces = way == IN_PIECES || way == BREAKS_OFF;
    /* Nothing is missing of a body without a byte. */
    int breaks_off = way == BREAKS_OFF && call->body.len > 0;
    int32_t status =
        in_pieces ? secure_outbound_start_upload(engine, call->request.data, call->request.len, (int64_t)call->body.len,
                                                 call->sealed.data, call->sealed.len, whole, 0, &exchange, &result)
                  : secure_outbound_start(engine, call->request.data, call->request.len, call->body.data, call->body.len,
                                          call->sealed.data, call->sealed.len, whole, 0, &exchange, &result);

    if (status != SECURE_OUTBOUND_OK) {
        expect(status, call, &result);
    }
    let_go(&result);
    if (exchange == 0) {
        return;
    }
    if (in_pieces) {
        feed(exchange, &call->body, breaks_off);
    }
    if (way == CANCELLED) {
        await(exchange);
        secure_outbound_cancel(exchange);
    } else if (way != LET_GO && way != LEFT) {
        status = drain(exchange, &result);
        if (breaks_off) {
            status = status == SECURE_OUTBOUND_FAILED ? call->status : status;
        } else if (status == SECURE_OUTBOUND_END) {
            status = SECURE_OUTBOUND_OK;
        }
        expect(status, call, &result);
        let_go(&result);
    }
    if (strcmp(mode, "open") == 0) {
        return;
    }
    if (way == LEFT && strcmp(mode, "well") == 0) {
        secure_outbound_thread_results_free();
        return;
    }
    status = secure_outbound_end(exchange, &result);
    expect(status == SECURE_OUTBOUND_OK ? call->status : status, call, &result);
    let_go(&result);
}

/* As PHP does it: open again, which finds the engine, then decide and send; both at once; and as an exchange. */
static void make(const struct call *call, size_t number)
{
    secure_outbound_result result;
    uint64_t engine = opened(&configs[call->engine]);
    size_t len = call->request.len + (strcmp(mode, "beyond") == 0);
    int32_t status;

    secure_outbound_explain(engine, call->request.data, call->request.len, call->body.len, &result);
    let_go(&result);
    secure_outbound_check(engine, call->request.data, call->request.len, call->sealed.data, call->sealed.len, &result);
    let_go(&result);
    decide(call, engine, number);
    status = secure_outbound_send(engine, call->request.data, len, call->body.data, call->body.len, call->sealed.data,
                                  call->sealed.len, &result);
    expect(status, call, &result);
    let_go(&result);
    /* Over the rounds, each call in each way. */
    begin(call, engine, (number % call_count + number / call_count) % WAYS, number % 3 == 0);
}

static void *work(void *unused)
{
    for (;;) {
        size_t number;
        pthread_mutex_lock(&lock);
        number = next < end ? next++ : end;
        pthread_mutex_unlock(&lock);
        if (number == end) {
            return unused;
        }
        make(&calls[number % call_count], number);
    }
}

static void run(size_t threads, size_t count)
{
    pthread_t all[LINES];
    size_t at;
    end = next + count;
    for (at = 0; at < threads; at++) {
        if (pthread_create(&all[at], NULL, work, NULL) != 0) {
            exit(4);
        }
    }
    for (at = 0; at < threads; at++) {
        pthread_join(all[at], NULL);
    }
}

static int entries(const char *directory)
{
    DIR *opened_directory = opendir(directory);
    int count = 0;
    while (opened_directory != NULL && readdir(opened_directory) != NULL) {
        count++;
    }
    closedir(opened_directory);
    return count - 2;
}

/* In KiB. */
static long resident(void)
{
    char line[256];
    long size = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            size = atol(line + 6);
        }
    }
    fclose(file);
    return size;
}

/* A thread that has resolved a name ends a moment after its answer; one that does not end is counted. */
static void tell(void)
{
    struct timespec moment = {0, 5000000};
    int left;
    for (left = 2000; left > 0 && entries("/proc/self/task") > 1; left--) {
        nanosleep(&moment, NULL);
    }
    printf("%ld %d %d\n", resident(), entries("/proc/self/fd"), entries("/proc/self/task"));
}

int main(int argc, char **argv)
{
    size_t threads, at;
    if (argc != 6 || secure_outbound_abi_version() != 1) {
        return 2;
    }
    read_tasks(argv[1]);
    threads = strtoul(argv[2], NULL, 10);
    if (threads > LINES || call_count == 0 || config_count == 0) {
        return 2;
    }
    mode = argv[5];

    run(threads, strtoul(argv[3], NULL, 10));
    tell();
    run(threads, strtoul(argv[4], NULL, 10));
    tell();

    for (at = 0; at < config_count; at++) {
        secure_outbound_close(opened(&configs[at]));
        free(configs[at].data);
    }
    for (at = 0; at < call_count; at++) {
        free(calls[at].request.data);
        free(calls[at].body.data);
        free(calls[at].sealed.data);
    }
    return 0;
}
