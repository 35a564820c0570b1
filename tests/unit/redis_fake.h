// redis_fake.h - a server for tests that says whatever the test wants, on a free loopback port.
//
// Each connection has a thread that reads commands, signs clients on, and asks the test's function
// what to say to all others. Its texts are sent as they are; the markers below are acts.
#ifndef TESTS_UNIT_REDIS_FAKE_H
#define TESTS_UNIT_REDIS_FAKE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

#define FAKE_SILENT ((const char *)1)          // no answer
#define FAKE_CLOSE  ((const char *)2)          // close the connection
#define FAKE_HELLO  "*4\r\n$7\r\nversion\r\n$5\r\n7.0.1\r\n$4\r\nmode\r\n"

typedef struct fake fake;
typedef struct fake_command {
    int  connection;                           // 0: the first that was made
    int  number;                               // of this command, sign-on not counted;
                                               //   from 0 over all
    int  count;                                // words
    char words[8][256];                        // the first of them, cut
    char script[2048];                         // the second of them, of which more is kept
} fake_command;
typedef const char *(*fake_answer)(fake *f, const fake_command *c);

struct fake {
    int             fd, port;
    bool            dribbles;                  // a byte at a time
    bool            is_cluster;                // by its own word
    fake_answer     answer;
    pthread_t       thread, threads[64];
    int             sockets[64];
    _Atomic int     connections, commands, open;
    _Atomic bool    over;
    char            url[64];
    const char     *pong;                      // the answer to PING; NULL: "+PONG"
    const char     *text;                      // for the test's function
    _Atomic int     calls;                     // the same
};

typedef struct fake_connection { fake *f; int number; } fake_connection;

__attribute__((unused)) static bool fake_read(int fd, char *out, size_t size)
{
    while (size > 0) {
        ssize_t n = recv(fd, out, size, 0);
        if (n <= 0)
            return false;
        out += n;
        size -= (size_t)n;
    }
    return true;
}

// "*3\r\n" or "$5\r\n": the number, or -1.
__attribute__((unused)) static long fake_header(int fd, char kind)
{
    char line[32];
    size_t n = 0;
    do
        if (n == sizeof line || !fake_read(fd, line + n, 1))
            return -1;
    while (line[n++] != '\n');
    return line[0] == kind ? atol(line + 1) : -1;
}

__attribute__((unused)) static bool fake_read_command(int fd, fake_command *c)
{
    long count = fake_header(fd, '*');
    memset(c->words, 0, sizeof c->words);
    memset(c->script, 0, sizeof c->script);
    c->count = (int)count;
    for (long i = 0; i < count; i++) {
        long size = fake_header(fd, '$');
        char part[4096];
        if (size < 0)
            return false;
        for (long at = 0; at < size;) {
            size_t some = (size_t)(size - at) < sizeof part ? (size_t)(size - at) : sizeof part;
            if (!fake_read(fd, part, some))
                return false;
            for (size_t k = 0; k < some; k++, at++) {
                if (i < 8 && at < 255)
                    c->words[i][at] = part[k];
                if (i == 1 && (size_t)at + 1 < sizeof c->script)
                    c->script[at] = part[k];
            }
        }
        if (!fake_read(fd, part, 2))
            return false;
    }
    return count > 0;
}

__attribute__((unused)) static void fake_say(const fake *f, int fd, const char *text)
{
    size_t size = strlen(text), step = f->dribbles ? 1 : size;
    for (size_t at = 0; at < size; at += step)
        if (send(fd, text + at, step, MSG_NOSIGNAL) <= 0)
            return;
}

__attribute__((unused)) static void *fake_serve(void *arg)
{
    fake_connection *mine = arg;
    fake *f = mine->f;
    fake_command c = { .connection = mine->number };
    int fd = f->sockets[mine->number];
    while (fake_read_command(fd, &c)) {
        const char *text = NULL;
        if (strcmp(c.words[0], "HELLO") == 0)
            text = f->is_cluster ? FAKE_HELLO "$7\r\ncluster\r\n"
                                 : FAKE_HELLO "$10\r\nstandalone\r\n";
        else if (strcmp(c.words[0], "CLIENT") == 0)
            text = "+OK\r\n";
        else if (strcmp(c.words[0], "PING") == 0)
            text = f->pong ? f->pong : "+PONG\r\n";
        else {
            c.number = atomic_fetch_add(&f->commands, 1);
            text = f->answer(f, &c);
        }
        if (text == FAKE_CLOSE)
            break;
        if (text != FAKE_SILENT)
            fake_say(f, fd, text);
    }
    shutdown(fd, SHUT_RDWR);                   // closed by fake_stop: the number must not
                                               //   be used again before
    atomic_fetch_sub(&f->open, 1);
    free(mine);
    return NULL;
}

__attribute__((unused)) static void *fake_listen(void *arg)
{
    fake *f = arg;
    for (;;) {
        int fd = accept(f->fd, NULL, NULL), number = atomic_load(&f->connections), one = 1;
        if (fd < 0 || atomic_load(&f->over) || number >= (int)COUNT(f->threads)) {
            if (fd >= 0)
                close(fd);
            return NULL;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fake_connection *mine = malloc(sizeof *mine);
        if (!mine)
            abort();
        *mine = (fake_connection){ f, number };
        f->sockets[number] = fd;
        atomic_fetch_add(&f->open, 1);
        atomic_store(&f->connections, number + 1);             // before it says a word
        if (pthread_create(&f->threads[number], NULL, fake_serve, mine) != 0)
            abort();
    }
}

__attribute__((unused)) static bool fake_start(fake *f, fake_answer answer)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    *f = (fake){ .answer = answer, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    if (f->fd < 0 || bind(f->fd, (struct sockaddr *)&address, size) != 0 ||
        listen(f->fd, 64) != 0 || getsockname(f->fd, (struct sockaddr *)&address, &size) != 0)
        return false;
    f->port = ntohs(address.sin_port);
    snprintf(f->url, sizeof f->url, "redis://127.0.0.1:%d", f->port);
    return pthread_create(&f->thread, NULL, fake_listen, f) == 0;
}

__attribute__((unused)) static void fake_stop(fake *f)
{
    atomic_store(&f->over, true);
    shutdown(f->fd, SHUT_RDWR);                // ends accept
    pthread_join(f->thread, NULL);
    for (int i = 0; i < atomic_load(&f->connections); i++) {
        shutdown(f->sockets[i], SHUT_RDWR);
        pthread_join(f->threads[i], NULL);
        close(f->sockets[i]);
    }
    close(f->fd);
}

// Until a condition holds, or a generous time is over.
#define WAIT_FOR(condition) \
    do { \
        int64_t end_ = check_now_ms() + 60000; \
        while (!(condition) && check_now_ms() < end_) \
            usleep(1000); \
        CHECK(condition); \
    } while (0)

#endif
