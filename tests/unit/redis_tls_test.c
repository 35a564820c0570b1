// redis_tls_test.c - TLS to a redis-server of its own: certificates that are right, and
// each way to be wrong.
#include <pthread.h>

#include "broker/redis/net/tls.h"
#include "redis_open.h"
#include "redis_own.h"
#include "util/openssl.h"

static own_server server;
static char dir[64];                             // certificates
static _Atomic int warnings;

// Runs a line of the shell in the folder of certificates.
static bool shell(const char *line)
{
    char text[1000];
    snprintf(text, sizeof text, "cd '%s' && { %s; } >/dev/null 2>&1", dir, line);
    return system(text) == 0;
}

// ca.pem signs server.pem (127.0.0.1, localhost), other.pem (other.example), client.pem, old.pem
// (server's names, but over since 2020); stranger.pem signs nothing. The folder itself is one of
// CAs, with ca.pem under the name of its hash. lax.cnf lets OpenSSL speak TLS 1.0, which many
// systems' settings forbid.
static bool make_certificates(void)
{
    static const char *const lines[] = {
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "
        "/CN=ca -keyout ca.key -out ca.pem",
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "
        "/CN=x -keyout x.key "
        "-out stranger.pem",
        "printf "
        "'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:*.wild.example,DNS:ser*.part.example' > "
        "server.ext",
        "printf 'subjectAltName=DNS:other.example' > other.ext",
        "printf 'subjectAltName=DNS:client' > client.ext",
        "for n in server other client; do openssl req -newkey ec -pkeyopt "
        "ec_paramgen_curve:prime256v1 -nodes "
        "-subj /CN=$n -keyout $n.key -out $n.csr && openssl x509 -req -in $n.csr -CA ca.pem "
        "-CAkey ca.key -CAcreateserial -days 2 -extfile $n.ext -out $n.pem || exit 1; done",
        "printf "
        "'[ca]\\ndefault_ca=c\\n[c]\\ndatabase=index\\nserial=serial\\nnew_certs_dir=.\\ndefault_"
        "md=sha256\\n"
        "policy=p\\n[p]\\ncommonName=supplied\\n' > ca.cnf && : > index",
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=old "
        "-keyout old.key -out old.csr",
        "openssl ca -batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key -rand_serial "
        "-startdate 20200101000000Z "
        "-enddate 20200201000000Z -extfile server.ext -in old.csr -out old.pem",
        "cp ca.pem $(openssl x509 -noout -hash -in ca.pem).0",
        "printf "
        "'openssl_conf=o\\n[o]\\nssl_conf=s\\n[s]\\nsystem_default=d\\n[d]\\nMinProtocol=TLSv1\\n"
        "CipherString=ALL:@SECLEVEL=0\\n' > lax.cnf",
        "cat client.pem client.key > both.pem",
        "openssl ec -in client.key -aes128 -passout pass:secret -out locked.key",
    };
    for (size_t i = 0; i < COUNT(lines); i++)
        if (!shell(lines[i]))
            return false;
    return true;
}

static bool start_with(const char *certificate, const char *clients, const char *protocols)
{
    char cert[100], key[100], ca[100];
    snprintf(cert, sizeof cert, "%s/%s.pem", dir, certificate);
    snprintf(key, sizeof key, "%s/%s.key", dir, certificate);
    snprintf(ca, sizeof ca, "%s/ca.pem", dir);
    const char *const more[] = { "--tls-cert-file", cert, "--tls-key-file", key,
        "--tls-ca-cert-file", ca, "--tls-auth-clients", clients, "--tls-protocols", protocols,
        "--tls-ciphers", "ALL:@SECLEVEL=0", NULL };
    own_dir(server.dir);
    return own_start(&server, "--tls-port", more);
}

static void start(const char *certificate, const char *clients)
{
    if (!*dir)
        SKIP("no openssl");
    if (!start_with(certificate, clients, "TLSv1.2 TLSv1.3"))
        SKIP("no redis-server with TLS");
}

// "rediss://host:port?query" with %s in the query for the folder.
static gofer_status try_query(const char *scheme, const char *host, const char *query,
    gf_rd_net **net)
{
    char text[600], filled[400];
    snprintf(filled, sizeof filled, query, dir, dir, dir);
    snprintf(text, sizeof text, "%s://%s:%d%s%s", scheme, host, server.port, *filled ? "?" : "",
        filled);
    *net = NULL;
    return open_net(text, LONG_MS, net);
}

static void *call_often(void *arg)
{
    for (int i = 0; i < 50; i++) {
        gf_rd_cmd c = command("ECHO", "x", NULL);
        CHECK_OK(gf_rd_run(arg, &c, 1, LONG_MS));
        CHECK_STR(c.reply ? c.reply->str : NULL, "x");
        gf_rd_cmd_clear(&c);
    }
    return NULL;
}

static void a_trusted_server_is_talked_to(void)
{
    static const char *const hosts[] = { "127.0.0.1", "localhost" };
    enum { SIZE = 3 << 20 };
    start("server", "no");
    gf_rd_net *net = NULL;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        REQUIRE_OK(try_query("rediss", hosts[i], "ca=%s/ca.pem", &net));
        CHECK_OK(run_one(net, command("SET", "k", "v", NULL), LONG_MS));
        gf_rd_net_close(net);
    }
    REQUIRE_OK(try_query("redis", "127.0.0.1", "tls=yes&ca=%s/ca.pem&sni=any.wild.example", &net));
    char *bytes = malloc(SIZE);
    REQUIRE(bytes != NULL);
    memset(bytes, 'y', SIZE);
    gf_rd_cmd c[5];
    for (size_t i = 0; i < COUNT(c); i++) {
        c[i] = command("ECHO", NULL);
        gf_rd_add_bytes(&c[i].args, bytes, SIZE);
    }
    CHECK_OK(gf_rd_run(net, c, COUNT(c), LONG_MS));
    for (size_t i = 0; i < COUNT(c); i++) {
        CHECK(c[i].reply && c[i].reply->len == SIZE && memcmp(c[i].reply->str, bytes, SIZE) == 0);
        gf_rd_cmd_clear(&c[i]);
    }
    free(bytes);
    pthread_t threads[8];
    for (size_t i = 0; i < COUNT(threads); i++)
        REQUIRE(pthread_create(&threads[i], NULL, call_often, net) == 0);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    gf_rd_net_close(net);
    own_stop(&server);
}

static void a_line_reads_all_that_openssl_holds(void)
{
    enum { MANY = 2000 };
    start("server", "no");
    gf_rd_net *net = NULL;
    gf_rd_session *line = NULL;
    REQUIRE_OK(try_query("rediss", "localhost", "ca=%s/ca.pem", &net));
    REQUIRE_OK(gf_rd_session_open(&line, net, GF_RD_ANY_SLOT, LONG_MS));
    gf_rd_cmd c = command("ECHO", "a word that is repeated", NULL);
    for (int i = 0; i < MANY; i++)
        CHECK_OK(gf_rd_session_send(line, &c.args, LONG_MS));
    int came = 0;
    int64_t end = check_now_ms() + LONG_MS;
    while (came < MANY && check_now_ms() < end) {
        redisReply *r = NULL;
        gofer_status st = gf_rd_session_next(line, &r);
        if (st == GOFER_OK) {
            came++;
            gf_rd_reply_free(r);
            continue;
        }
        if (!CHECK_INT(st, GOFER_EEMPTY))
            break;
        struct pollfd p = { .fd = gf_rd_session_fd(line), .events = POLLIN };
        poll(&p, 1, 1000);
    }
    CHECK_INT(came, MANY);
    gf_rd_cmd_clear(&c);
    gf_rd_session_close(line);
    gf_rd_net_close(net);
    own_stop(&server);
}

static void check_refused(const char *scheme, const char *host, const char *query,
    gofer_status want, const char *words)
{
    gf_rd_net *net = NULL;
    int64_t begun = check_now_ms();
    CHECK_STATUS(try_query(scheme, host, query, &net), want);
    CHECK_HAS(gofer_error_last(), words);
    CHECK(check_now_ms() - begun < LONG_MS);           // at once: the deadline is not waited for
    gf_rd_net_close(net);
}

static void who_is_not_trusted_is_refused_at_once(void)
{
    start("server", "no");
    check_refused("rediss", "127.0.0.1", "ca=%s/stranger.pem", GOFER_EBROKER, "ca=FILE");
    check_refused("rediss", "127.0.0.1", "", GOFER_EBROKER, "not trusted");
    check_refused("rediss", "127.0.0.1", "ca=%s/ca.pem&sni=other.example", GOFER_EBROKER,
        "sni=NAME");
    check_refused("rediss", "127.0.0.1", "ca=%s/ca.pem&sni=a.b.wild.example", GOFER_EBROKER,
        "another name");
    check_refused("rediss", "127.0.0.1", "ca=%s/ca.pem&sni=server.part.example", GOFER_EBROKER,
        "another name");
    check_refused("rediss", "127.0.0.1", "ca=%s/none.pem", GOFER_EINVAL, "none.pem");
    check_refused("rediss", "127.0.0.1", "ca=%s/ca.pem&cert=%s/client.pem&key=%s/server.key",
        GOFER_EINVAL, "server.key");
    check_refused("rediss", "127.0.0.1", "ca=%s/ca.pem&cert=%s/client.pem&key=%s/locked.key",
        GOFER_EINVAL, "locked.key");
    own_stop(&server);
    start("other", "no");
    check_refused("rediss", "127.0.0.1", "ca=%s/ca.pem", GOFER_EBROKER, "another name");
    check_refused("rediss", "localhost", "ca=%s/ca.pem", GOFER_EBROKER, "another name");
    gf_rd_net *net = NULL;
    CHECK_OK(try_query("rediss", "localhost", "ca=%s/ca.pem&sni=other.example", &net));
    gf_rd_net_close(net);
    own_stop(&server);
}

static void a_certificate_that_is_over_is_refused(void)
{
    start("old", "no");
    check_refused("rediss", "127.0.0.1", "ca=%s/ca.pem", GOFER_EBROKER, "renew the certificate");
    gf_rd_net *net = NULL;
    // nothing else is wrong with it
    CHECK_OK(try_query("rediss", "127.0.0.1", "tls-verify=none", &net));
    gf_rd_net_close(net);
    own_stop(&server);
}

static void a_server_with_old_protocols_only_is_refused(void)
{
    static const struct { const char *protocols; bool good; } cases[] = {
        { "TLSv1", false }, { "TLSv1.1", false }, { "TLSv1 TLSv1.1", false },
        { "TLSv1.1 TLSv1.2", true },
    };
    if (!*dir)
        SKIP("no openssl");
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (!start_with("server", "no", cases[i].protocols))
            SKIP("no redis-server with old TLS");
        gf_rd_net *net = NULL;
        if (cases[i].good)
            CHECK_OK(try_query("rediss", "127.0.0.1", "ca=%s/ca.pem", &net));
        else
            check_refused("rediss", "127.0.0.1", "ca=%s/ca.pem", GOFER_EBROKER, "protocol");
        gf_rd_net_close(net);
        own_stop(&server);
    }
}

// OpenSSL's own server, TLS 1.2 only: it obeys its standard input ("r": renegotiate), and its
// output has what the client sends.
typedef struct talker {
    pid_t pid;
    int   port, in, out;
} talker;

static bool talker_start(talker *t)
{
    char accept[32], cert[100], key[100];
    t->port = own_free_port();
    snprintf(accept, sizeof accept, "127.0.0.1:%d", t->port);
    snprintf(cert, sizeof cert, "%s/server.pem", dir);
    snprintf(key, sizeof key, "%s/server.key", dir);
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        return false;
    t->pid = fork();
    if (t->pid == 0) {
#ifdef __linux__
        prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(out[1], 2);
        execlp("openssl", "openssl", "s_server", "-tls1_2", "-accept", accept, "-cert", cert,
            "-key", key, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    t->in = in[1];
    t->out = out[0];
    return t->pid > 0 && fcntl(t->out, F_SETFL, O_NONBLOCK) == 0;
}

static void talker_stop(talker *t)
{
    kill(t->pid, SIGKILL);
    waitpid(t->pid, NULL, 0);
    close(t->in);
    close(t->out);
}

// Connected and not blocking, or -1.
static int talker_reach(const talker *t)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    a.sin_port = htons((uint16_t)t->port);
    for (int64_t end = check_now_ms() + LONG_MS; check_now_ms() < end; usleep(10000)) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
            fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
            return fd;
        close(fd);
    }
    return -1;
}

// What it said until now has this word.
static bool talker_said(const talker *t, const char *word)
{
    static char said[20000];
    static size_t length;
    ssize_t got = read(t->out, said + length, sizeof said - 1 - length);
    length += got > 0 ? (size_t)got : 0;
    said[length] = '\0';
    return strstr(said, word) != NULL;
}

// Says a word after the server's request has come. The server reads what we answer to that first:
// either it gives up, or the word is told by it.
static gf_rd_io answer(gf_rd_tls *tls, int fd, const talker *t, char *why, size_t capacity)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    CHECK_INT(poll(&p, 1, LONG_MS), 1);
    size_t size = 0;
    char bytes[100];
    bool sent = false;
    gf_rd_io io = gf_rd_tls_receive(tls, bytes, sizeof bytes, &size, why, capacity);
    for (int64_t end = check_now_ms() + LONG_MS; io == GF_RD_IO_AGAIN && check_now_ms() < end; ) {
        if (!sent)
            sent = gf_rd_tls_send(tls, "the same key\n", 13, &size, why, capacity) == GF_RD_IO_DONE;
        if (talker_said(t, "the same key"))
            return GF_RD_IO_DONE;
        poll(&p, 1, 20);
        io = gf_rd_tls_receive(tls, bytes, sizeof bytes, &size, why, capacity);
    }
    return io;
}

// Renegotiation lets a server change who it is in the midst of a connection, and costs a client
// as much as it likes.
static void a_server_that_renegotiates_is_left(void)
{
    talker t = { 0 };
    char text[200], why[200] = "";
    bool again;
    gf_url url;
    gf_rd_options o;
    gf_openssl lib;
    gf_rd_tls_setup *setup = NULL;
    gf_rd_tls *tls = NULL;
    if (!*dir)
        SKIP("no openssl");
    REQUIRE(talker_start(&t));
    snprintf(text, sizeof text, "rediss://127.0.0.1:%d?ca=%s/ca.pem", t.port, dir);
    REQUIRE_OK(gf_url_parse(&url, text));
    REQUIRE_OK(gf_rd_options_parse(&o, &url));
    REQUIRE_OK(gf_openssl_load(&lib, "TLS", why, sizeof why));
    REQUIRE_OK(gf_rd_tls_setup_open(&setup, &lib, &o, &(gf_log){ 0 }));
    int fd = talker_reach(&t);
    REQUIRE(fd >= 0);
    const gf_rd_tls_peer peer = { fd, "127.0.0.1", "the server" };
    REQUIRE_OK(gf_rd_tls_open(&tls, setup, &peer, check_now_ms() + LONG_MS, &again));
    REQUIRE(write(t.in, "r\n", 2) == 2);
    CHECK_INT(answer(tls, fd, &t, why, sizeof why), GF_RD_IO_BROKEN);
    CHECK_HAS(why, "TLS");
    gf_rd_tls_close(tls);
    close(fd);
    gf_rd_tls_setup_close(setup);
    gf_rd_options_clear(&o);
    gf_url_clear(&url);
    talker_stop(&t);
}

static void a_folder_of_cas_is_looked_through(void)
{
    start("server", "no");
    gf_rd_net *net = NULL;
    CHECK_OK(try_query("rediss", "127.0.0.1", "ca-dir=%s", &net));
    gf_rd_net_close(net);
    CHECK_OK(try_query("rediss", "127.0.0.1", "ca=%s/stranger.pem&ca-dir=%s", &net));
    gf_rd_net_close(net);
    char query[100];
    snprintf(query, sizeof query, "ca-dir=%s", server.dir);                       // no CA is there
    check_refused("rediss", "127.0.0.1", query, GOFER_EBROKER, "not trusted");
    own_stop(&server);
}

// Who names a CA of his own trusts no other: neither what the system trusts.
static void the_systems_cas_count_only_when_none_is_named(void)
{
    char file[100], query[100];
    start("server", "no");
    snprintf(file, sizeof file, "%s/ca.pem", dir);
    snprintf(query, sizeof query, "ca-dir=%s", server.dir);
    REQUIRE(setenv("SSL_CERT_FILE", file, 1) == 0 && setenv("SSL_CERT_DIR", dir, 1) == 0);
    gf_rd_net *net = NULL;
    CHECK_OK(try_query("rediss", "127.0.0.1", "", &net));
    gf_rd_net_close(net);
    check_refused("rediss", "127.0.0.1", "ca=%s/stranger.pem", GOFER_EBROKER, "not trusted");
    check_refused("rediss", "127.0.0.1", query, GOFER_EBROKER, "not trusted");
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
    own_stop(&server);
}

static void warn(void *user, int32_t level, int64_t time_ms, const char *text, const char *fields)
{
    (void)user, (void)time_ms, (void)fields;
    atomic_fetch_add(&warnings, level == GOFER_LOG_WARN && strstr(text, "tls-verify=none"));
}

static void blind_trust_is_warned_of(void)
{
    start("other", "no");
    char text[128];
    gf_url url;
    gf_rd_options o;
    gf_rd_net *net = NULL;
    snprintf(text, sizeof text, "rediss://127.0.0.1:%d?tls-verify=none", server.port);
    REQUIRE_OK(gf_url_parse(&url, text));
    CHECK_OK(gf_rd_options_parse(&o, &url));
    CHECK_OK(gf_rd_net_open(&net, &o, (gf_log){ warn, NULL }, LONG_MS));
    CHECK_INT(atomic_load(&warnings), 1);
    gf_url_clear(&url);
    gf_rd_net_close(net);
    own_stop(&server);
}

static void clients_show_their_certificate(void)
{
    start("server", "yes");
    gf_rd_net *net = NULL;
    CHECK_OK(try_query("rediss", "127.0.0.1", "ca=%s/ca.pem&cert=%s/client.pem&key=%s/client.key",
        &net));
    gf_rd_net_close(net);
    CHECK_OK(try_query("rediss", "127.0.0.1", "ca=%s/ca.pem&cert=%s/both.pem", &net));
    gf_rd_net_close(net);
    check_refused("rediss", "127.0.0.1", "ca=%s/ca.pem", GOFER_EDENIED, "cert=FILE");
    CHECK(shell("cp stranger.pem s.pem && cp x.key s.key"));
    check_refused("rediss", "127.0.0.1", "ca=%s/ca.pem&cert=%s/s.pem&key=%s/s.key", GOFER_EDENIED,
        "refuses our certificate");
    own_stop(&server);
}

static void plain_and_tls_do_not_mix_silently(void)
{
    start("server", "no");
    gf_rd_net *net = NULL;
    char text[128];
    snprintf(text, sizeof text, "redis://127.0.0.1:%d", server.port);
    CHECK_STATUS(open_net(text, 2000, &net), GOFER_EBROKER);
    CHECK_HAS(gofer_error_last(), "127.0.0.1");
    CHECK_HAS(gofer_error_last(), "TLS");
    own_stop(&server);
    own_dir(server.dir);
    REQUIRE(own_start(&server, "--port", NULL));
    // With a CA of ours: reading the system's may take longer than is given here. A
    // plain server is silent.
    snprintf(text, sizeof text, "rediss://127.0.0.1:%d?ca=%s/ca.pem", server.port, dir);
    CHECK_STATUS(open_net(text, 2000, &net), GOFER_EBROKER);
    CHECK_HAS(gofer_error_last(), "TLS");
    own_stop(&server);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_trusted_server_is_talked_to), TEST(a_line_reads_all_that_openssl_holds),
        TEST(who_is_not_trusted_is_refused_at_once), TEST(a_certificate_that_is_over_is_refused),
        TEST(a_server_with_old_protocols_only_is_refused), TEST(a_server_that_renegotiates_is_left),
        TEST(a_folder_of_cas_is_looked_through),
        TEST(the_systems_cas_count_only_when_none_is_named), TEST(blind_trust_is_warned_of),
        TEST(clients_show_their_certificate), TEST(plain_and_tls_do_not_mix_silently),
    };
    own_dir(dir);
    bool made = make_certificates();
    char lax[80];
    snprintf(lax, sizeof lax, "%s/lax.cnf", dir);
    if (setenv("OPENSSL_CONF", lax, 1) != 0)       // before the library has read the system's
        return 1;
    char kept[64];
    strcpy(kept, dir);
    if (!made)
        *dir = '\0';
    int status = check_main(argc, argv, tests, COUNT(tests));
    own_stop(&server);
    own_remove(kept);
    return status;
}
