#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/fault.h"

/* The environment is read once per process, so each case runs in a child. */
struct outcome {
    int code;   /* passes survived, or -1 */
    int signal; /* 0 when it ended by itself */
};

static struct outcome run(const char *fault, int passes)
{
    struct outcome o = {-1, 0};
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO); /* what CHECK says is expected */
        setenv("TRIAGED_FAULT", fault, 1);
        for (int i = 0; i < passes; i++)
            FAULT_POINT("t.point");
        _exit(passes);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status))
        o.code = WEXITSTATUS(status);
    if (WIFSIGNALED(status))
        o.signal = WTERMSIG(status);
    return o;
}

static const struct {
    const char *fault;
    int passes;
    int signal; /* in development builds */
} cases[] = {
    {"", 5, 0},
    {"t.point:3:kill", 2, 0},
    {"t.point:3:kill", 3, SIGKILL},
    {"t.point:1:abort", 1, SIGABRT},
    {"t.other:1:kill", 5, 0},
    {"t.poin:1:kill", 5, 0},
    {"t.other:1:kill,t.point:2:kill", 2, SIGKILL},
    {"t.point:1:sleep=1", 3, 0},
    {"t.point", 1, SIGABRT}, /* a mistyped fault must not look like a passed test */
    {"t.point:0:kill", 1, SIGABRT},
    {"t.point:1:explode", 1, SIGABRT},
    {"t.point:1:sleep=x", 1, SIGABRT},
};

static void faults_act_on_their_pass_and_only_in_development_builds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct outcome o = run(cases[i].fault, cases[i].passes);

        if (o.signal != (TRIAGED_FAULTS ? cases[i].signal : 0))
            fail_msg("%s: signal %d, code %d", cases[i].fault, o.signal, o.code);
        if (o.signal == 0)
            assert_int_equal(o.code, cases[i].passes);
    }
}

static void sleeps_as_long_as_asked(void **state)
{
    int64_t before = clock_mono_ms();

    (void)state;
    (void)run("t.point:1:sleep=60", 1);
    if (TRIAGED_FAULTS)
        assert_true(clock_mono_ms() - before >= 60);
}

static void defences_are_switched_off_by_whole_names(void **state)
{
    int status = 0;
    pid_t pid = fork();

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("TRIAGED_DEFENCE_OFF", "readback,xpolicy,policy.x", 1);
        _exit(defence_off("readback") | defence_off("policy.x") << 1 | defence_off("policy") << 2 |
              defence_off("read") << 3);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), TRIAGED_FAULTS ? 3 : 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_act_on_their_pass_and_only_in_development_builds),
        cmocka_unit_test(sleeps_as_long_as_asked),
        cmocka_unit_test(defences_are_switched_off_by_whole_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
