/*
 * Preloaded into a process, it numbers what is done to the files of one directory, and writes it down for a disk that is made of it
 * again with what was not synced left out. The process is killed before the step that SECURE_OUTBOUND_KILL_AT names.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DESCRIPTORS 1024
#define NAME 128

static char names[DESCRIPTORS][NAME];

static const char *within(const char *path)
{
    const char *directory = getenv("SECURE_OUTBOUND_DISK");
    size_t length = directory == NULL ? 0 : strlen(directory);
    if (length == 0 || path == NULL || strncmp(path, directory, length) != 0) {
        return NULL;
    }
    return path[length] == '\0' ? "." : path[length] == '/' ? path + length + 1 : NULL;
}

/* A step that is about to be made. */
static void step(const char *what, const char *name, const void *bytes, size_t count)
{
    static int steps;
    const char *kill_at = getenv("SECURE_OUTBOUND_KILL_AT");
    const char *log = getenv("SECURE_OUTBOUND_DISK_LOG");
    if (kill_at != NULL && atoi(kill_at) == steps) {
        kill(getpid(), SIGKILL);
    }
    steps++;
    if (log != NULL) {
        FILE *file = fopen(log, "a");
        if (file == NULL) {
            abort();
        }
        fprintf(file, "%s %s ", what, name);
        for (size_t at = 0; at < count; at++) {
            fprintf(file, "%02x", ((const unsigned char *)bytes)[at]);
        }
        fprintf(file, "\n");
        fclose(file);
    }
}

static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static int opened(int fd, const char *name)
{
    if (fd >= 0 && fd < DESCRIPTORS) {
        snprintf(names[fd], NAME, "%s", name == NULL ? "" : name);
    }
    return fd;
}

static const char *named(int fd)
{
    return fd >= 0 && fd < DESCRIPTORS && names[fd][0] != '\0' ? names[fd] : NULL;
}

static int open_as(const char *function, const char *path, int flags, mode_t mode)
{
    int (*original)(const char *, int, ...) = (int (*)(const char *, int, ...))next(function);
    const char *name = within(path);
    struct stat found;
    if (name != NULL && (flags & O_CREAT) != 0 && lstat(path, &found) != 0) {
        step("create", name, NULL, 0);
    }
    return opened(original(path, flags, mode), name);
}

#define OPEN(function)                                          \
    int function(const char *path, int flags, ...)              \
    {                                                           \
        va_list rest;                                           \
        va_start(rest, flags);                                  \
        mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                           \
        return open_as(#function, path, flags, mode);           \
    }

OPEN(open)
OPEN(open64)

ssize_t write(int fd, const void *bytes, size_t count)
{
    ssize_t (*original)(int, const void *, size_t) = (ssize_t (*)(int, const void *, size_t))next("write");
    if (named(fd) != NULL) {
        step("write", named(fd), bytes, count);
    }
    return original(fd, bytes, count);
}

#define TRUNCATE(function, type)                                \
    int function(int fd, type length)                           \
    {                                                           \
        int (*original)(int, type) = (int (*)(int, type))next(#function); \
        if (named(fd) != NULL) {                                \
            unsigned char bytes[8];                             \
            for (int at = 0; at < 8; at++) {                    \
                bytes[at] = (unsigned char)((unsigned long long)length >> (56 - 8 * at)); \
            }                                                   \
            step("truncate", named(fd), bytes, sizeof(bytes));  \
        }                                                       \
        return original(fd, length);                            \
    }

TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

int fsync(int fd)
{
    int (*original)(int) = (int (*)(int))next("fsync");
    if (named(fd) != NULL) {
        step("sync", named(fd), NULL, 0);
    }
    return original(fd);
}

int rename(const char *from, const char *to)
{
    int (*original)(const char *, const char *) = (int (*)(const char *, const char *))next("rename");
    const char *name = within(from);
    const char *target = within(to);
    if (name != NULL && target != NULL) {
        step("rename", name, target, strlen(target));
    }
    return original(from, to);
}

int unlink(const char *path)
{
    int (*original)(const char *) = (int (*)(const char *))next("unlink");
    struct stat found;
    if (within(path) != NULL && lstat(path, &found) == 0) {
        step("remove", within(path), NULL, 0);
    }
    return original(path);
}

int close(int fd)
{
    int (*original)(int) = (int (*)(int))next("close");
    if (fd >= 0 && fd < DESCRIPTORS) {
        names[fd][0] = '\0';
    }
    return original(fd);
}
