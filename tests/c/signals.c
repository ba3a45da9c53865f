/* A host that cares about its signals. Usage: signals pipe|pending|timer CONFIG REQUEST CALLS */
#define _XOPEN_SOURCE 700

#include "secure_outbound.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* A body that no socket's buffer takes at once. */
#define BODY (8 << 20)

/* Linux has 64. */
#define SIGNALS 65

static void (*handlers[SIGNALS])(int);
static sigset_t mask;

static void remember(void)
{
    struct sigaction action;
    int number;
    for (number = 1; number < SIGNALS; number++) {
        handlers[number] = sigaction(number, NULL, &action) == 0 ? action.sa_handler : SIG_ERR;
    }
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
}

/* Whether every handler and the mask are as they were. */
static int unchanged(void)
{
    struct sigaction action;
    sigset_t now;
    int number;
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    for (number = 1; number < SIGNALS; number++) {
        if (handlers[number] != (sigaction(number, NULL, &action) == 0 ? action.sa_handler : SIG_ERR)
            || sigismember(&mask, number) != sigismember(&now, number)) {
            return 0;
        }
    }
    return 1;
}

static int pipe_is_pending(void)
{
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, SIGPIPE);
}

/* Each interruption is seen outside, so that nobody has to guess how many there were. */
static void interrupted(int number)
{
    ssize_t written = write(STDOUT_FILENO, ".", 1);
    (void)number;
    (void)written;
}

int main(int argc, char **argv)
{
    secure_outbound_result result;
    uint64_t engine;
    struct sigaction action;
    struct itimerval every = {{0, 2000}, {0, 2000}};
    sigset_t pipe_alone;
    char *body = calloc(1, BODY);
    int pending, timer, calls, failed = 0;

    if (argc != 5 || body == NULL) {
        return 2;
    }
    pending = strcmp(argv[1], "pending") == 0;
    timer = strcmp(argv[1], "timer") == 0;

    /* A host inherits what its parent ignores; this one takes the default action, which kills. */
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    sigaction(SIGPIPE, &action, NULL);
    if (pending) {
        sigemptyset(&pipe_alone);
        sigaddset(&pipe_alone, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe_alone, NULL);
        raise(SIGPIPE);
    }
    if (timer) {
        action.sa_handler = interrupted; /* without SA_RESTART */
        sigaction(SIGALRM, &action, NULL);
        setitimer(ITIMER_REAL, &every, NULL);
    }
    remember();

    if (secure_outbound_open(argv[2], strlen(argv[2]), &engine, &result) != SECURE_OUTBOUND_OK) {
        return 3;
    }
    secure_outbound_result_free(&result);
    for (calls = atoi(argv[4]); calls > 0; calls--) {
        failed += secure_outbound_send(engine, argv[3], strlen(argv[3]), body, BODY, NULL, 0, &result) != 0;
        if (result.id == 0 || result.head == NULL) {
            return 4;
        }
        secure_outbound_result_free(&result);
        if (!unchanged() || pipe_is_pending() != pending) {
            return 5;
        }
    }
    free(body);
    printf("\nfailed %d\n", failed);
    return 0;
}
