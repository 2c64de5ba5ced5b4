/* route: labels for texts, one a line, by libtrroute: what a policy handles has its label, what it
 * defers has "?".
 *
 *     cc -O2 -o route route.c $(pkg-config --cflags --libs trroute)
 *     ./route policy.trp < texts.txt
 */
#define _POSIX_C_SOURCE 200809L
#include <trroute.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    char why[TRROUTE_MESSAGE];
    trroute *policy;
    if (argc != 2) {
        fprintf(stderr, "usage: route POLICY < TEXTS\n");
        return TRROUTE_USAGE;
    }
    int code = trroute_open(&policy, argv[1], why, sizeof why);
    if (code != TRROUTE_OK) {
        fprintf(stderr, "route: %s\n", why);
        return code;
    }
    const trroute_policy *about = trroute_about(policy);
    fprintf(stderr, "%zu labels; answers %.1f %% of the traffic, agreement %g promised\n",
            about->n_labels, 100 * about->coverage, about->alpha);

    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    while ((size = getline(&line, &room, stdin)) >= 0) {
        if (size > 0 && line[size - 1] == '\n')
            line[--size] = '\0';
        trroute_decision d;
        code = trroute_decide(policy, line, (size_t)size, NULL, 0, &d, why, sizeof why);
        if (code != TRROUTE_OK)
            fprintf(stderr, "route: %s\n", why);
        if (code == TRROUTE_SYSTEM)
            break;
        if (code == TRROUTE_OK && d.why == TRROUTE_HANDLED)
            printf("%s\t%s\n", d.text, line); /* the label is the policy's: it need not be freed */
        else
            printf("?\t%s\n", line); /* ask the teacher */
    }
    free(line);
    trroute_close(policy);
    return fflush(stdout) || ferror(stdout) || code == TRROUTE_SYSTEM ? TRROUTE_SYSTEM : TRROUTE_OK;
}
