// interrupt.c - Ctrl-C while it is measured: the phase ends, the queue is removed, then the process
// dies of the signal as its caller expects.
//
// A second signal does not wait for that: then the crew's process removes the queue.
#include <signal.h>
#include <stddef.h>

#include "bench.h"

// A handler can reach nothing but globals: set once.
static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    if (interrupted) {
        (void)signal(number, SIG_DFL);
        (void)raise(number);
    }
    interrupted = number;
}

void bench_catch_signals(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action = { .sa_handler = on_signal };
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        (void)sigaction(numbers[i], &action, NULL);     // these numbers cannot fail
}

int bench_interrupted(void)
{
    return interrupted;
}

void bench_die_of(int number)
{
    (void)fflush(stdout);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}
