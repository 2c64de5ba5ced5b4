/* reopen LIBRARY POLICY N: dlopen, decide, dlclose, N times; prints the kB that the resident memory
 * grew by after the first ten. */
#include <trroute.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int fail(const char *why)
{
    fprintf(stderr, "reopen: %s\n", why);
    return 4;
}

static long resident(void)
{
    long pages = 0, all;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%ld %ld", &all, &pages) != 2)
        return -1;
    fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(int argc, char **argv)
{
    int times = argc == 4 ? atoi(argv[3]) : 0;
    char message[TRROUTE_MESSAGE];
    long first = 0;
    for (int k = 0; k < times; k++) {
        void *so = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (!so)
            return fail(dlerror());
        int (*open)(trroute **, const char *, char *, size_t);
        int (*decide)(trroute *, const char *, size_t, const float *, size_t, trroute_decision *,
                      char *, size_t);
        void (*close)(trroute *);
        *(void **)&open = dlsym(so, "trroute_open");
        *(void **)&decide = dlsym(so, "trroute_decide");
        *(void **)&close = dlsym(so, "trroute_close");
        trroute *r;
        trroute_decision d;
        if (open(&r, argv[2], message, sizeof message) ||
            decide(r, "red a", 5, NULL, 0, &d, message, sizeof message))
            return fail(message);
        close(r);
        if (dlclose(so) || dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD))
            return fail("the library stays");
        if (k == 9)
            first = resident();
    }
    printf("%ld\n", resident() - first);
    return 0;
}
