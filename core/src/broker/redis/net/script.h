// script.h - which scripts the servers are asked for by digest, for pipeline.c.
//
// Only a server says a digest: to a net's first call of a script its text is sent with EVAL; the
// second call is followed by SCRIPT LOAD, in the same pipeline, whose answer is the digest; from
// then on it is EVALSHA. So who calls a script once (most clients) sends one text, and leaves
// nothing behind: before Redis 7 every SCRIPT LOAD is written to the log and to the replicas. Who
// may not load sends texts for ever.
#ifndef GF_BROKER_REDIS_NET_SCRIPT_H
#define GF_BROKER_REDIS_NET_SCRIPT_H

#include <stdatomic.h>

#include "broker/redis/net/conn.h"

enum { GF_RD_TEXTS_MAX = 256 };              // a power of two, well over thrice the
                                             //   number of scripts

// A script has a text, with its digest, for each way in which it is sent. From Redis 7 on it asks
// the server for the rights to its commands, and says in a first line what it may do; before, it
// can only try the commands, and that line is no Lua.
typedef enum gf_rd_form { GF_RD_ASKS, GF_RD_FLAGGED, GF_RD_TRIES } gf_rd_form;

typedef struct gf_rd_text {
    const gf_rd_script *script;
    gf_rd_form  form;
    char       *text;                        // what is sent
    size_t      size;
    _Atomic int known;                       // script.c's own
    char        digest[41];
    struct gf_rd_text *next;                 // of those that a pipeline asks for
} gf_rd_text;

// An open hash table; entries are only ever added, so reading takes no lock.
typedef struct gf_rd_texts {
    _Atomic(gf_rd_text *) slots[GF_RD_TEXTS_MAX];
} gf_rd_texts;

void gf_rd_texts_clear(gf_rd_texts *texts);

// NULL: no memory.
gf_rd_text *gf_rd_text_of(gf_rd_texts *texts, const gf_rd_script *script, gf_rd_form form);
const char *gf_rd_text_digest(const gf_rd_text *t);      // NULL: not known
// It is used without a digest. True: ask for that, and tell what became of it: by
// nobody else meanwhile.
bool        gf_rd_text_ask(gf_rd_text *t);
void        gf_rd_text_answered(gf_rd_text *t, const redisReply *reply); // NULL: the answer was
                                                                         //   lost

// How many words the question for the right to a command has, beside its name: as many as the
// command has at the least. -1: it is none that a script may have.
int         gf_rd_command_words(const char *name, size_t size);

// The text, as a word of a command.
void        gf_rd_conn_put_text(gf_rd_conn *c, const gf_rd_text *t);

#endif
