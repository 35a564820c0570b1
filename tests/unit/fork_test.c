// fork_test.c - what must not pass into a forked child does not.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "util/fork.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#endif

#include "check.h"
#include "util/id.h"

enum { NO_RIGHT = 77 };

static int child_status(pid_t child)
{
    int status;
    REQUIRE(child >= 0);
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void a_child_does_not_keep_own_descriptors(void)
{
    enum { FDS = 4 };
    gf_own_fd own[FDS];
    for (int i = 0; i < FDS; i++)
        REQUIRE(gf_own_open(&own[i], "/dev/null", O_RDONLY, 0) == 0);
    int shared = open("/dev/null", O_RDONLY | O_CLOEXEC), second = own[2].fd;
    REQUIRE(shared >= 0);
    CHECK((fcntl(own[0].fd, F_GETFD) & FD_CLOEXEC) != 0);
    gf_own_close(&own[1]);                    // from the middle of the list
    CHECK_INT(own[1].fd, -1);
    pid_t child = fork();
    if (child == 0) {
        int bad = fcntl(shared, F_GETFD) < 0 || fcntl(second, F_GETFD) >= 0 || errno != EBADF;
        for (int i = 0; i < FDS; i++) {
            bad |= own[i].fd != -1;
            gf_own_close(&own[i]);            // not whatever has that number now
        }
        bad |= gf_own_open(&own[0], "/dev/null", O_RDONLY, 0) != 0;      // and its own list works
        gf_own_close(&own[0]);
        _exit(bad);
    }
    CHECK_INT(child_status(child), 0);
    for (int i = 0; i < FDS; i++)
        CHECK(i == 1 || fcntl(own[i].fd, F_GETFD) >= 0);
    for (int i = 0; i < FDS; i++)
        gf_own_close(&own[i]);
    CHECK_INT(gf_own_open(&own[0], "/no/such/file", O_RDONLY, 0), -1);
    CHECK_INT(errno, ENOENT);
    CHECK_INT(own[0].fd, -1);
    close(shared);
}

static void each_child_is_another_process(void)
{
    gf_process us = gf_process_self();
    CHECK_INT(us, gf_process_self());
    CHECK_INT(gf_process_pid(us), getpid());
    pid_t child = fork();
    if (child == 0) {
        gf_process it = gf_process_self();
        pid_t second = fork();
        if (second == 0)
            _exit(gf_process_self() == it || gf_process_self() == us);
        int status;
        _exit(it == us || waitpid(second, &status, 0) != second || status != 0);
    }
    CHECK_INT(child_status(child), 0);
    CHECK_INT(us, gf_process_self());
}

// It is told apart by what the kernel does alone.
static void a_child_without_handlers_is_another_process(void)
{
#ifdef __linux__
    gf_process us = gf_process_self();
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        _exit(gf_process_self() == us || gf_process_pid(gf_process_self()) != getpid());
    CHECK_INT(child_status(child), 0);
    CHECK_INT(us, gf_process_self());
#endif
}

// The first process of a pid namespace makes another: both are number 1.
static int use_what_its_like_opened(void)
{
#ifdef __linux__
    gofer_client *c = NULL;
    char ours[GF_ID_TEXT], its[GF_ID_TEXT];
    int fds[2], status;
    if (unshare(CLONE_NEWPID) != 0)
        return NO_RIGHT;
    if (gofer_client_open(&c, "memory:", NULL) != GOFER_OK || pipe(fds) != 0)
        return 2;
    gf_id_new(ours);                          // the generator has its state before the fork
    pid_t child = fork();
    gf_id_new(child == 0 ? its : ours);
    if (child == 0) {
        int bad = getpid() != 1 || gofer_client_ping(c) != GOFER_EFORKED;
        _exit(bad || write(fds[1], its, sizeof its) != sizeof its);
    }
    close(fds[1]);
    if (read(fds[0], its, sizeof its) != sizeof its)
        return 3;
    if (waitpid(child, &status, 0) != child || status != 0)
        return 5;
    return getpid() != 1 || strcmp(ours + 19, its + 19) == 0;
#else
    return NO_RIGHT;
#endif
}

static void a_child_with_its_parents_pid_is_told_apart(void)
{
#ifdef __linux__
    pid_t outer = fork();
    if (outer == 0) {
        if (unshare(CLONE_NEWPID) != 0)
            _exit(NO_RIGHT);
        pid_t inner = fork();
        if (inner == 0)
            _exit(use_what_its_like_opened());
        int status;
        if (inner < 0 || waitpid(inner, &status, 0) != inner || !WIFEXITED(status))
            _exit(4);
        _exit(WEXITSTATUS(status));
    }
    int status = child_status(outer);
    if (status == NO_RIGHT)
        SKIP("no right to make a pid namespace: run as root");
    CHECK_INT(status, 0);
#else
    SKIP("only Linux has pid namespaces");
#endif
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_child_does_not_keep_own_descriptors), TEST(each_child_is_another_process),
        TEST(a_child_without_handlers_is_another_process),
        TEST(a_child_with_its_parents_pid_is_told_apart),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
