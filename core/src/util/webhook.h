// webhook.h - webhooks as text: "webhook:URL", "webhook+result:URL", and what the task that sends
// one is called. Pure: the binary has this file, too (gofer_text in util/CMakeLists.txt).
#ifndef GF_UTIL_WEBHOOK_H
#define GF_UTIL_WEBHOOK_H

#include <stdbool.h>

// Of the task that sends one.
#define GF_WEBHOOK_TYPE  "gofer:webhook"
#define GF_WEBHOOK_QUEUE "gofer-webhooks"
#define GF_WEBHOOK_URL   "webhook-url"     // its header that says where to

#define GF_WEBHOOK_URL_MAX 2048            // bytes

typedef struct gf_webhook {
    const char *url;               // within the text
    bool        with_result;
} gf_webhook;

// Does it begin as one? Then it is no name of a task's type.
bool gf_webhook_is(const char *text);
// NULL, or what is wrong with the URL: http or https, a host, ASCII without blanks, neither a
// user nor a fragment.
const char *gf_webhook_wrong(const char *url);
// False: it is none, or its URL is wrong.
bool gf_webhook_read(const char *text, gf_webhook *out);

#endif
