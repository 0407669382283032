#include <curl/curl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "cli/cli.h"

#define ARENA_BYTES ((size_t)256 * 1024 * 1024)
#define WIDTH_MIN   40

static void look_at_terminal(struct cli *c)
{
    const char *no_color = getenv("NO_COLOR"); /* NOLINT(concurrency-mt-unsafe): one thread */
    const char *term = getenv("TERM");         /* NOLINT(concurrency-mt-unsafe): one thread */
    struct winsize size;

    if (!isatty(STDOUT_FILENO))
        return;
    c->colour =
        !c->no_color && !c->json && !(no_color && no_color[0]) && term && strcmp(term, "dumb") != 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= WIDTH_MIN)
        c->width = size.ws_col;
    else
        c->width = 80;
}

static int run(struct cli *c, int argc, char **argv)
{
    int rc = args_parse(c, argc, argv);

    look_at_terminal(c);
    if (rc > 0)
        return rc;
    if (rc < 0)
        return EXIT_DONE;
    if (c->version)
        return cmd_version(c);
    if (c->help && c->cmd) {
        help_command(stdout, c->cmd->name);
        return EXIT_DONE;
    }
    if (c->help || !c->cmd)
        return help_overview(c->help ? stdout : stderr) || c->help ? EXIT_DONE : EXIT_USAGE;
    return c->cmd->run(c);
}

int main(int argc, char **argv)
{
    struct cli c = {.now_wall_ms = clock_wall_ms()};
    const struct rlimit none = {0, 0};
    int rc;

    /* Tokens pass through this process: no core files, and whoever closed the pipe gets no signal. */
    setrlimit(RLIMIT_CORE, &none);
    (void)signal(SIGPIPE, SIG_IGN);
    crypto_init();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    c.arena = arena_new(ARENA_BYTES);
    rc = run(&c, argc, argv);
    client_close(&c);
    arena_free(c.arena);
    curl_global_cleanup();
    if (fflush(stdout) != 0 && rc == EXIT_DONE)
        rc = EXIT_FAILED;
    return rc;
}
