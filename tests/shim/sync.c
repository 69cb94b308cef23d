/*
 * Stands between a program and the disk (LD_PRELOAD): fsync and fdatasync can be made slow, can be
 * written down, and can be made to fail. For tests and benchmarks; cc -shared -fPIC -O2 -o sync.so sync.c
 *
 *   SYNC_SHIM_SLEEP_US=N     each sync takes at least N microseconds: the real one is done first, then
 *                            the rest of the time is slept. It returns, and is logged, only after that.
 *   SYNC_SHIM_ONLY_SLEEP=1   with the former: the real sync is left out, so that each takes N
 *                            microseconds on any disk. Nothing is durable then.
 *   SYNC_SHIM_LOG=FILE       for each sync that succeeded one line is appended:
 *                            DEVICE INODE SIZE PATH
 *                            SIZE is the file's length when the sync was called. What lies beyond the
 *                            last SIZE of a file may be lost in a power cut, what lies before may not.
 *   SYNC_SHIM_FAIL_FILE=FILE while FILE exists every sync fails with EIO, without a real one.
 *   CLOCK_SHIM_FILE=FILE     the wall clock goes wrong by as many seconds as FILE says, if it is there.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef int sync_call(int);

static long long nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void sleep_until(long long when)
{
    struct timespec until = { when / 1000000000LL, when % 1000000000LL };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
}

static void write_down(int fd, const struct stat *before)
{
    const char *log = getenv("SYNC_SHIM_LOG");
    char link[64], path[4096], line[4400];
    ssize_t length;
    int out, size;

    if (!log)
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    size = snprintf(line, sizeof line, "%llu %llu %lld %s\n", (unsigned long long)before->st_dev,
                    (unsigned long long)before->st_ino, (long long)before->st_size, path);
    /* One write to the end of a file is one piece, whichever thread does it. */
    out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (out < 0 || write(out, line, (size_t)size) != size)
        abort(); /* A test that trusts a log with holes would prove nothing. */
    close(out);
}

static int shim(const char *name, int fd)
{
    const char *fail_file = getenv("SYNC_SHIM_FAIL_FILE");
    const char *sleep_us = getenv("SYNC_SHIM_SLEEP_US");
    const char *only_sleep = getenv("SYNC_SHIM_ONLY_SLEEP");
    long long start = nanoseconds();
    struct stat before;
    int outcome = 0;

    if (fail_file && access(fail_file, F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    if (fstat(fd, &before) != 0)
        return -1;
    if (!(sleep_us && only_sleep)) {
        sync_call *real = (sync_call *)dlsym(RTLD_NEXT, name);
        outcome = real(fd);
    }
    if (sleep_us) {
        int error = errno;
        sleep_until(start + atoll(sleep_us) * 1000);
        errno = error;
    }
    if (outcome == 0)
        write_down(fd, &before);
    return outcome;
}

/* For everybody: the clocks but the wall clock are the real ones. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    const char *file = clock == CLOCK_REALTIME ? getenv("CLOCK_SHIM_FILE") : NULL;
    int outcome = (int)syscall(SYS_clock_gettime, clock, now);
    char text[32];
    ssize_t length;
    int in;

    if (!file || outcome != 0)
        return outcome;
    in = open(file, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return outcome;
    length = read(in, text, sizeof text - 1);
    close(in);
    text[length < 0 ? 0 : length] = 0;
    now->tv_sec += atoll(text);
    return outcome;
}

int fsync(int fd)
{
    return shim("fsync", fd);
}

int fdatasync(int fd)
{
    return shim("fdatasync", fd);
}
