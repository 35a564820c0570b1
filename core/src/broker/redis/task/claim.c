// claim.c - claims: a task as a worker holds it, in one piece of memory.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/store.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/id.h"

enum { ALIGNMENT = sizeof(max_align_t) };

static int32_t count_in(const char *digits)
{
    char *end;
    long long n = strtoll(digits, &end, 10);
    return end == digits || n < 0 ? 0 : n > INT32_MAX ? INT32_MAX : (int32_t)n;
}

gf_blame gf_rd_blame(const redisReply *text)
{
    if (!text || text->type != REDIS_REPLY_STRING)
        return (gf_blame){ 0 };
    const char *blank = strchr(text->str, ' ');
    int32_t suspect = blank ? count_in(blank + 1) : 0;
    if (suspect > GF_SUSPECT_MAX)
        suspect = GF_SUSPECT_MAX;
    return (gf_blame){ .crashes = count_in(text->str), .suspect = suspect };
}

void gf_rd_blame_text(const gf_blame *b, char out[GF_RD_BLAME_TEXT])
{
    int size = snprintf(out, GF_RD_BLAME_TEXT, "%d", (int)b->crashes);
    if (b->suspect > 0)
        snprintf(out + size, GF_RD_BLAME_TEXT - (size_t)size, " %d", (int)b->suspect);
}

void gf_rd_token_text(uint64_t token, char out[17])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 15; i >= 0; i--, token >>= 4)
        out[i] = digits[token & 15];
    out[16] = '\0';
}

// ---- when it was enqueued ------------------------------------------------------------------

int64_t gf_rd_enqueued_ms(const redisReply *pending_since, const char *id)
{
    int64_t ns = gf_rd_reply_int(pending_since, 0);
    return ns > 0 ? ns / 1000000 : gf_id_born_ms(id);
}

// ---- making one ------------------------------------------------------------------------------

// A lock is only ever touched by the scripts of its queue: any other name that a message brings is
// somebody else's key, and in a cluster in another slot.
static bool is_lock_of(const char *queue, const char *key)
{
    gf_rd_key prefix;
    gf_rd_key_of(&prefix, queue, "unique:");
    return key && strncmp(key, prefix.text, strlen(prefix.text)) == 0;
}

static void *pack(char **at, const void *bytes, size_t size)
{
    char *copy = *at;
    if (size)
        memcpy(copy, bytes, size);
    *at += size;
    return copy;
}

static size_t aligned(size_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

// In front of the decoded message: the claim, the taker's room, the queue's name, the task's key.
// Behind it: the bytes as stored.
gofer_status gf_rd_claim_make(const char *queue, const char *id, const void *bytes, size_t size,
    size_t room, gf_rd_claim **out)
{
    gf_rd_key prefix;
    gf_rd_key_of(&prefix, queue, "t:");
    size_t prefix_size = strlen(prefix.text), id_size = strlen(id) + 1,
           name_size = strlen(queue) + 1;
    size_t front = aligned(sizeof(gf_rd_claim)) + room,
           extra = aligned(front + name_size + prefix_size + id_size);
    gf_wire_held held;
    gofer_status st = gf_wire_task_hold(bytes, size, extra, &held);
    if (st != GOFER_OK)
        return st;

    gf_rd_claim *claim = held.memory;
    const gf_wire_task *task = (const gf_wire_task *)((char *)held.memory + extra);
    if (strcmp(task->message.id, id) != 0) {
        gf_free(held.memory);
        return gf_fail(GOFER_ECORRUPT, "the message of task '%s' is of another id", id);
    }
    char *to = (char *)held.memory + front;
    claim->base.room = room ? to - room : NULL;
    claim->base.message = task->message;
    claim->base.message.queue = claim->queue = pack(&to, queue, name_size);
    claim->key = pack(&to, prefix.text, prefix_size);
    claim->base.message.id = pack(&to, id, id_size);
    claim->stored = held.stored;
    claim->stored_size = held.stored_size;
    claim->unique_key = is_lock_of(queue, task->unique_key) ? task->unique_key : NULL;
    atomic_init(&claim->score, 0);
    atomic_init(&claim->reach, GF_RD_REACH_S);
    atomic_init(&claim->maybe_finished, false);
    *out = claim;
    return GOFER_OK;
}
