/* Preloaded before AddressSanitizer's runtime: PHP opens its extensions and libraries with RTLD_DEEPBIND, which would
   bind them to the C library's malloc, past the runtime. The runtime refuses that; so the flag is taken away. */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <stddef.h>

void *dlopen(const char *file, int flags)
{
    static void *(*next)(const char *, int);
    if (next == NULL) {
        /* POSIX's way round C's rule that an object pointer is no function pointer. */
        *(void **)&next = dlsym(RTLD_NEXT, "dlopen");
    }
    return next(file, flags & ~RTLD_DEEPBIND);
}
