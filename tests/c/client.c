/* A host in C: opens, sends, prints, frees. Usage: client CONFIG REQUEST BODY_BYTES */
#include "secure_outbound.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print(const char *what, const char *data, size_t len)
{
    printf("%s %lu\n", what, (unsigned long)len);
    fwrite(data, 1, len, stdout);
    putchar('\n');
}

int main(int argc, char **argv)
{
    secure_outbound_result result, copy;
    uint64_t engine;
    size_t len;
    char *body;
    int32_t status;

    if (argc != 4 || secure_outbound_abi_version() != 1) {
        return 2;
    }
    printf("version %s\n", secure_outbound_version());

    status = secure_outbound_open(argv[1], strlen(argv[1]), &engine, &result);
    print("opened", result.head, result.head_len);
    secure_outbound_result_free(&result);
    if (status != SECURE_OUTBOUND_OK) {
        return 3;
    }

    len = strtoul(argv[3], NULL, 10);
    body = malloc(len + 1);
    if (body == NULL) {
        return 4;
    }
    memset(body, 'x', len);
    status = secure_outbound_send(engine, argv[2], strlen(argv[2]), body, len, NULL, 0, &result);
    free(body);
    print("head", result.head, result.head_len);
    print("body", result.body, result.body_len);

    copy = result;
    secure_outbound_result_free(&result);
    secure_outbound_result_free(&result);
    secure_outbound_result_free(&copy);
    secure_outbound_result_free(NULL);
    if (result.id != 0 || result.head != NULL || copy.id != 0) {
        return 5;
    }
    if (secure_outbound_close(engine) != SECURE_OUTBOUND_OK
        || secure_outbound_close(engine) != SECURE_OUTBOUND_UNKNOWN_ENGINE) {
        return 6;
    }
    return status == SECURE_OUTBOUND_OK ? 0 : 1;
}
