/* A program with names of its own that the library has inside: the two must not meet. */
#include <trroute.h>

#include <stdlib.h>

int tr_workers_open(void);
int tr_str_c(void);
int tr_mem_zero(void);
int cJSON_Parse(void);

int tr_workers_open(void)
{
    abort();
}
int tr_str_c(void)
{
    abort();
}
int tr_mem_zero(void)
{
    abort();
}
int cJSON_Parse(void)
{
    abort();
}

int main(int argc, char **argv)
{
    trroute *r;
    trroute_decision d;
    if (argc != 2 || trroute_open(&r, argv[1], NULL, 0))
        return 1;
    int code = trroute_decide(r, "red a", 5, NULL, 0, &d, NULL, 0);
    trroute_close(r);
    return code || d.why;
}
