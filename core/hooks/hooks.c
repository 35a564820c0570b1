// hooks.c - the handler of tasks that are webhooks.
//
// May touch: gofer.h, files of this room. Locks: those of the secrets.
#include "hooks.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "post.h"
#include "secrets.h"
#include "sign.h"
#include "text.h"
#include "util/clock.h"
#include "util/openssl.h"
#include "util/webhook.h"

struct hooks {
    hooks_sender  sender;
    hooks_secrets secrets;
    gf_openssl    ssl;
    gofer_log_fn  log;
    void         *log_user;
};

enum { WHY = 640, HOST_MAX = 255 };

// ---- a request ----------------------------------------------------------------------------------

// Everything of one webhook.
typedef struct webhook {
    hooks        *hooks;
    gofer_task   *task;
    const char   *url;
    char          host[HOST_MAX + 1];      // in small letters
    hooks_message message;
} webhook;

// Of a URL that is none the wrong of. false: it is longer than a name can be.
static bool read_host(const char *url, char out[HOST_MAX + 1])
{
    const char *at = strstr(url, "://") + 3;
    size_t size = *at == '[' ? strcspn(at, "]") + 1 : strcspn(at, ":/?");
    if (size > HOST_MAX)
        return false;
    for (size_t i = 0; i < size; i++)
        out[i] = (char)tolower((unsigned char)at[i]);
    out[size] = '\0';
    return true;
}

// It goes into a header.
static bool is_plain(const char *id)
{
    size_t size = strlen(id);
    for (size_t i = 0; i < size; i++)
        if (id[i] <= 0x20 || id[i] >= 0x7f)
            return false;
    return size > 0;
}

// NULL, or why this task can be no webhook.
static const char *read_task(webhook *w)
{
    w->url = gofer_task_header(w->task, GF_WEBHOOK_URL);
    if (!w->url)
        return "it has no header " GF_WEBHOOK_URL;
    const char *wrong = gf_webhook_wrong(w->url);
    if (wrong)
        return wrong;
    if (!read_host(w->url, w->host))
        return "its host is longer than a name can be";
    w->message.id = gofer_task_id(w->task);
    w->message.body = gofer_task_payload(w->task, &w->message.size);
    w->message.timestamp_s = gf_now_ms() / 1000;
    return is_plain(w->message.id) ? NULL : "its id is no word of ASCII";
}

static void warn(const hooks *h, const char *text, const char *why)
{
    web_text fields = { 0 };
    web_text_put(&fields, "{\"error\":");
    web_text_json(&fields, why, strlen(why));
    web_text_put(&fields, "}");
    if (h->log)
        h->log(h->log_user, GOFER_LOG_WARN, gf_now_ms(), text, fields.failed ? "{}" : fields.at);
    web_text_free(&fields);
}

// NULL, with the reason in why; else free().
static char *sign(webhook *w, char why[WHY])
{
    hooks_secret secrets[HOOKS_SECRETS_MAX];
    char changed[WHY];
    if (!hooks_secrets_renew(&w->hooks->secrets, changed, sizeof changed))
        warn(w->hooks, "the secrets of webhooks cannot be read again: the old ones hold", changed);
    size_t count = hooks_secrets_of(&w->hooks->secrets, w->host, secrets);
    if (count == 0) {
        snprintf(why, WHY, "%s: there is no --webhook-secret for this host", w->host);
        return NULL;
    }
    char *signatures = hooks_sign(&w->hooks->ssl, &w->message, secrets, count);
    hooks_secrets_forget(secrets, count);
    if (!signatures)
        snprintf(why, WHY, "%s: no memory for a signature", w->host);
    return signatures;
}

static char *format(const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 3;
    char *line = malloc(size);
    if (line)
        snprintf(line, size, "%s: %s", name, value);
    return line;
}

static bool is_ended(void *user)
{
    const webhook *w = user;
    return gofer_task_cancelled(w->task) != GOFER_CANCEL_NONE;
}

static void post(webhook *w, const char *signatures, hooks_reply *reply)
{
    char timestamp[32];
    snprintf(timestamp, sizeof timestamp, "%" PRId64, w->message.timestamp_s);
    char *lines[] = { format("webhook-id", w->message.id),
        format("webhook-timestamp", timestamp), format("webhook-signature", signatures) };
    const char *const headers[] = { "Content-Type: application/json", "Expect:", lines[0], lines[1],
        lines[2], NULL };
    const hooks_request request = {
        .url = w->url,
        .host = w->host,
        .body = w->message.body,
        .size = w->message.size,
        .headers = headers,
        .ended = is_ended,
        .user = w,
    };
    if (lines[0] && lines[1] && lines[2]) {
        hooks_post(&w->hooks->sender, &request, reply);
    } else {
        *reply = (hooks_reply){ .verdict = HOOKS_AGAIN };
        snprintf(reply->why, sizeof reply->why, "%s: no memory for a request", w->host);
    }
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        free(lines[i]);
}

static int32_t outcome_of(gofer_task *task, const hooks_reply *reply)
{
    if (reply->given_up && gofer_task_cancelled(task) == GOFER_CANCEL_STOP)
        return GOFER_REQUEUE;
    switch (reply->verdict) {
    case HOOKS_TAKEN:
        return GOFER_DONE;
    case HOOKS_LATER:
        return gofer_task_snooze(task, reply->later_ms, reply->why);
    case HOOKS_NEVER:
        return gofer_task_skip_retry(task, reply->why);
    case HOOKS_AGAIN:
        break;
    }
    return gofer_task_fail(task, reply->why);
}

int32_t hooks_run(gofer_task *task, void *user)
{
    webhook w = { .hooks = user, .task = task };
    hooks_reply reply;
    char why[WHY];
    const char *wrong = read_task(&w);
    if (wrong) {
        snprintf(why, sizeof why, "a webhook that cannot be sent: %s", wrong);
        return gofer_task_skip_retry(task, why);
    }
    char *signatures = sign(&w, why);
    if (!signatures)
        return gofer_task_fail(task, why);
    post(&w, signatures, &reply);
    free(signatures);
    return outcome_of(task, &reply);
}

// ---- its life -----------------------------------------------------------------------------------

static bool read_allowed(hooks *h, const hooks_options *options, char *why, size_t size)
{
    hooks_nets *nets = &h->sender.allowed;
    nets->items = calloc(options->allowed_count ? options->allowed_count : 1, sizeof *nets->items);
    if (!nets->items) {
        snprintf(why, size, "no memory");
        return false;
    }
    for (size_t i = 0; i < options->allowed_count; i++) {
        const char *wrong = hooks_net_read(options->allowed[i], &nets->items[i]);
        if (wrong) {
            snprintf(why, size, "--webhook-allow %.60s: %s", options->allowed[i], wrong);
            return false;
        }
        nets->count++;
    }
    return true;
}

static bool read_ca(hooks *h, const hooks_options *options, char *why, size_t size)
{
    h->sender.ca_file = options->ca_file;
    if (!options->ca_file || access(options->ca_file, R_OK) == 0)
        return true;
    snprintf(why, size, "--webhook-ca %.300s: the file cannot be read", options->ca_file);
    return false;
}

static bool read_secrets(hooks *h, const hooks_options *options, char *why, size_t size)
{
    char reason[WHY];
    if (hooks_secrets_open(&h->secrets, options->secrets, options->secret_count, reason,
            sizeof reason))
        return true;
    snprintf(why, size, "--webhook-secret %.500s", reason);
    return false;
}

hooks_opened hooks_open(hooks **out, const hooks_options *options, char *why, size_t size)
{
    hooks *h = calloc(1, sizeof *h);
    hooks_opened opened = HOOKS_UNABLE;
    if (!h) {
        snprintf(why, size, "no memory");
        return opened;
    }
    h->log = options->log;
    h->log_user = options->log_user;
    bool read = read_secrets(h, options, why, size) && read_allowed(h, options, why, size) &&
        read_ca(h, options, why, size);
    if (!read)
        opened = HOOKS_BAD;
    else if (http_curl_load(&h->sender.curl, why, size) &&
        gf_openssl_load(&h->ssl, "a signature", why, size) == GOFER_OK)
        opened = HOOKS_OPEN;
    if (opened == HOOKS_OPEN)
        *out = h;
    else
        hooks_free(h);
    return opened;
}

void hooks_free(hooks *h)
{
    if (!h)
        return;
    hooks_secrets_clear(&h->secrets);
    free(h->sender.allowed.items);
    free(h);
}
