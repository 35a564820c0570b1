// killed.h - what tests share in which processes of one store kill themselves at steps chosen by
// chance: the dying, the race in which each dead one is replaced, the store and the options.
//
// The steps are numbers from 0 on; the last one is "at any moment", which the race sees to.
#ifndef TESTS_CRASH_KILLED_H
#define TESTS_CRASH_KILLED_H

#include <ftw.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gofer/gofer.h"
#include "util/clock.h"
#include "util/thread.h"

enum { KILLED_PROCESSES = 3, KILLED_STEPS_MAX = 8 };

typedef struct killed_race {
    const char *url;
    int         kills;
    int         steps;                     // at most KILLED_STEPS_MAX
    int         any_ms;                    // one that is to die at any moment has so long at most
    void      (*serve)(const char *url);   // in each process, until it dies
    int       (*calls)(int step);          // so often a process passes its step alive
    void      (*meanwhile)(void);          // again and again; NULL: nothing
} killed_race;

static struct {
    const char  *program;
    _Atomic int *died_at;                  // shared memory: how many died at each step
    int          step, calls;              // of this process
    char         folder[32], url[64];      // of a store that is made for the test
} killed = { .step = -1 };

static void killed_fail(const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", killed.program, what, gofer_error_last());
    exit(1);
}

static void *killed_share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        killed_fail("mmap");
    return memory;
}

// "PROGRAM URL [--kills N] [--seed N]"; URL "sqlite" is a file of its own. Gives the URL.
static const char *killed_begin(const char *program, int argc, char **argv, int *kills)
{
    int seed = 1;
    killed.program = program;
    if (argc < 2) {
        fprintf(stderr, "usage: %s URL [--kills N] [--seed N]\n", program);
        exit(2);
    }
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--kills") == 0)
            *kills = atoi(argv[i + 1]);
        if (strcmp(argv[i], "--seed") == 0)
            seed = atoi(argv[i + 1]);
    }
    srand((unsigned)seed);
    killed.died_at = killed_share(KILLED_STEPS_MAX * sizeof *killed.died_at);
    if (strcmp(argv[1], "sqlite") != 0)
        return argv[1];
    strcpy(killed.folder, "/tmp/gofer-killed-XXXXXX");
    if (!mkdtemp(killed.folder))
        killed_fail("mkdtemp");
    snprintf(killed.url, sizeof killed.url, "sqlite:%s/tasks.db", killed.folder);
    return killed.url;
}

static int killed_remove(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info, (void)kind, (void)place;
    return remove(path);
}

static void killed_end(void)
{
    if (*killed.folder && nftw(killed.folder, killed_remove, 8, FTW_DEPTH | FTW_PHYS) != 0)
        killed_fail("removing the folder");
}

// A process whose step this is dies here.
static void killed_may_die(int step)
{
    if (step != killed.step || killed.calls-- > 0)
        return;
    atomic_fetch_add(&killed.died_at[step], 1);
    raise(SIGKILL);
}

static pid_t killed_start(const killed_race *race, int step)
{
    int calls = race->calls(step), seed = rand();
    pid_t pid = fork();
    if (pid == 0) {
        srand((unsigned)seed);
        killed.step = step;
        killed.calls = calls;
        race->serve(race->url);
        _exit(1);                          // it was to die
    }
    if (pid < 0)
        killed_fail("fork");
    return pid;
}

// One has ended, which only the signal may have done. 0: none has.
static pid_t killed_reap(void)
{
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid > 0 && (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)) {
        fprintf(stderr, "%s: a process ended by itself, status %d\n", killed.program, status);
        exit(1);
    }
    return pid > 0 ? pid : 0;
}

static void killed_run(const killed_race *race)
{
    pid_t running[KILLED_PROCESSES] = { 0 };
    int64_t until_ms[KILLED_PROCESSES];
    int any = race->steps - 1;
    for (int died = 0; died < race->kills;) {
        for (int i = 0; i < KILLED_PROCESSES; i++) {
            if (!running[i]) {
                int step = rand() % race->steps;
                running[i] = killed_start(race, step);
                // Nor is one asked for ever that does not come to its step.
                until_ms[i] = gf_mono_ms() + (step == any ? 1 + rand() % race->any_ms : 500);
            } else if (gf_mono_ms() >= until_ms[i]) {
                kill(running[i], SIGKILL);
                atomic_fetch_add(&killed.died_at[any], 1);
                until_ms[i] = INT64_MAX;
            }
        }
        if (race->meanwhile)
            race->meanwhile();
        pid_t pid = killed_reap();
        if (!pid)
            gf_sleep_us(500);
        for (int i = 0; i < KILLED_PROCESSES; i++)
            if (pid && running[i] == pid) {
                running[i] = 0;
                died++;
            }
    }
    for (int i = 0; i < KILLED_PROCESSES; i++)
        if (running[i]) {
            kill(running[i], SIGKILL);
            waitpid(running[i], NULL, 0);
        }
    printf("kills by step:");
    for (int i = 0; i < race->steps; i++)
        printf(" %d", atomic_load(&killed.died_at[i]));
    printf("\n");
}

// One more goes on to the end, and does not die.
static void killed_last(void (*serve)(const char *url), const char *url)
{
    int status = 1;
    pid_t pid = fork();
    if (pid == 0) {
        serve(url);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        killed_fail("the last process");
}

#endif
