// script.c - which scripts the servers are asked for by digest.
//
// Locks: none. Who moves `known` from USED to ASKED has the text to itself until it says what was answered.
#include "broker/redis/net/script.h"

#include <string.h>

#include "util/alloc.h"

enum { NEW, USED, ASKED, KNOWN, REFUSED };

static const char flag_line[] = "#!lua flags=allow-oom\n";

void gf_rd_texts_clear(gf_rd_texts *texts)
{
    for (size_t i = 0; i < GF_RD_TEXTS_MAX; i++)
        gf_free(atomic_load(&texts->slots[i]));
}

gf_rd_text *gf_rd_text_of(gf_rd_texts *texts, const gf_rd_script *script, bool flagged)
{
    size_t start = ((uintptr_t)script >> 3) + flagged;
    gf_rd_text *made = NULL;
    for (size_t i = 0; i < GF_RD_TEXTS_MAX; i++) {
        _Atomic(gf_rd_text *) *slot = &texts->slots[(start + i) % GF_RD_TEXTS_MAX];
        gf_rd_text *t = atomic_load_explicit(slot, memory_order_acquire);
        if (!t) {
            if (!made && !(made = gf_calloc(1, sizeof *made)))
                return NULL;
            made->script = script;
            made->flagged = flagged;
            if (atomic_compare_exchange_strong(slot, &t, made))
                return made;
        }
        if (t->script == script && t->flagged == flagged) {
            gf_free(made);
            return t;
        }
    }
    gf_free(made);
    return NULL;
}

const char *gf_rd_text_digest(const gf_rd_text *t)
{
    return atomic_load_explicit(&t->known, memory_order_acquire) == KNOWN ? t->digest : NULL;
}

bool gf_rd_text_ask(gf_rd_text *t)
{
    int known = NEW;
    if (atomic_compare_exchange_strong(&t->known, &known, USED))
        return false;
    return known == USED && atomic_compare_exchange_strong(&t->known, &known, ASKED);
}

static bool is_digest(const redisReply *r)
{
    return (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS) && r->len == 40 &&
        strspn(r->str, "0123456789abcdef") == 40;
}

void gf_rd_text_told(gf_rd_text *t, const redisReply *reply)
{
    int known = REFUSED;                     // by a rule for this user, or by what stands before the server
    if (!reply || (reply->type == REDIS_REPLY_ERROR &&
            (gf_rd_reply_meaning(reply) != GF_RD_FINAL || gf_rd_reply_status(reply) == GOFER_ENOSPACE)))
        known = USED;                        // the next one asks again
    else if (is_digest(reply)) {
        memcpy(t->digest, reply->str, 40);
        known = KNOWN;
    }
    atomic_store_explicit(&t->known, known, memory_order_release);
}

void gf_rd_conn_put_text(gf_rd_conn *c, const gf_rd_script *script, bool flagged)
{
    size_t line = flagged ? sizeof flag_line - 1 : 0;
    gf_rd_conn_put_joined(c, flag_line, line, script->text, strlen(script->text));
}
