/* A host in C with an event loop of its own: calls that send a body in pieces, and a sleep in poll(2) that ends when one of them
   can go on.

   Usage: events CONFIG REQUEST CALLS SIZE

   CALLS calls of REQUEST are made at once, each with a body of SIZE bytes. A line for each tells the bytes of its response. */
#define _POSIX_C_SOURCE 200809L

#include "secure_outbound.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS 64

static char piece[1 << 14];
static uint64_t exchanges[CALLS];
static size_t left[CALLS], got[CALLS];
static int writes[CALLS];

static void must(int right, const char *what) {
    if (!right) {
        fprintf(stderr, "events: %s\n", what);
        exit(1);
    }
}

/* Hands over what is left of a body, as far as there is room. */
static void feed(size_t call) {
    while (writes[call]) {
        size_t length = left[call] < sizeof piece ? left[call] : sizeof piece, taken = 0;
        int32_t status = secure_outbound_write(exchanges[call], piece, length, length == left[call], &taken);
        must(status == SECURE_OUTBOUND_OK || status == SECURE_OUTBOUND_END, "write");
        left[call] -= taken;
        if (status == SECURE_OUTBOUND_END || left[call] == 0) {
            writes[call] = 0;
        }
        if (taken < length) {
            return;
        }
    }
}

/* Takes what there is of a response. Says whether the call has ended. */
static int take(size_t call) {
    secure_outbound_result out;
    int32_t status;
    while ((status = secure_outbound_read(exchanges[call], 1 << 16, &out)) == SECURE_OUTBOUND_OK) {
        got[call] += out.body_len;
        secure_outbound_result_free(&out);
    }
    must(status == SECURE_OUTBOUND_PENDING || status == SECURE_OUTBOUND_END, "read");
    if (status == SECURE_OUTBOUND_PENDING) {
        /* Who has asked for the head is not woken by it again. */
        must(secure_outbound_head(exchanges[call], &out) >= 0, "head");
        secure_outbound_result_free(&out);
        return 0;
    }
    must(secure_outbound_end(exchanges[call], &out) == SECURE_OUTBOUND_OK, "end");
    secure_outbound_result_free(&out);
    printf("%zu\n", got[call]);
    return 1;
}

int main(int argc, char **argv) {
    uint64_t engine, ready[CALLS];
    secure_outbound_result out;
    must(argc == 5, "CONFIG REQUEST CALLS SIZE");
    size_t calls = strtoul(argv[3], NULL, 10), size = strtoul(argv[4], NULL, 10), open = calls;
    must(calls <= CALLS, "too many calls");
    memset(piece, 'a', sizeof piece);
    must(secure_outbound_open(argv[1], strlen(argv[1]), &engine, &out) == SECURE_OUTBOUND_OK, "open");
    secure_outbound_result_free(&out);
    for (size_t call = 0; call < calls; call++) {
        must(secure_outbound_start_upload(engine, argv[2], strlen(argv[2]), (int64_t)size, NULL, 0, 0, 0, &exchanges[call],
                                          &out) == SECURE_OUTBOUND_OK,
             "start");
        left[call] = size;
        writes[call] = 1;
        feed(call);
    }
    while (open > 0) {
        struct pollfd asked = {.events = POLLIN};
        int32_t timeout;
        must(secure_outbound_event(&asked.fd, &timeout) == SECURE_OUTBOUND_OK, "event");
        must(poll(&asked, 1, timeout) >= 0, "poll");
        must(secure_outbound_wait(exchanges, open, 0, ready) == SECURE_OUTBOUND_OK, "wait");
        for (size_t call = open; call-- > 0;) {
            if (ready[call] & 2) {
                feed(call);
            }
            if (ready[call] & 1 && take(call)) {
                open--;
                exchanges[call] = exchanges[open];
                left[call] = left[open];
                got[call] = got[open];
                writes[call] = writes[open];
            }
        }
    }
    must(secure_outbound_close(engine) == SECURE_OUTBOUND_OK, "close");
    return 0;
}
