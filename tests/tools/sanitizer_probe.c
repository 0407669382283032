/*
 * Does on purpose what a sanitizer must report, so that a test can prove that such a report reaches the harness.
 * usage: sanitizer_probe race|overflow|undefined|leak
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile int counter;

static void *count(void *unused)
{
    (void)unused;
    for (int i = 0; i < 1000; i++)
        counter = counter + 1;
    return NULL;
}

static int race(void)
{
    pthread_t other;

    if (pthread_create(&other, NULL, count, NULL) != 0)
        return 3;
    count(NULL);
    return pthread_join(other, NULL) == 0 ? 0 : 3;
}

static int overflow(size_t n)
{
    char *bytes = calloc(n, 1);
    char last;

    if (!bytes)
        return 3;
    last = *(volatile char *)(bytes + n + 1);
    free(bytes);
    return last == 'x';
}

static int undefined(int n)
{
    volatile int big = INT_MAX - 1;

    return big + n > 0;
}

static int leak(size_t n)
{
    char *volatile lost = malloc(n);

    lost = NULL;
    return lost != NULL;
}

int main(int argc, char **argv)
{
    size_t n = 16 + (size_t)argc;
    const char *what = argc == 2 ? argv[1] : "";

    if (strcmp(what, "race") == 0)
        return race();
    if (strcmp(what, "overflow") == 0)
        return overflow(n);
    if (strcmp(what, "undefined") == 0)
        return undefined(argc);
    if (strcmp(what, "leak") == 0)
        return leak(n);
    fprintf(stderr, "usage: sanitizer_probe race|overflow|undefined|leak\n");
    return 2;
}
