// reply_memory.c - the objects of a reply, which hiredis's reader makes by these functions, in a
// few pieces of memory.
//
// May touch: hiredis's reader. A reply belongs to one thread at a time: no lock. All that a reply
// consists of is freed with it, so no part of one is freed by itself or outlives it. The memory is
// malloc's, as is the reader's own for what has come: where one of them has none, the connection
// ends, and what was asked on it is lost or asked again.
#include <stdlib.h>
#include <string.h>

#include "broker/redis/net/conn.h"
#include "util/minmax.h"

enum {
    ALIGNMENT = _Alignof(redisReply),
    FIRST_MAX = 4096,                        // room with the array itself for what is in it
    ELEMENT_ROOM = sizeof(redisReply) + 48,  //   as much as one mostly takes
    PIECE_MIN = 4096, PIECE_MAX = 64 * 1024  // of the pieces behind that, each twice the one before
};

typedef struct piece {
    struct piece *next;
    _Alignas(redisReply) char room[];
} piece;

typedef struct whole {
    redisReply reply;                        // what is handed out: first
    piece     *pieces;
    char      *at;                           // what is free in the latest of those that are shared
    size_t     left;
    size_t     next_size;                    // of the next one
    _Alignas(redisReply) char room[];
} whole;

static size_t aligned(size_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static piece *new_piece(whole *w, size_t size)
{
    piece *p = malloc(sizeof *p + size);
    if (!p)
        return NULL;
    p->next = w->pieces;
    w->pieces = p;
    return p;
}

// Large things have a piece of their own, so that little is left over in the others.
static void *room_in(whole *w, size_t size)
{
    size = aligned(size);
    if (size > w->left && size > w->next_size / 4) {
        piece *own = new_piece(w, size);
        return own ? own->room : NULL;
    }
    if (size > w->left) {
        piece *shared = new_piece(w, w->next_size);
        if (!shared)
            return NULL;
        w->at = shared->room;
        w->left = w->next_size;
        w->next_size = gf_min_size(2 * w->next_size, PIECE_MAX);
    }
    void *room = w->at;
    w->at += size;
    w->left -= size;
    return room;
}

static whole *whole_of(const redisReadTask *task)
{
    while (task->parent)
        task = task->parent;
    return task->obj;
}

// `more`: so many bytes will be needed beside it. Where it is within an array it is put there.
static redisReply *make(const redisReadTask *task, size_t more)
{
    redisReply *reply;
    if (task->parent) {
        redisReply *array = task->parent->obj;
        reply = room_in(whole_of(task), sizeof *reply);
        array->element[task->idx] = reply;
    } else {
        more = aligned(more);
        whole *w = malloc(sizeof *w + more);
        if (!w)
            return NULL;
        w->pieces = NULL;
        w->at = w->room;
        w->left = more;
        w->next_size = PIECE_MIN;
        reply = &w->reply;
    }
    if (reply)
        *reply = (redisReply){ .type = task->type };
    return reply;
}

// Of a reply without parents its memory is not known to the reader yet.
static void *room_of(const redisReadTask *task, redisReply *reply, size_t size)
{
    return room_in(task->parent ? whole_of(task) : (whole *)reply, size);
}

static void *given_up(const redisReadTask *task, redisReply *reply)
{
    if (!task->parent)
        gf_rd_reply_free(reply);
    return NULL;
}

void *gf_rd_reply_make_text(const redisReadTask *task, const char *text, size_t size)
{
    redisReply *reply = make(task, size + 1);
    if (!reply)
        return NULL;
    reply->str = room_of(task, reply, size + 1);
    if (!reply->str)
        return given_up(task, reply);
    memcpy(reply->str, text, size);
    reply->str[size] = '\0';
    reply->len = size;
    return reply;
}

void *gf_rd_reply_make_array(const redisReadTask *task, size_t count)
{
    size_t all = count * sizeof(redisReply *);
    redisReply *reply = make(task, all + gf_min_size(count * ELEMENT_ROOM, FIRST_MAX));
    if (!reply || count == 0)
        return reply;
    reply->element = room_of(task, reply, all);
    if (!reply->element)
        return given_up(task, reply);
    memset(reply->element, 0, all);
    reply->elements = count;
    return reply;
}

void *gf_rd_reply_make_integer(const redisReadTask *task, long long number)
{
    redisReply *reply = make(task, 0);
    if (reply)
        reply->integer = number;
    return reply;
}

void *gf_rd_reply_make_nil(const redisReadTask *task)
{
    redisReply *reply = make(task, 0);
    if (reply)
        reply->type = REDIS_REPLY_NIL;       // the task's says what was announced
    return reply;
}

void gf_rd_reply_free(void *reply)
{
    whole *w = reply;
    if (!w)
        return;
    for (piece *p = w->pieces, *next; p; p = next) {
        next = p->next;
        free(p);
    }
    free(w);
}
