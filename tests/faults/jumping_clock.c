// A wall clock that is set by up to 400 days at every look, both ways; preloaded into a process.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

static const long SPAN_SECONDS = 400L * 86400L;

static long offset_seconds(void) {
    static _Atomic unsigned state = 20261121u;
    unsigned next = state * 1664525u + 1013904223u;
    state = next;
    return (long)(next % (2u * (unsigned)SPAN_SECONDS)) - SPAN_SECONDS;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*honest)(clockid_t, struct timespec *);
    if (!honest) {
        honest = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    }
    int answer = honest(clock, now);
    if (answer == 0 && clock == CLOCK_REALTIME) {
        now->tv_sec += offset_seconds();
    }
    return answer;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}

int gettimeofday(struct timeval *out, void *zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}
