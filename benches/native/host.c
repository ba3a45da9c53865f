/*
 * A host in C that makes the same call again and again. Usage: host CONFIG SERVICE REQUEST BODY SEALED CALLS [THREADS]
 *
 * With a SERVICE, secure_outbound_decide is called first, and REQUEST has only what the service does not say. If SERVICE is empty, REQUEST
 * is the whole request document.
 *
 * With THREADS, so many threads make CALLS together on the one engine, after one call each that is not measured; what all took is printed, in
 * nanoseconds.
 */
#define _POSIX_C_SOURCE 200809L

#include "secure_outbound.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_THREADS = 64 };

static const char *service, *request, *body, *sealed;
static uint64_t engine;
static long calls_of_each;
static pthread_barrier_t at_once;

static int32_t call_once(void)
{
    secure_outbound_result result;
    uint64_t call;
    int32_t status;

    if (service[0] == '\0') {
        status = secure_outbound_send(engine, request, strlen(request), body, strlen(body), sealed, strlen(sealed), &result);
    } else {
        status = secure_outbound_decide(engine, service, strlen(service), request, strlen(request), strlen(body), &call, &result);
        if (status == SECURE_OUTBOUND_OK) {
            secure_outbound_result_free(&result);
            status = secure_outbound_send_decided(call, body, strlen(body), sealed, strlen(sealed), &result);
        }
    }
    if (status != SECURE_OUTBOUND_OK) {
        fwrite(result.head, 1, result.head_len, stderr);
    }
    secure_outbound_result_free(&result);
    return status;
}

static int32_t call_again(long calls)
{
    int32_t status = SECURE_OUTBOUND_OK;

    for (; status == SECURE_OUTBOUND_OK && calls > 0; --calls) {
        status = call_once();
    }
    return status;
}

static void *work(void *failed)
{
    int32_t first = call_once(), then;

    pthread_barrier_wait(&at_once);
    then = call_again(calls_of_each);
    return first == SECURE_OUTBOUND_OK && then == SECURE_OUTBOUND_OK ? NULL : failed;
}

static int call_by_threads(long calls, long threads)
{
    pthread_t all[MOST_THREADS];
    struct timespec begun, ended;
    void *failed;
    int failures = 0;
    long i;

    calls_of_each = calls / threads;
    pthread_barrier_init(&at_once, NULL, (unsigned) threads + 1);
    for (i = 0; i < threads; ++i) {
        if (pthread_create(&all[i], NULL, work, &failures) != 0) {
            return 1;
        }
    }
    pthread_barrier_wait(&at_once);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (i = 0; i < threads; ++i) {
        pthread_join(all[i], &failed);
        failures += failed != NULL;
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    printf("%lld\n", (ended.tv_sec - begun.tv_sec) * 1000000000LL + ended.tv_nsec - begun.tv_nsec);
    return failures > 0;
}

int main(int argc, char **argv)
{
    secure_outbound_result result;
    long threads;

    if (argc != 7 && argc != 8) {
        return 2;
    }
    service = argv[2];
    request = argv[3];
    body = argv[4];
    sealed = argv[5];
    if (secure_outbound_open(argv[1], strlen(argv[1]), &engine, &result) != SECURE_OUTBOUND_OK) {
        fwrite(result.head, 1, result.head_len, stderr);
        return 1;
    }
    secure_outbound_result_free(&result);
    if (argc == 7) {
        return call_again(strtol(argv[6], NULL, 10)) == SECURE_OUTBOUND_OK ? 0 : 1;
    }
    threads = strtol(argv[7], NULL, 10);
    if (threads < 1 || threads > MOST_THREADS) {
        return 2;
    }
    return call_by_threads(strtol(argv[6], NULL, 10), threads);
}
