// idle.c - a worker that has nothing to do: how fast it wakes, and what it costs meanwhile.
//
// The CPU time is the kernel's run time in nanoseconds (schedstat): the ticks of stat are 10 ms,
// too coarse to tell little from nothing.
#include "bench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

// ---- The worker that is measured -----------------------------------------------------------

// The payload is the time just before enqueue was called.
static int32_t tell_latency(gofer_task *task, void *user)
{
    int64_t now = now_ns(), sent;
    const int *fd = user;
    size_t size;
    const void *payload = gofer_task_payload(task, &size);
    if (size != sizeof sent)
        return gofer_task_fail(task, "not a time");
    memcpy(&sent, payload, sizeof sent);
    int64_t latency = now - sent;
    if (write(*fd, &latency, sizeof latency) != (ssize_t)sizeof latency)
        return gofer_task_fail(task, "nobody listens");
    return GOFER_DONE;
}

int serve_main(int argc, char **argv)
{
    if (argc != 2)
        die("usage", "bench serve URL FD");
    int fd = (int)number(argv[1]);
    gofer_client *client = open_client(argv[0]);
    gofer_worker *worker = worker_of(client);
    check_worker(gofer_worker_handle(worker, "*", tell_latency, &fd, NULL));
    check_worker(gofer_worker_run(worker));
    gofer_worker_free(worker);
    gofer_client_close(client);
    return 0;
}

pid_t start_program(char *const *argv)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        die("fork", strerror(errno));
    if (pid == 0) {
#ifdef __linux__
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);   // should we die first
#endif
        execvp(argv[0], argv);
        fprintf(stderr, "bench: %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    return pid;
}

void end_program(pid_t pid, int number_of_signal)
{
    int status;
    (void)kill(pid, number_of_signal);     // it may have ended
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
}

// ---- Latency -----------------------------------------------------------------------------------

// From before the call of enqueue to the start of the handler; *call receives the call alone.
static int64_t one_round(gofer_client *client, int fd, int64_t *call)
{
    int64_t latency, sent = now_ns();
    if (gofer_client_enqueue(client, "ping", &sent, sizeof sent, NULL, NULL) != GOFER_OK)
        die("enqueue", gofer_error_last());
    *call = now_ns() - sent;
    if (read(fd, &latency, sizeof latency) != (ssize_t)sizeof latency)
        die("latency", "the worker has gone");
    return latency;
}

int latency_main(int argc, char **argv)
{
    if (argc != 3)
        die("usage", "bench latency URL ROUNDS NAME");
    size_t rounds = (size_t)number(argv[1]);
    int64_t *all = calloc(rounds, sizeof *all), *calls = calloc(rounds, sizeof *calls), unused;
    int ends[2];
    char fd[16], self[] = "/proc/self/exe";
    if (!all || !calls || pipe(ends) != 0 || fcntl(ends[0], F_SETFD, FD_CLOEXEC) != 0)
        die("pipe", strerror(errno));
    snprintf(fd, sizeof fd, "%d", ends[1]);
    char *serve[] = { self, (char *)"serve", argv[0], fd, NULL };
    pid_t pid = start_program(serve);
    close(ends[1]);

    gofer_client *client = open_client(argv[0]);
    for (int i = 0; i < 10; i++)           // the first finds it starting
        one_round(client, ends[0], &unused);
    for (size_t i = 0; i < rounds; i++) {
        sleep_ms(5 + (int64_t)(i % 11));   // idle again
        all[i] = one_round(client, ends[0], &calls[i]);
    }
    gofer_client_close(client);
    end_program(pid, SIGKILL);
    close(ends[0]);

    print_times(argv[2], all, rounds);
    qsort(calls, rounds, sizeof *calls, by_size);
    printf("%s_call_p50_us %.1f\n", argv[2], (double)calls[rounds / 2] / 1e3);
    free(all);
    free(calls);
    return 0;
}

// ---- Idle cost ----------------------------------------------------------------------------------

// CPU time of all threads, in ns.
static int64_t run_time(pid_t pid)
{
    char path[128];
    int64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%ld/task", (long)pid);
    DIR *dir = opendir(path);
    if (!dir)
        die(path, strerror(errno));
    for (struct dirent *d; (d = readdir(dir));) {
        long long ns = 0;
        snprintf(path, sizeof path, "/proc/%ld/task/%.20s/schedstat", (long)pid, d->d_name);
        FILE *file = d->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (!file)
            continue;
        if (fscanf(file, "%lld", &ns) == 1)
            sum += ns;
        fclose(file);
    }
    closedir(dir);
    return sum;
}

static long status_kib(pid_t pid, const char *field)
{
    char path[64], line[256];
    long kib = -1;
    snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        die(path, strerror(errno));
    while (fgets(line, sizeof line, file))
        if (strncmp(line, field, strlen(field)) == 0)
            kib = strtol(line + strlen(field) + 1, NULL, 10);
    fclose(file);
    return kib;
}

int idle_main(int argc, char **argv)
{
    if (argc < 3)
        die("usage", "bench idle SECONDS NAME COMMAND ...");
    int64_t seconds = number(argv[0]);
    pid_t pid = start_program(argv + 2);
    sleep_ms(2000);                        // its start is not idleness
    int64_t begun = now_ns(), before = run_time(pid);
    sleep_ms(seconds * 1000);
    int64_t used = run_time(pid) - before, took = now_ns() - begun;
    long rss = status_kib(pid, "VmRSS"), own = status_kib(pid, "RssAnon");
    end_program(pid, SIGTERM);
    printf("%s_cpu_percent %.4f\n", argv[1], 100.0 * (double)used / (double)took);
    printf("%s_rss_kib %ld\n%s_rss_anon_kib %ld\n", argv[1], rss, argv[1], own);
    return 0;
}
