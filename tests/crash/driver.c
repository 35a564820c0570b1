// driver.c - starts, kills and replaces the processes of the crash test.
//
//     crash_test [--seconds 20] [--seed N] [--prefetch N] [--folder PATH] [--keep]
//
// A random process dies by SIGKILL every 50 to 300 ms and is replaced by a new one. It prints its
// seed; the same seed kills in the same order (the scheduler still has its say).
#include "crash.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES = CLIENTS + WORKERS, DRAIN_LIMIT_MS = 180 * 1000 };

typedef struct driver {
    options  o;
    int64_t  seconds;
    bool     keep;
    bool     own_folder;
    uint64_t seed;
    char     self[PATH_MAX], folder[PATH_MAX], url[PATH_MAX + 16];
    pid_t    pids[PROCESSES];              // the clients first
    int      started, client_kills, worker_kills;
} driver;

// ---- One process ---------------------------------------------------------------------

static pid_t start(driver *d, const char *mode)
{
    char number[16], seed[32], prefetch[16];
    snprintf(prefetch, sizeof prefetch, "%d", d->o.prefetch);
    snprintf(number, sizeof number, "%d", d->started++);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)random_next(&d->seed));
    char *argv[] = { d->self, (char *)mode, d->folder, d->url, number, seed, prefetch,
        NULL };
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        die("fork", strerror(errno));
    if (pid == 0) {
#ifdef __linux__
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);   // should the driver be killed itself
#endif
        execv(d->self, argv);
        _exit(127);
    }
    return pid;
}

static const char *mode_of(int index)
{
    return index < CLIENTS ? "client" : "worker";
}

// Nobody ends by himself before he is killed.
static void check_alive(driver *d)
{
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        if (!d->pids[i] || waitpid(d->pids[i], &status, WNOHANG) == 0)
            continue;
        fprintf(stderr, "FAULT: a %s ended by itself (wait status 0x%x)\n", mode_of(i),
            (unsigned)status);
        d->pids[i] = 0;
        exit(1);
    }
}

static void kill_one(driver *d, int index)
{
    int status;
    pid_t pid = d->pids[index];
    d->pids[index] = 0;
    if (kill(pid, SIGKILL) != 0)
        die("kill", strerror(errno));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            die("waitpid", strerror(errno));
    if (index < CLIENTS)
        d->client_kills++;
    else
        d->worker_kills++;
}

// Whatever way the driver ends, its processes end with it.
static driver *for_exit;

static void kill_all_at_exit(void)
{
    for (int i = 0; for_exit && i < PROCESSES; i++)
        if (for_exit->pids[i] > 0)
            kill(for_exit->pids[i], SIGKILL);
}

// ---- The run ---------------------------------------------------------------------------

static void storm(driver *d)
{
    int64_t end = now_ms() + d->seconds * 1000;
    for (int i = 0; i < PROCESSES; i++)
        d->pids[i] = start(d, mode_of(i));
    while (now_ms() < end) {
        sleep_ms(50 + (int64_t)(random_next(&d->seed) % 251));
        check_alive(d);
        int index = (int)(random_next(&d->seed) % PROCESSES);
        kill_one(d, index);
        d->pids[index] = start(d, mode_of(index));
    }
    check_alive(d);
    for (int i = 0; i < PROCESSES; i++)
        kill_one(d, i);
}

static bool drain(driver *d)
{
    int status = 0;
    int64_t begun = now_ms();
    pid_t pid = d->pids[0] = start(d, "drain");
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (now_ms() - begun > DRAIN_LIMIT_MS) {
            fprintf(stderr, "FAULT: the last worker has not drained the queues\n");
            return false;
        }
        sleep_ms(20);
    }
    d->pids[0] = 0;
    printf("drained in %.1f s\n", (double)(now_ms() - begun) / 1000);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    fprintf(stderr, "FAULT: the last worker ended with wait status 0x%x\n", (unsigned)status);
    return false;
}

static void remove_folder(const driver *d)
{
    char *argv[] = { (char *)"rm", (char *)"-rf", (char *)d->folder, NULL };
    pid_t pid = fork();
    if (pid == 0) {
        execvp("rm", argv);
        _exit(127);
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
}

static int run_driver(driver *d)
{
    for_exit = d;
    if (atexit(kill_all_at_exit) != 0)
        die("atexit", "no room");
    printf("seed %llu, %lld s, in %s\n", (unsigned long long)d->seed, (long long)d->seconds,
        d->folder);
    storm(d);
    printf("killed %d clients and %d workers\n", d->client_kills, d->worker_kills);

    int faults = drain(d) ? 0 : 1;
    if (faults == 0) {
        d->o.folder = d->folder;
        d->o.url = d->url;
        faults = verify(&d->o, d->worker_kills);
    }
    if (faults)
        printf("%d FAULTS; the files are in %s\n", faults, d->folder);
    else if (!d->keep && d->own_folder)
        remove_folder(d);
    return faults ? 1 : 0;
}

// ---- Command line ------------------------------------------------------------------------

static void parse(driver *d, int argc, char **argv)
{
    static const struct option known[] = {
        { "seconds", required_argument, NULL, 's' }, { "seed", required_argument, NULL, 'r' },
        { "prefetch", required_argument, NULL, 'p' }, { "folder", required_argument, NULL, 'f' },
        { "keep", no_argument, NULL, 'k' },
        { NULL, 0, NULL, 0 },
    };
    const char *folder = NULL;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    d->seconds = 20;
    d->o.prefetch = 1000;                  // as shipped
    d->seed = (uint64_t)now.tv_sec * 1000003 + (uint64_t)now.tv_nsec;
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;)
        switch (c) {
        case 's': d->seconds = strtoll(optarg, NULL, 10); break;
        case 'r': d->seed = strtoull(optarg, NULL, 10); break;
        case 'p': d->o.prefetch = (int)strtol(optarg, NULL, 10); break;
        case 'f': folder = optarg; break;
        case 'k': d->keep = true; break;
        default:
            die("usage",
                "crash_test [--seconds N] [--seed N] [--prefetch N] [--folder PATH] [--keep]");
        }

    // Beside the program and not in /tmp, which may be memory and then tests nothing of a disk.
    if (!realpath("/proc/self/exe", d->self) && !realpath(argv[0], d->self))
        die(argv[0], strerror(errno));
    if (folder)
        snprintf(d->folder, sizeof d->folder, "%s", folder);
    else
        snprintf(d->folder, sizeof d->folder, "%.*s/crash-XXXXXX",
            (int)(strrchr(d->self, '/') - d->self), d->self);
    d->own_folder = !folder;
    if (!folder && !mkdtemp(d->folder))
        die(d->folder, strerror(errno));
    snprintf(d->url, sizeof d->url, "sqlite:%s/tasks.db", d->folder);
}

static int child_main(char **argv, int argc)
{
    if (argc != 7)
        die("usage", "MODE FOLDER URL NUMBER SEED PREFETCH");
    options o = {
        .folder = argv[2],
        .url = argv[3],
        .number = atoi(argv[4]),
        .seed = strtoull(argv[5], NULL, 10),
        .prefetch = atoi(argv[6]),
        .drain = strcmp(argv[1], "drain") == 0,
    };
    return strcmp(argv[1], "client") == 0 ? client_main(&o) : worker_main(&o);
}

int main(int argc, char **argv)
{
    static driver d;
    if (argc > 1 && argv[1][0] != '-')
        return child_main(argv, argc);
    setvbuf(stdout, NULL, _IOLBF, 0);
    parse(&d, argc, argv);
    return run_driver(&d);
}
