// cmd_web.c - `gofer web` and `gofer web token`: the server, and who may use it.
//
// Signals are blocked in every thread and waited for in this one: nothing of the server's runs in a
// handler.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "access.h"
#include "cli.h"
#include "json.h"
#include "logger.h"
#include "passwords.h"
#include "renewal.h"
#include "secret.h"
#include "web.h"
#ifdef GOFER_HAVE_OTLP
#include "otlp/command_otlp.h"
#endif

enum { WHY_MAX = 512, PATH_ROOM = 4096, STORE_MS = 2000, SPANS_MS = 5000, LOOK_S = 1 };

typedef struct web_args {
    cli_list    listen, hosts, proxies, roles, masks;
    const char *auth_header, *role_header;
    const char *tokens, *anonymous, *base, *web_root, *compat, *tls_cert, *tls_key;
    const char *otlp;
    int         read_only, behind_proxy, asynqmon;
} web_args;

static const cli_option options[] = {
    { "listen", 0, CLI_LIST, offsetof(web_args, listen), "ADDRESS",
      "HOST:PORT or unix:PATH (default: 127.0.0.1:8989); port 0 takes a free one; may be "
      "repeated", 0, 0 },
    { "host", 0, CLI_LIST, offsetof(web_args, hosts), "NAME",
      "a name that people reach this server by, besides localhost; may be repeated", 0, 0 },
    { "tokens", 0, CLI_TEXT, offsetof(web_args, tokens), "FILE",
      "the file of tokens (default: gofer/web-tokens in the folder for configuration)", 0, 0 },
    { "anonymous", 0, CLI_TEXT, offsetof(web_args, anonymous), "ROLE",
      "what visitors without a token may do (default: see,payload as long as there are no tokens, "
      "then none)", 0, 0 },
    { "read-only", 0, CLI_FLAG, offsetof(web_args, read_only), NULL,
      "nobody changes anything, whatever his token", 0, 0 },
    { "mask", 0, CLI_LIST, offsetof(web_args, masks), "TYPE.FIELD",
      "show *** in place of this field of payloads, results and headers: 'user:*.password'; * is "
      "any characters; may be repeated", 0, 0 },
    { "base", 0, CLI_TEXT, offsetof(web_args, base), "PATH",
      "the path that a proxy has this server at, such as /gofer", 0, 0 },
    { "web-root", 0, CLI_TEXT, offsetof(web_args, web_root), "DIR",
      "serve the page's files from a folder, as they are at the moment, for who works on them", 0,
      0 },
    { "metrics-compat", 0, CLI_CHOICE, offsetof(web_args, compat), "asynq",
      "/metrics has the names of Asynq's exporter, too", 0, 0 },
    { "asynqmon", 0, CLI_FLAG, offsetof(web_args, asynqmon), NULL,
      "also answer the routes of asynqmon, below /asynqmon/api/, for its page", 0, 0 },
    { "tls-cert", 0, CLI_TEXT, offsetof(web_args, tls_cert), "FILE",
      "speak TLS: the certificate in PEM, those it is signed by behind it; read again when it "
      "changes", 0, 0 },
    { "tls-key", 0, CLI_TEXT, offsetof(web_args, tls_key), "FILE",
      "its key in PEM, without a password", 0, 0 },
    { "behind-proxy", 0, CLI_FLAG, offsetof(web_args, behind_proxy), NULL,
      "a proxy with TLS stands in front: addresses other than loopback are allowed", 0, 0 },
    { "trusted-proxy", 0, CLI_LIST, offsetof(web_args, proxies), "ADDRESS",
      "the IP address of such a proxy: many people come from it; may be repeated", 0, 0 },
    { "auth-header", 0, CLI_TEXT, offsetof(web_args, auth_header), "NAME",
      "the header in which a trusted proxy, or who comes by a Unix socket, names who has logged in "
      "there", 0, 0 },
    { "role-header", 0, CLI_TEXT, offsetof(web_args, role_header), "NAME",
      "the header in which it names his groups, commas between them", 0, 0 },
    { "role-map", 0, CLI_LIST, offsetof(web_args, roles), "GROUP=ROLE[:QUEUES]",
      "what a group may do (without --role-header: a user; * is everybody), and in which queues; "
      "may be repeated", 0, 0 },
#ifdef GOFER_HAVE_OTLP
    { "otlp", 0, CLI_TEXT, offsetof(web_args, otlp), "URL|env",
      "send spans of tasks that are put in over HTTP to the OpenTelemetry collector at this URL, "
      "such as http://127.0.0.1:4318, or with 'env' at that of $OTEL_EXPORTER_OTLP_ENDPOINT", 0,
      0 },
#endif
    CLI_OPTIONS_END
};

// ---- the file of tokens

// $XDG_CONFIG_HOME/gofer/web-tokens, or that in ~/.config; NULL: there is no home.
static const char *usual_path(cli *c)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int given = config && *config == '/';
    if (!given && (!home || !*home))
        return NULL;
    char *path = cli_keep(c, cli_alloc(PATH_ROOM));
    int size = snprintf(path, PATH_ROOM, "%s%s/gofer/web-tokens", given ? config : home,
        given ? "" : "/.config");
    return size < PATH_ROOM ? path : NULL;
}

// The folders of a path, so far as they are missing, for us alone.
static void make_folders(const char *path)
{
    char folder[PATH_ROOM];
    for (const char *at = path; (at = strchr(at + 1, '/'));) {
        snprintf(folder, sizeof folder, "%.*s", (int)(at - path), path);
        (void)mkdir(folder, 0700);      // what is wrong, the file's own error says
    }
}

// ---- gofer web

static void choose_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGHUP);
    sigaddset(signals, SIGALRM);        // our own: it is time to look at the store
}

// Until a signal ends it.
static int look_after(cli *c, web *w, gofer_client **client)
{
    renewal r = { 0 };
    sigset_t signals;
    int number = SIGALRM, error = 0, code = CLI_OK;
    choose_signals(&signals);
    while (code == CLI_OK && error == 0 && number == SIGALRM) {
        alarm(LOOK_S);
        do
            error = sigwait(&signals, &number);
        while (error == EINTR);
        if (error == 0 && number == SIGALRM)
            code = renewal_look(&r, c, w, client);
    }
    alarm(0);
    return error == 0 ? code : cli_fail(c, CLI_FAILED, "web: signals cannot be waited for");
}

// Signals are blocked.
static int serve(cli *c, gofer_client **client, const web_options *opts)
{
    char why[WHY_MAX] = "";
    bool usage;
    web *w = web_new(*client, opts, why, sizeof why, &usage);
    if (!w)
        return cli_fail(c, usage ? CLI_USAGE : CLI_FAILED, "web: %s", why);
    for (size_t i = 0; web_name(w, i); i++)
        printf("%s\n", web_name(w, i));
    int code = CLI_OK;
    if (fflush(stdout) != 0 || !web_start(w))
        code = cli_fail(c, CLI_FAILED, "web: it cannot start: %s", strerror(errno));
    else
        code = look_after(c, w, client);
    web_free(w);
    return code;
}

// In every thread from here on, those that send spans, too.
static int block_signals(cli *c)
{
    sigset_t signals;
    choose_signals(&signals);
    return pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0 ? CLI_OK
        : cli_fail(c, CLI_FAILED, "web: signals cannot be kept");
}

#ifdef GOFER_HAVE_OTLP
static int serve_with_spans(cli *c, gofer_client **client, const web_args *args, web_options *opts)
{
    const otlp_options how = { .service = "gofer-web", .patience_ms = SPANS_MS };
    otlp *spans = NULL;
    put_watch watch;
    int code = command_otlp_start(c, args->otlp, &how, &spans);
    if (spans) {
        watch = otlp_put_watch(spans);
        opts->watch = &watch;
    }
    if (code == CLI_OK)
        code = serve(c, client, opts);
    otlp_free(spans);
    return code;
}
#else
static int serve_with_spans(cli *c, gofer_client **client, const web_args *args, web_options *opts)
{
    (void)args;
    return serve(c, client, opts);
}
#endif

// What is large here comes once in a while, and its room is given back: else the C library learns
// from the first of its size to keep such memory, and very many queues cost 8 MiB more.
static void return_memory(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
#endif
}

static int run(cli *c, const void *user)
{
    const web_args *args = user;
    gofer_client *client = NULL;
    web_options opts = {
        .listen = args->listen.items, .listen_count = args->listen.count,
        .hosts = args->hosts.items, .host_count = args->hosts.count,
        .proxies = args->proxies.items, .proxy_count = args->proxies.count,
        .tokens = args->tokens ? args->tokens : usual_path(c), .anonymous = args->anonymous,
        .base = args->base, .web_root = args->web_root, .read_only = args->read_only,
        .asynq_names = args->compat != NULL, .asynqmon = args->asynqmon,
        .behind_proxy = args->behind_proxy,
        .masks = args->masks.items, .mask_count = args->masks.count,
        .user_header = args->auth_header, .role_header = args->role_header,
        .roles = args->roles.items, .role_count = args->roles.count,
        .tls_cert = args->tls_cert, .tls_key = args->tls_key, .log = logger_write,
    };
    if (!c->timeout_ms)
        c->timeout_ms = STORE_MS;       // a page that says what is wrong is better than none
    return_memory();
    int code = cli_open(c, &client, 0);
    opts.log_user = c->log;
    if (code == CLI_OK)
        code = block_signals(c);
    if (code == CLI_OK)
        code = serve_with_spans(c, &client, args, &opts);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_web = {
    .name = "web",
    .summary = "serve the web interface: a page, JSON and metrics",
    .usage = "",
    .about =
        "Prints its addresses, one a line, when it is ready, and serves until a signal ends it.\n"
        "Only this machine reaches it, unless --listen says otherwise; then visitors need tokens, "
        "and TLS (--tls-cert), or a proxy with TLS in front (--behind-proxy). On this machine "
        "everybody may look as long as there are no tokens; who is to act needs one, see 'gofer "
        "web token'.",
    .examples = "gofer web\n"
        "gofer web --listen unix:/run/gofer/web.sock --host gofer.example.org --behind-proxy",
    .options = options,
    .args_size = sizeof(web_args),
    .run = run,
};

// ---- gofer web token

typedef struct token_args {
    const char *tokens, *role, *queues;
    int         password;
} token_args;

static const cli_option token_options[] = {
    { "tokens", 0, CLI_TEXT, offsetof(token_args, tokens), "FILE",
      "the file of tokens (default: gofer/web-tokens in the folder for configuration)", 0, 0 },
    { "role", 0, CLI_TEXT, offsetof(token_args, role), "ROLE",
      "with add: see, operate, admin, metrics, or rights with commas between them (see, payload, "
      "enqueue, operate, admin, metrics); default: see", 0, 0 },
    { "queues", 0, CLI_TEXT, offsetof(token_args, queues), "LIST",
      "with add: only in these queues, names or patterns with commas between them: mail*,report "
      "(default: all)", 0, 0 },
    { "password", 0, CLI_FLAG, offsetof(token_args, password), NULL,
      "with add: not a token but a name and password, for people; it is read from the terminal, or "
      "as a line of standard input", 0, 0 },
    CLI_OPTIONS_END
};

// As a member of a JSON object; nothing if they are all.
static void put_queues(const char *queues)
{
    fputs(*queues ? ",\"queues\":" : "", stdout);
    if (*queues)
        json_put_text(stdout, queues);
}

// What a listing is told by; with --json it is one list.
typedef struct listing {
    const cli *c;
    size_t     count;
} listing;

static void put_token(void *user, const web_token *token)
{
    listing *l = user;
    if (l->c->global.json) {
        printf("%s{\"name\":\"%s\",\"role\":\"%s\"", l->count ? "," : "", token->name,
            token->role);
        put_queues(token->queues);
        printf("%s}", token->password ? ",\"password\":true" : "");
    } else {
        printf("%-24s %s%s%s%s\n", token->name, token->role, *token->queues ? "  " : "",
            token->queues, token->password ? "  (password)" : "");
    }
    l->count++;
}

static int list_tokens(cli *c, const char *path)
{
    char why[WHY_MAX];
    listing l = { c, 0 };
    fputs(c->global.json ? "{\"items\":[" : "", stdout);
    const char *failed = web_token_each(path, put_token, &l, why, sizeof why);
    fputs(c->global.json ? "]}\n" : "", stdout);
    return failed ? cli_fail(c, CLI_FAILED, "web token: %s", failed) : CLI_OK;
}

static int add_password(cli *c, const char *path, const web_token *wanted)
{
    char password[WEB_PASSWORD_MAX + 1], why[WHY_MAX];
    int code = secret_read(c, "password", password, sizeof password);
    if (code != CLI_OK)
        return code;
    const char *failed = web_password_fault(password);
    if (failed)
        return cli_fail(c, CLI_USAGE, "web token: %s", failed);
    failed = web_password_add(path, wanted, password, why, sizeof why);
    if (failed)
        return cli_fail(c, CLI_FAILED, "web token: %s", failed);
    if (!c->global.json)
        return CLI_OK;
    printf("{\"items\":[{\"name\":\"%s\",\"role\":\"%s\"", wanted->name, wanted->role);
    put_queues(wanted->queues);
    puts(",\"password\":true}]}");
    return CLI_OK;
}

static int add_token(cli *c, const char *path, const token_args *args)
{
    char token[WEB_TOKEN_SIZE], why[WHY_MAX];
    web_token wanted = { c->words[1], args->role ? args->role : "see",
        args->queues ? args->queues : "", args->password != 0 };
    make_folders(path);
    if (args->queues && !*args->queues)
        return cli_fail(c, CLI_USAGE, "web token: --queues names none");
    if (args->password)
        return add_password(c, path, &wanted);
    const char *failed = web_token_add(path, &wanted, token, why, sizeof why);
    if (failed)
        return cli_fail(c, CLI_FAILED, "web token: %s", failed);
    if (c->global.json) {
        printf("{\"items\":[{\"name\":\"%s\",\"role\":\"%s\"", wanted.name, wanted.role);
        put_queues(wanted.queues);
        printf(",\"token\":\"%s\"}]}\n", token);
    } else {
        printf("%s\n", token);
    }
    cli_note(c, "it is shown this once");
    return CLI_OK;
}

static int remove_token(cli *c, const char *path)
{
    char why[WHY_MAX];
    const char *failed = web_token_remove(path, c->words[1], why, sizeof why);
    if (failed)
        return cli_fail(c, CLI_FAILED, "web token: %s", failed);
    fputs(c->global.json ? "{\"items\":[]}\n" : "", stdout);
    return CLI_OK;
}

static int run_token(cli *c, const void *user)
{
    const token_args *args = user;
    const char *path = args->tokens ? args->tokens : usual_path(c), *act = c->words[0];
    size_t words = strcmp(act, "ls") == 0 ? 1 : 2;
    if (!path)
        return cli_fail(c, CLI_USAGE, "web token: there is no HOME: name the file by --tokens");
    if (strcmp(act, "add") != 0 && strcmp(act, "ls") != 0 && strcmp(act, "rm") != 0)
        return cli_fail(c, CLI_USAGE, "web token: '%s' is not add, ls or rm", act);
    if (c->word_count != words)
        return cli_fail(c, CLI_USAGE, "web token: usage: gofer web token add NAME | ls | rm NAME");
    return strcmp(act, "add") == 0 ? add_token(c, path, args)
        : words == 1               ? list_tokens(c, path)
                                   : remove_token(c, path);
}

const cli_command cmd_web_token = {
    .name = "web token",
    .summary = "add, list and take away tokens of the web interface",
    .usage = "add NAME | ls | rm NAME",
    .about =
        "A token is shown once, when it is added; the file keeps a digest of it. A server that "
        "runs sees at once what was added or taken away.\n"
        "With --password it is a name and password that a person logs in with, or a program by "
        "HTTP's basic authentication. The file keeps what scrypt makes of it.\n"
        "Roles: see (everything but what is in tasks), operate (see, payload, enqueue, and acts "
        "that lose nothing), admin (all), metrics (/metrics alone).",
    .examples = "gofer web token add ann --role operate\n"
        "gofer web token add bob --role see --password\n"
        "curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:8989/api/v1/queues",
    .options = token_options,
    .args_size = sizeof(token_args),
    .words_min = 1,
    .words_max = 2,
    .run = run_token,
};
