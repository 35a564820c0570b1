// redis_own.h - a redis-server of the test's own ($GOFER_REDIS_SERVER, or the one in PATH): on a
// free loopback port, in a folder of its own, ended by its pid.
#ifndef TESTS_UNIT_REDIS_OWN_H
#define TESTS_UNIT_REDIS_OWN_H

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "check.h"

typedef struct own_server {
    pid_t pid;
    int   port;
    char  dir[64];
} own_server;

__attribute__((unused)) static void own_dir(char dir[64])
{
    strcpy(dir, "/tmp/gofer-own-XXXXXX");
    if (!mkdtemp(dir))
        abort();
}

__attribute__((unused)) static void own_remove(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    char path[400];
    while (d && (e = readdir(d))) {
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.')
            unlink(path);
    }
    if (d)
        closedir(d);
    rmdir(dir);
}

__attribute__((unused)) static int own_free_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &size) != 0)
        abort();
    close(fd);
    return ntohs(a.sin_port);
}

// It is ready when its Unix socket takes connections.
__attribute__((unused)) static bool own_is_ready(const own_server *s)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    snprintf(a.sun_path, sizeof a.sun_path, "%s/redis.sock", s->dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ready = fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    if (fd >= 0)
        close(fd);
    return ready;
}

// port_option: "--port", or "--tls-port" (then no plain port). more: further
// options, NULL at the end.
__attribute__((unused)) static bool own_spawn(own_server *s, const char *port_option,
    const char *const *more)
{
    char port[16], path[100];
    const char *program = getenv("GOFER_REDIS_SERVER");
    const char *argv[40] = { program && *program ? program : "redis-server", "--bind", "127.0.0.1",
        "--save", "", "--dir", s->dir, "--unixsocket", path, "--port", "0", port_option, port };
    size_t count = 13;
    while (more && *more && count < COUNT(argv) - 1)
        argv[count++] = *more++;
    s->port = own_free_port();
    snprintf(port, sizeof port, "%d", s->port);
    snprintf(path, sizeof path, "%s/redis.sock", s->dir);
    pid_t parent = getpid();
    s->pid = fork();
    if (s->pid == 0) {
#ifdef __linux__
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
#endif
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    int64_t end = check_now_ms() + 60000;
    while (s->pid > 0 && check_now_ms() < end) {
        int status;
        if (own_is_ready(s))
            return true;
        if (waitpid(s->pid, &status, WNOHANG) == s->pid)
            s->pid = 0;                            // the port was taken meanwhile, or there is
                                                   //   no redis-server
        usleep(10000);
    }
    return false;
}

__attribute__((unused)) static void own_stop(own_server *s)
{
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    s->pid = 0;
    own_remove(s->dir);
}

__attribute__((unused)) static bool own_start(own_server *s, const char *port_option,
    const char *const *more)
{
    for (int i = 0; i < 5; i++)
        if (own_spawn(s, port_option, more))
            return true;
    own_stop(s);
    return false;
}

#endif
