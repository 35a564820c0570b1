// process_test.c - a child's process: what it is given, how it is ended, and that it outlives
// nobody.
#include "handler/children/process.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "util/clock.h"
#include "util/resident.h"
#include "util/thread.h"

enum { PATIENCE_MS = 60000 };

extern char **environ;

static gf_proc start_shell(const char *script)
{
    const char *argv[] = { "/bin/sh", "-c", script, NULL };
    gf_url url = { 0 };
    gf_command *c = NULL;
    gf_proc p = GF_NO_PROC;
    if (CHECK_OK(gf_url_parse(&url, "memory:")) && CHECK_OK(gf_command_make(&c, &url, argv)))
        CHECK_OK(gf_proc_start(c, environ, &p));
    gf_command_free(c);
    gf_url_clear(&url);
    return p;
}

// All that comes until its end.
static void read_all(int fd, char *out, size_t size)
{
    size_t used = 0;
    int64_t end_ms = gf_mono_ms() + PATIENCE_MS;
    while (used < size - 1 && gf_mono_ms() < end_ms) {
        struct pollfd look = { .fd = fd, .events = POLLIN };
        (void)poll(&look, 1, 100);
        ssize_t n = read(fd, out + used, size - 1 - used);
        if (n == 0)
            break;
        used += n > 0 ? (size_t)n : 0;
    }
    out[used] = '\0';
}

static int end_of(gf_proc *p)
{
    int status = 0;
    int64_t end_ms = gf_mono_ms() + PATIENCE_MS;
    while (!gf_proc_ended(p) && gf_mono_ms() < end_ms)
        gf_sleep_us(1000);
    CHECK(gf_proc_ended(p));
    gf_proc_bury(p, &status);
    return status;
}

static void what_it_prints_and_its_exit_code_come_back(void)
{
    char text[100];
    gf_proc p = start_shell("echo out; echo err >&2; exit 3");
    read_all(p.output, text, sizeof text);
    CHECK_STR(text, "out\nerr\n");
    int status = end_of(&p);
    gf_proc_say_end(status, text, sizeof text);
    CHECK_STR(text, "exit code 3");
    CHECK_INT(p.pid, 0);
}

static void it_has_a_socket_and_no_other_file(void)
{
    char text[200];
    // ls has one of its own to read the folder with.
    gf_proc p =
        start_shell("cd /proc/self/fd && echo * && read line <&3 && echo \"heard $line\" >&3");
    CHECK_INT(send(p.socket, "hello\n", 6, MSG_NOSIGNAL), 6);
    read_all(p.output, text, sizeof text);
    CHECK_HAS(text, "0 1 2 3");
    read_all(p.socket, text, sizeof text);
    CHECK_STR(text, "heard hello\n");
    CHECK_INT(end_of(&p), 0);
}

static void it_has_a_session_of_its_own_and_default_signals(void)
{
    char text[500];
    signal(SIGUSR1, SIG_IGN);
    gf_proc p = start_shell(
        "echo $$; cut -d' ' -f6 /proc/self/stat; grep -E 'SigIgn|SigBlk' /proc/self/status");
    read_all(p.output, text, sizeof text);
    long pid = 0, session = 0;
    CHECK_INT(sscanf(text, "%ld %ld", &pid, &session), 2);
    CHECK_INT(pid, session);
    CHECK_HAS(text, "SigBlk:\t0000000000000000");
    CHECK_HAS(text, "SigIgn:\t0000000000000000");
    CHECK_INT(end_of(&p), 0);
    signal(SIGUSR1, SIG_DFL);
}

static void a_signal_ends_its_whole_group_and_is_named(void)
{
    char text[100];
    gf_proc p = start_shell("sleep 600 & echo $!; sleep 600");
    struct pollfd look = { .fd = p.output, .events = POLLIN };
    CHECK_INT(poll(&look, 1, PATIENCE_MS), 1);
    ssize_t n = read(p.output, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    long other = atol(text);
    CHECK(gf_resident(p.pid) > 100000);
    gf_proc_signal(&p, SIGKILL);
    int status = end_of(&p);
    gf_proc_say_end(status, text, sizeof text);
    CHECK_STR(text, "killed by signal 9 (KILL)");
    for (int i = 0; i < 1000 && kill((pid_t)other, 0) == 0; i++)
        gf_sleep_us(10000);        // init, or whoever stands for it here, may take its time
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/cmdline", other);
    FILE *file = fopen(path, "r");
    if (file) {
        CHECK_INT(fread(text, 1, 1, file), 0);         // a zombie at the most
        fclose(file);
    }
}

static void what_cannot_be_run_says_so(void)
{
    gf_proc p = GF_NO_PROC;
    char *argv[] = { (char *)"x", NULL };
    gf_command c = { .path = (char *)"/nonexistent/x", .argv = argv };
    CHECK_STATUS(gf_proc_start(&c, environ, &p), GOFER_ENOTFOUND);
    c.path = (char *)"/etc/passwd";
    CHECK_STATUS(gf_proc_start(&c, environ, &p), GOFER_EDENIED);
    CHECK_INT(p.pid, 0);
    CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);         // nothing is left
}

static void *start_and_leave(void *out)
{
    *(gf_proc *)out = start_shell("sleep 600");
    return NULL;
}

static void it_dies_with_the_thread_that_started_it(void)
{
    gf_proc p = GF_NO_PROC;
    pthread_t thread;
    char text[100];
    REQUIRE(gf_thread_start(&thread, start_and_leave, &p, 0) == 0);
    pthread_join(thread, NULL);
    int status = end_of(&p);
    gf_proc_say_end(status, text, sizeof text);
    CHECK_STR(text, "killed by signal 9 (KILL)");
}

static const check_test tests[] = {
    TEST(what_it_prints_and_its_exit_code_come_back),
    TEST(it_has_a_socket_and_no_other_file),
    TEST(it_has_a_session_of_its_own_and_default_signals),
    TEST(a_signal_ends_its_whole_group_and_is_named),
    TEST(what_cannot_be_run_says_so),
    TEST(it_dies_with_the_thread_that_started_it),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
