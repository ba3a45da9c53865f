/*
 * A host in C that makes the same call again and again. Usage: host CONFIG SERVICE REQUEST BODY SEALED CALLS
 *
 * With a SERVICE, secure_outbound_decide is called first, and REQUEST has only what the service does not say. If SERVICE is empty, REQUEST
 * is the whole request document.
 */
#include "secure_outbound.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    secure_outbound_result result;
    uint64_t engine, call;
    long calls;
    int32_t status;

    if (argc != 7) {
        return 2;
    }
    status = secure_outbound_open(argv[1], strlen(argv[1]), &engine, &result);
    secure_outbound_result_free(&result);
    for (calls = strtol(argv[6], NULL, 10); status == SECURE_OUTBOUND_OK && calls > 0; --calls) {
        if (argv[2][0] == '\0') {
            status = secure_outbound_send(engine, argv[3], strlen(argv[3]), argv[4], strlen(argv[4]), argv[5],
                                          strlen(argv[5]), &result);
        } else {
            status = secure_outbound_decide(engine, argv[2], strlen(argv[2]), argv[3], strlen(argv[3]), strlen(argv[4]),
                                            &call, &result);
            if (status == SECURE_OUTBOUND_OK) {
                secure_outbound_result_free(&result);
                status = secure_outbound_send_decided(call, argv[4], strlen(argv[4]), argv[5], strlen(argv[5]), &result);
            }
        }
        if (status != SECURE_OUTBOUND_OK) {
            fwrite(result.head, 1, result.head_len, stderr);
        }
        secure_outbound_result_free(&result);
    }
    return status == SECURE_OUTBOUND_OK ? 0 : 1;
}
