/* A host in C whose threads leave results behind. Two threads get an answer each; each then frees what its own calls have left,
   and nothing else. Usage: threads CONFIG REQUEST

   An answer is so large that the system takes its pages back at once, so that they can be asked for. */
#define _DEFAULT_SOURCE

#include "secure_outbound.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *request;
static uint64_t engine;
static pthread_barrier_t barrier;

static int answered(secure_outbound_result *result)
{
    int32_t status = secure_outbound_send(engine, request, strlen(request), NULL, 0, NULL, 0, result);
    if (status != SECURE_OUTBOUND_OK) {
        fwrite(result->head, 1, result->head_len, stderr);
    }
    return status == SECURE_OUTBOUND_OK && result->body_len > 0;
}

/* Whether the whole body is there, as it came. */
static int is_there(const secure_outbound_result *result)
{
    size_t at;
    for (at = 0; at < result->body_len && result->body[at] == 'x'; at++) {
    }
    return at == result->body_len;
}

/* Whether its pages are nobody's any more. */
static int is_gone(const secure_outbound_result *result)
{
    unsigned char in_memory;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t within = ((uintptr_t)result->body + result->body_len / 2) / page * page;
    return mincore((void *)within, 1, &in_memory) != 0 && errno == ENOMEM;
}

static void *other(void *failed)
{
    secure_outbound_result result;
    int *step = failed;

    *step = answered(&result) ? 0 : 3;
    pthread_barrier_wait(&barrier);
    /* Now the first thread frees what is its own. */
    pthread_barrier_wait(&barrier);
    if (*step == 0 && !is_there(&result)) {
        *step = 4;
    }
    secure_outbound_thread_results_free();
    if (*step == 0 && !is_gone(&result)) {
        *step = 5;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    secure_outbound_result result, kept;
    pthread_t thread;
    int failed;

    if (argc != 3 || secure_outbound_open(argv[1], strlen(argv[1]), &engine, &result) != SECURE_OUTBOUND_OK) {
        return 2;
    }
    request = argv[2];
    /* Nothing is left, and results that were freed are not freed again. */
    secure_outbound_result_free(&result);
    secure_outbound_thread_results_free();

    if (!answered(&result) || !answered(&kept) || !is_there(&result) || !is_there(&kept)) {
        return 6;
    }
    pthread_barrier_init(&barrier, NULL, 2);
    if (pthread_create(&thread, NULL, other, &failed) != 0) {
        return 2;
    }
    pthread_barrier_wait(&barrier);
    secure_outbound_thread_results_free();
    if (!is_gone(&result) || !is_gone(&kept)) {
        return 7;
    }
    /* By id, so that nothing is freed twice. */
    secure_outbound_result_free(&result);
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    secure_outbound_close(engine);
    return failed;
}
