// child_test.c - a command's process: its pipes, its end, and what must not be left of it.
//
// Most tests run with and without a pidfd, as on kernels that have none. Where a time is checked
// it is by seconds: a command that sleeps 60 s must not hold us so long.
#include "handler/child.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "open_files.h"
#include "util/alloc.h"
#include "util/clock.h"

static char *const plain_env[] = { (char *)"PATH=/usr/bin:/bin", NULL };

// Runs a shell script with what else the caller has put into spec.
static gofer_status run_shell(const char *script, gf_child_spec *spec, gf_child_end *end)
{
    char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
    spec->path = "/bin/sh";
    spec->argv = argv;
    spec->envp = plain_env;
    gofer_status st = gf_child_run(spec, end);
    spec->argv = NULL;
    return st;
}

static gf_child_spec spec_of(bool no_pidfd)
{
    return (gf_child_spec){ .keep_output = true, .output_limit = 1 << 20, .no_pidfd = no_pidfd };
}

// Ended: gone, or a zombie that its new parent has not buried yet.
static bool has_ended(long pid)
{
    char path[64], line[256], state = 'Z';
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return true;
    char *after = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    if (after)
        state = after[2];
    fclose(file);
    return state == 'Z' || state == 'X';
}

static bool ends_within(long pid, int64_t limit_ms)
{
    int64_t until = check_now_ms() + limit_ms;
    while (!has_ended(pid)) {
        if (check_now_ms() > until)
            return false;
        gf_sleep_us(10000);
    }
    return true;
}

static void its_end_is_told(void)
{
    static const struct {
        const char  *script;
        gf_child_how how;
        int          code;
    } cases[] = {
        { "exit 0", GF_CHILD_EXITED, 0 },       { "exit 1", GF_CHILD_EXITED, 1 },
        { "exit 75", GF_CHILD_EXITED, 75 },     { "exit 100", GF_CHILD_EXITED, 100 },
        { "exit 255", GF_CHILD_EXITED, 255 },   { "no_such_command", GF_CHILD_EXITED, 127 },
        { "kill -9 $$", GF_CHILD_SIGNALLED, 9 },    { "kill -11 $$", GF_CHILD_SIGNALLED, 11 },
        { "kill -15 $$", GF_CHILD_SIGNALLED, 15 },  { "kill -6 $$", GF_CHILD_SIGNALLED, 6 },
        { "exec >&- 2>&- <&-; sleep 0.1; exit 3", GF_CHILD_EXITED, 3 },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int no_pidfd = 0; no_pidfd < 2; no_pidfd++) {
            gf_child_spec spec = spec_of(no_pidfd);
            gf_child_end end;
            REQUIRE_OK(run_shell(cases[i].script, &spec, &end));
            CHECK_INT(end.how, cases[i].how);
            CHECK_INT(end.code, cases[i].code);
            CHECK(!end.termed && !end.killed && !end.late);
            gf_free(end.output);
        }
}

static void input_of_any_bytes_comes_back_through_cat(void)
{
    enum { SIZE = 3000001 };
    unsigned char *bytes = malloc(SIZE);
    REQUIRE(bytes);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (unsigned char)(i * 31 + i / 251);
    char *argv[] = { (char *)"cat", NULL };
    for (int no_pidfd = 0; no_pidfd < 2; no_pidfd++) {
        gf_child_spec spec = spec_of(no_pidfd);
        gf_child_end end;
        spec.path = "/bin/cat";
        spec.argv = argv;
        spec.envp = plain_env;
        spec.input = bytes;
        spec.input_size = SIZE;
        spec.output_limit = SIZE;
        if (!CHECK_OK(gf_child_run(&spec, &end)))
            break;
        CHECK_INT(end.code, 0);
        CHECK_MEM(end.output, end.output_size, bytes, SIZE);
        gf_free(end.output);
    }
    free(bytes);
}

// The process of this test has SIGPIPE at its default: it would die of it.
static void input_that_is_not_read_hurts_nobody(void)
{
    enum { SIZE = 5 << 20 };
    static const char *const scripts[] = { "exit 0", "exec <&-; sleep 0.2", "head -c 10 >/dev/null",
                                           "sleep 0.2" };
    char *bytes = calloc(1, SIZE);
    REQUIRE(bytes);
    for (size_t i = 0; i < COUNT(scripts); i++) {
        gf_child_spec spec = spec_of(i & 1);
        gf_child_end end;
        spec.input = bytes;
        spec.input_size = SIZE;
        if (CHECK_OK(run_shell(scripts[i], &spec, &end))) {
            CHECK_INT(end.how, GF_CHILD_EXITED);
            CHECK_INT(end.code, 0);
            gf_free(end.output);
        }
    }
    free(bytes);

    sigset_t pending, mask;
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    CHECK(!sigismember(&pending, SIGPIPE));
    CHECK(!sigismember(&mask, SIGPIPE));
}

typedef struct heard {
    size_t lines;
    char   last[64];
} heard;

static void hear(void *user, const char *line)
{
    heard *h = user;
    h->lines++;
    snprintf(h->last, sizeof h->last, "%s", line);
}

static void of_much_standard_error_the_last_lines_are_kept(void)
{
    for (int no_pidfd = 0; no_pidfd < 2; no_pidfd++) {
        heard h = { 0 };
        gf_child_spec spec = spec_of(no_pidfd);
        gf_child_end end;
        spec.line = hear;
        spec.user = &h;
        // 130,000 lines of 7 or 8 bytes: about 1 MiB
        REQUIRE_OK(run_shell("seq 1000000 1130000 >&2; echo; printf 'no end' >&2", &spec, &end));
        CHECK_INT(strncmp(end.tail, "1129982\n", 8), 0);
        CHECK_HAS(end.tail, "\n1130000\nno end");
        CHECK_INT(h.lines, 10001);          // and one that says so
        CHECK_HAS(h.last, "not logged");
        gf_free(end.output);
    }
}

static void standard_error_becomes_valid_text(void)
{
    static const struct {
        const char *script, *want;
    } cases[] = {
        { "printf 'one\\n\\ntwo\\n\\n' >&2", "one\n\ntwo" },
        { "printf 'a\\0b\\377c' >&2", "a\xEF\xBF\xBD" "b\xEF\xBF\xBD" "c" },
        { ":", "" },
        { "printf '\\n\\n' >&2", "" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_child_spec spec = spec_of(false);
        gf_child_end end;
        REQUIRE_OK(run_shell(cases[i].script, &spec, &end));
        CHECK_STR(end.tail, cases[i].want);
    }
    // one line of 10,000 two-byte characters: the last 4 KiB of it, cut between characters
    gf_child_spec spec = spec_of(false);
    gf_child_end end;
    REQUIRE_OK(run_shell("i=0; while [ $i -lt 1000 ]; do printf "
                         "'\\303\\244\\303\\244\\303\\244\\303\\244\\303\\244\\303\\244\\303\\244"
                         "\\303\\244\\303\\244\\303\\244' >&2; i=$((i+1)); done; printf x >&2",
        &spec, &end));
    CHECK_INT(strlen(end.tail), GF_CHILD_TAIL - 1);
    CHECK_INT(strncmp(end.tail, "\xC3\xA4", 2), 0);
}

static void output_over_the_limit_is_read_and_dropped(void)
{
    gf_child_spec spec = spec_of(false);
    gf_child_end end;
    spec.output_limit = 1000;
    REQUIRE_OK(run_shell("head -c 3000000 /dev/zero", &spec, &end));
    CHECK_INT(end.code, 0);
    CHECK_INT(end.output_total, 3000000);
    CHECK(end.output == NULL);
    CHECK_INT(end.output_size, 0);

    REQUIRE_OK(run_shell("head -c 1000 /dev/zero", &spec, &end));
    CHECK_INT(end.output_size, 1000);
    gf_free(end.output);

    spec.keep_output = false;
    REQUIRE_OK(run_shell("head -c 1000 /dev/zero", &spec, &end));
    CHECK(end.output == NULL);
    CHECK_INT(end.output_total, 1000);
}

// A shell that is slow to start dies of the TERM that it was to catch or ignore: then it is given
// more time.
static void run_catching(const char *script, gf_child_spec *spec, gf_child_end *end)
{
    for (int64_t ms = 300;; ms *= 4) {
        spec->deadline_mono_ms = gf_mono_ms() + ms;
        REQUIRE_OK(run_shell(script, spec, end));
        if (end->how != GF_CHILD_SIGNALLED || end->code != SIGTERM || ms > 60000)
            return;
        gf_free(end->output);
    }
}

static void at_its_deadline_it_is_told_to_end(void)
{
    for (int no_pidfd = 0; no_pidfd < 2; no_pidfd++) {
        gf_child_spec spec = spec_of(no_pidfd);
        gf_child_end end;
        int64_t begun = check_now_ms();
        spec.deadline_mono_ms = gf_mono_ms() + 200;
        REQUIRE_OK(run_shell("sleep 60", &spec, &end));
        CHECK(check_now_ms() - begun >= 200 && check_now_ms() - begun < 30000);
        CHECK_INT(end.how, GF_CHILD_SIGNALLED);
        CHECK_INT(end.code, SIGTERM);
        CHECK(end.termed && end.late && !end.killed);

        run_catching("trap 'echo bye; exit 7' TERM; while :; do sleep 0.02; done", &spec, &end);
        CHECK_INT(end.how, GF_CHILD_EXITED);
        CHECK_INT(end.code, 7);
        CHECK_MEM(end.output, end.output_size, "bye\n", 4);
        CHECK(end.termed && end.late && !end.killed);
        gf_free(end.output);
    }
}

static void what_ignores_term_is_killed_with_its_children(void)
{
    gf_child_spec spec = spec_of(false);
    gf_child_end end;
    run_catching("trap '' TERM; sleep 60 & echo $!; while :; do wait; done", &spec, &end);
    int64_t late_ms = gf_mono_ms() - spec.deadline_mono_ms;
    CHECK(late_ms >= GF_CHILD_TERM_MS && late_ms < 30000);
    CHECK_INT(end.how, GF_CHILD_SIGNALLED);
    CHECK_INT(end.code, SIGKILL);
    CHECK(end.termed && end.killed && end.late);
    REQUIRE(end.output_size > 1);
    CHECK(ends_within(strtol(end.output, NULL, 10), 10000));
    gf_free(end.output);
}

static bool on_third_call(void *user)
{
    return ++*(int *)user >= 3;
}

static void when_cancelled_it_is_told_to_end(void)
{
    int calls = 0;
    gf_child_spec spec = spec_of(false);
    gf_child_end end;
    spec.cancelled = on_third_call;
    spec.user = &calls;
    REQUIRE_OK(run_shell("kill -STOP $$; sleep 60", &spec, &end));   // stopped: CONT must wake it
    CHECK_INT(end.how, GF_CHILD_SIGNALLED);
    CHECK_INT(end.code, SIGTERM);
    CHECK(end.termed && !end.late && !end.killed);
    CHECK_INT(calls, 3);
}

static void what_it_leaves_behind_does_not_hold_us(void)
{
    static const char *const scripts[] = {
        "sleep 60 & echo $!",                            // keeps the pipes
        "(sleep 60 & echo $!)",                          // twice removed
        "sleep 60 >/dev/null 2>&1 & echo $!",            // lets go of them
        "trap '' TERM HUP; yes >&2 & echo $!",           // and goes on talking
    };
    for (size_t i = 0; i < 2 * COUNT(scripts); i++) {
        gf_child_spec spec = spec_of(i % 2);
        gf_child_end end;
        int64_t begun = check_now_ms();
        REQUIRE_OK(run_shell(scripts[i / 2], &spec, &end));
        CHECK(check_now_ms() - begun < 20000);
        CHECK_INT(end.how, GF_CHILD_EXITED);
        CHECK_INT(end.code, 0);
        REQUIRE(end.output_size > 1);
        CHECK(ends_within(strtol(end.output, NULL, 10), 10000));
        gf_free(end.output);
    }
}

static void be_slow(void *user, const char *line)
{
    (void)line;
    ++*(int *)user;
    gf_sleep_us(10000);
}

// What it wrote before its end is in the pipes: it is read, whatever time the
// lines of the log take.
static void a_slow_log_cuts_no_output(void)
{
    static const char script[] =
        "i=0; while [ $i -lt 60 ]; do printf '%01000d\\n' $i >&2; i=$((i+1)); done; printf "
        "'%060000d' 7";
    for (int no_pidfd = 0; no_pidfd < 2; no_pidfd++) {
        int lines = 0;
        gf_child_spec spec = spec_of(no_pidfd);
        gf_child_end end;
        spec.line = be_slow;
        spec.user = &lines;
        REQUIRE_OK(run_shell(script, &spec, &end));
        CHECK_INT(end.code, 0);
        CHECK_INT(end.output_size, 60000);
        CHECK_INT(end.output_total, 60000);
        CHECK_INT(lines, 60);
        CHECK(!end.left_open);
        gf_free(end.output);
    }
}

// Each gap is well below the 100 ms, all together are far above. A machine that makes one of them
// longer cuts it, which is told; it does not do so every time.
static void those_it_left_behind_are_heard_to_their_end(void)
{
    static const char script[] =
        "(i=0; while [ $i -lt 25 ]; do echo $i; sleep 0.02; i=$((i+1)); done) & exit 0";
    bool whole = false;
    for (int i = 0; i < 20 && !whole; i++) {
        gf_child_spec spec = spec_of(i % 2);
        gf_child_end end;
        REQUIRE_OK(run_shell(script, &spec, &end));
        CHECK_INT(end.code, 0);
        whole = end.output_size >= 3 && memcmp(end.output + end.output_size - 3, "24\n", 3) == 0;
        CHECK(whole || end.left_open);
        gf_free(end.output);
    }
    CHECK(whole);
}

static void those_who_write_on_are_ended_at_the_deadline(void)
{
    int seen = 0;
    for (int i = 0; i < 20 && seen < 2; i++) {             // as above
        char text[200];
        gf_child_spec spec = spec_of(i % 2);
        gf_child_end end;
        int64_t begun = gf_mono_ms();
        spec.deadline_mono_ms = begun + 1000;
        REQUIRE_OK(run_shell("trap '' TERM; yes & exit 0", &spec, &end));
        if (end.how == GF_CHILD_SIGNALLED && end.code == SIGTERM) {   // it was slow to start
            gf_free(end.output);
            continue;
        }
        CHECK_INT(end.how, GF_CHILD_EXITED);
        CHECK_INT(end.code, 0);
        gf_free(end.output);
        CHECK(end.outlived || end.left_open);
        if (!end.outlived)
            continue;
        seen++;
        CHECK(gf_mono_ms() - begun >= 1000);
        CHECK(end.termed && end.late && !end.killed);
        gf_child_say_end(&end, text, sizeof text);
        CHECK_STR(text, "exit code 0, but what it left behind still wrote at the deadline");
    }
    CHECK_INT(seen, 2);
}

// ---- two at once --------------------------------------------------------------------------------

typedef struct slow {
    const char  *name;               // its argv[0]
    bool         no_pidfd;
    pthread_t    thread;
    gf_child_end end;
    gofer_status status;
    _Atomic bool starting, go, ended;
} slow;

static slow first = { .name = "first" }, second = { .name = "second" };

// In the place of the library's: the start of those two lasts until they may go. The second one has
// come beyond its fork by then, so that it has what was open.
int posix_spawn(pid_t *restrict pid, const char *restrict path,
    const posix_spawn_file_actions_t *restrict actions, const posix_spawnattr_t *restrict attr,
    char *const argv[restrict], char *const envp[restrict])
{
    slow *s = argv[0] == first.name ? &first : argv[0] == second.name ? &second : NULL;
    if (s) {
        pid_t forked = s == &second ? fork() : 0;
        if (s == &second && forked == 0)
            for (;;)
                pause();
        s->starting = true;
        while (!s->go)
            gf_sleep_us(1000);
        if (forked > 0 && (kill(forked, SIGKILL) != 0 || waitpid(forked, NULL, 0) != forked))
            return ECHILD;
    }
    return posix_spawnp(pid, path, actions, attr, argv, envp);
}

static void *run_slow(void *arg)
{
    slow *s = arg;
    gf_child_spec spec = spec_of(s->no_pidfd);
    char *argv[] = { (char *)s->name, NULL };
    spec.path = "/bin/true";
    spec.argv = argv;
    spec.envp = plain_env;
    s->status = gf_child_run(&spec, &s->end);
    gf_free(s->end.output);
    s->ended = true;
    return NULL;
}

static void start_slow(slow *s, bool no_pidfd)
{
    int64_t until = check_now_ms() + 30000;
    s->starting = s->go = s->ended = false;
    s->no_pidfd = no_pidfd;
    REQUIRE(pthread_create(&s->thread, NULL, run_slow, s) == 0);
    while (!s->starting && check_now_ms() < until)
        gf_sleep_us(1000);
    CHECK(s->starting);
}

// Until its exec, the second has the pipes of the first. That is nobody whom the first has left
// behind.
static void one_that_is_started_beside_it_is_not_its_own(void)
{
    for (int no_pidfd = 0; no_pidfd < 2; no_pidfd++) {
        start_slow(&first, no_pidfd);
        start_slow(&second, no_pidfd);
        first.go = true;
        for (int i = 0; i < 10 && !first.ended; i++)
            gf_sleep_us(GF_CHILD_DRAIN_MS * 1000);
        CHECK(!first.ended);
        second.go = true;
        const slow *const both[] = { &first, &second };
        for (size_t i = 0; i < COUNT(both); i++) {
            REQUIRE(pthread_join(both[i]->thread, NULL) == 0);
            CHECK_OK(both[i]->status);
            CHECK_INT(both[i]->end.how, GF_CHILD_EXITED);
            CHECK_INT(both[i]->end.code, 0);
            CHECK(!both[i]->end.left_open);
        }
    }
}

// Those whose starts were under way are its parent's. The child answers as another program: what
// its parent's threads have is lost in it, and valgrind would say so at its exit.
static void a_forked_child_starts_none_of_its_parents(void)
{
    const gf_child_pipes later = { .shared_before = UINT64_MAX };
    int how = -1;
    start_slow(&first, 0);
    CHECK(gf_child_shares(&later));
    pid_t forked = fork();
    if (forked == 0) {
        const char *answer = gf_child_shares(&later) ? "/bin/false" : "/bin/true";
        execl(answer, answer, (char *)NULL);
        _exit(2);
    }
    CHECK(forked > 0 && waitpid(forked, &how, 0) == forked);
    CHECK_INT(how, 0);
    first.go = true;
    REQUIRE(pthread_join(first.thread, NULL) == 0);
    CHECK_OK(first.status);
    CHECK(!gf_child_shares(&later));
}

// One that takes a session of its own is out of reach, as a real daemon wants to be.
static void a_daemon_with_the_pipes_does_not_hold_us(void)
{
    gf_child_spec spec = spec_of(false);
    gf_child_end end;
    int64_t begun = check_now_ms();
    REQUIRE_OK(run_shell("setsid sh -c 'echo $$; exec sleep 30' & sleep 0.3", &spec, &end));
    CHECK(check_now_ms() - begun < 20000);
    CHECK_INT(end.code, 0);
    REQUIRE(end.output_size > 1);
    long pid = strtol(end.output, NULL, 10);
    REQUIRE(pid > 1);
    CHECK(!has_ended(pid));
    CHECK_INT(kill((pid_t)pid, SIGKILL), 0);
    gf_free(end.output);
}

static void check_output(const char *path, char *const *argv, const char *want)
{
    gf_child_spec spec = spec_of(false);
    gf_child_end end;
    spec.path = path;
    spec.argv = argv;
    spec.envp = plain_env;
    if (!CHECK_OK(gf_child_run(&spec, &end)))
        return;
    CHECK_INT(end.code, 0);
    char *text = gf_memdup(end.output, end.output_size);
    CHECK_STR(text, want);
    gf_free(text);
    gf_free(end.output);
}

static void it_inherits_only_what_it_should(void)
{
    char *env[] = { (char *)"env", NULL };
    check_output("/usr/bin/env", env, "PATH=/usr/bin:/bin\n");

    // a file without CLOEXEC, as a host may have them; ls has the folder itself open as 3
    int fd = open("/dev/null", O_RDONLY);   // NOLINT: no CLOEXEC on purpose
    REQUIRE(fd >= 0);
    int high = fcntl(fd, F_DUPFD, 200);
    char *ls[] = { (char *)"ls", (char *)"/proc/self/fd", NULL };
    check_output("/bin/ls", ls, "0\n1\n2\n3\n");
    close(high);
    close(fd);

    sigset_t usr1, before;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, &before);
    void (*old)(int) = signal(SIGINT, SIG_IGN);
    // Two lines, all clear; but for signals 32 and 33, which glibc keeps to itself and ignores.
    char *grep[] = { (char *)"grep", (char *)"-cE",
        (char *)"^Sig(Blk:.0{16}|Ign:.[0-9a-f]{8}[08]0{7})$", (char *)"/proc/self/status", NULL };
    check_output("/bin/grep", grep, "2\n");
    signal(SIGINT, old);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void it_leads_a_session_and_group_of_its_own(void)
{
    gf_child_spec spec = spec_of(false);
    gf_child_end end;
    REQUIRE_OK(run_shell("read pid comm state ppid group session rest </proc/$$/stat; "
                         "[ $pid = $group ] && [ $pid = $session ]", &spec, &end));
    CHECK_INT(end.code, 0);
}

static int with_stdio_closed(void)
{
    char *argv[] = { (char *)"sh", (char *)"-c", (char *)"cat; echo err >&2", NULL };
    gf_child_spec spec = spec_of(false);
    gf_child_end end;
    close(0);
    close(1);
    close(2);
    spec.path = "/bin/sh";
    spec.argv = argv;
    spec.envp = plain_env;
    spec.input = "hello";
    spec.input_size = 5;
    if (gf_child_run(&spec, &end) != GOFER_OK)
        return 1;
    int right = end.code == 0 && end.output_size == 5 && memcmp(end.output, "hello", 5) == 0 &&
                strcmp(end.tail, "err") == 0;
    gf_free(end.output);
    return right ? 0 : 2;
}

static void a_host_without_standard_files_can_run_it(void)
{
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0)
        _exit(with_stdio_closed());
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
}

// Valgrind makes a fork of the vfork, and then posix_spawn cannot tell that the
// program did not start.
static bool under_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return preload && strstr(preload, "vgpreload");
}

static void what_cannot_be_run_is_told(void)
{
    if (under_valgrind())
        OMIT("valgrind's posix_spawn does not tell");
    char text[] = "/tmp/gofer-child-XXXXXX";
    int fd = mkstemp(text);
    REQUIRE(fd >= 0);
    CHECK(write(fd, "only words\n", 11) == 11);
    CHECK(fchmod(fd, 0755) == 0);
    close(fd);
    const struct {
        const char  *path;
        gofer_status want;
    } cases[] = {
        { "/nonexistent/program", GOFER_ENOTFOUND },
        { "/etc/passwd", GOFER_EDENIED },
        { "/tmp", GOFER_EDENIED },
        { text, GOFER_EINVAL },
    };
    size_t files = open_files();
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *argv[] = { (char *)cases[i].path, NULL };
        gf_child_spec spec = spec_of(false);
        gf_child_end end;
        spec.path = cases[i].path;
        spec.argv = argv;
        spec.envp = plain_env;
        CHECK_STATUS(gf_child_run(&spec, &end), cases[i].want);
        CHECK_HAS(gofer_error_last(), cases[i].path);
    }
    CHECK_INT(open_files(), files);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    unlink(text);
}

static void a_host_that_ignores_its_children_is_told_so(void)
{
    void (*old)(int) = signal(SIGCHLD, SIG_IGN);
    for (int no_pidfd = 0; no_pidfd < 2; no_pidfd++) {
        gf_child_spec spec = spec_of(no_pidfd);
        gf_child_end end;
        CHECK_OK(run_shell("echo said; exit 3", &spec, &end));
        CHECK_INT(end.how, GF_CHILD_UNKNOWN);
        CHECK_MEM(end.output, end.output_size, "said\n", 5);
        gf_free(end.output);
    }
    signal(SIGCHLD, old);
}

static void *run_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 25; i++) {
        char script[64];
        snprintf(script, sizeof script, "cat; exit %d", i);
        gf_child_spec spec = spec_of(i & 1);
        gf_child_end end;
        spec.input = script;
        spec.input_size = strlen(script);
        if (!CHECK_OK(run_shell(script, &spec, &end)))
            return NULL;
        CHECK_INT(end.code, i);
        CHECK_MEM(end.output, end.output_size, script, strlen(script));
        gf_free(end.output);
    }
    return NULL;
}

static void two_hundred_runs_leave_no_zombie_and_no_file(void)
{
    size_t files = open_files();
    pthread_t threads[8];
    for (size_t i = 0; i < COUNT(threads); i++)
        REQUIRE(pthread_create(&threads[i], NULL, run_many, NULL) == 0);
    for (size_t i = 0; i < COUNT(threads); i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    CHECK_INT(open_files(), files);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static void signals_have_names(void)
{
    static const struct { int number; const char *want; } cases[] = {
        { SIGKILL, "killed by signal 9 (KILL), so" }, { SIGSEGV, "killed by signal 11 (SEGV), so" },
        { 0, "killed by signal 0, so" }, { 12345, "killed by signal 12345, so" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[80];
        gf_say_end(GF_CHILD_SIGNALLED, cases[i].number, ", so", text, sizeof text);
        CHECK_STR(text, cases[i].want);
    }
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(its_end_is_told),
        TEST(input_of_any_bytes_comes_back_through_cat),
        TEST(input_that_is_not_read_hurts_nobody),
        TEST(of_much_standard_error_the_last_lines_are_kept),
        TEST(standard_error_becomes_valid_text),
        TEST(output_over_the_limit_is_read_and_dropped),
        TEST(at_its_deadline_it_is_told_to_end),
        TEST(what_ignores_term_is_killed_with_its_children),
        TEST(when_cancelled_it_is_told_to_end),
        TEST(what_it_leaves_behind_does_not_hold_us),
        TEST(a_slow_log_cuts_no_output),
        TEST(those_it_left_behind_are_heard_to_their_end),
        TEST(those_who_write_on_are_ended_at_the_deadline),
        TEST(a_daemon_with_the_pipes_does_not_hold_us),
        TEST(one_that_is_started_beside_it_is_not_its_own),
        TEST(a_forked_child_starts_none_of_its_parents),
        TEST(it_inherits_only_what_it_should),
        TEST(it_leads_a_session_and_group_of_its_own),
        TEST(a_host_without_standard_files_can_run_it),
        TEST(what_cannot_be_run_is_told),
        TEST(a_host_that_ignores_its_children_is_told_so),
        TEST(two_hundred_runs_leave_no_zombie_and_no_file),
        TEST(signals_have_names),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
