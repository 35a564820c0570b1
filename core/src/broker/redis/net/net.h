// net.h - commands to Redis and Valkey, whatever the topology: one server, Sentinel or Cluster.
//
// May touch: util/, hiredis's reader and formatter, OpenSSL. Knows nothing of tasks.
//
// A call sends a pipeline and waits for the answers, under one deadline. Broken connections,
// failovers, redirections and servers that are loading are dealt with inside: a call fails only
// when its deadline is over or when trying again cannot help. Every function may be called from any
// thread; a connection is used by one call at a time and kept for the next.
#ifndef GF_BROKER_REDIS_NET_NET_H
#define GF_BROKER_REDIS_NET_NET_H

#include <hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/redis/net/options.h"
#include "gofer/gofer.h"
#include "util/log.h"

enum { GF_RD_STRING_MAX = 64 << 20 };   // bytes of one string in a reply: a longer
                                        //   one ends the connection

typedef struct gf_rd_net gf_rd_net;

// A script, constant: no data is ever put into its text. Sent by its digest once the server has
// told that (script.h); a server that does not know it is sent the text.
typedef struct gf_rd_script {
    const char *name;              // for errors
    const char *text;
    const char *rights;            // commands, a blank between, that the user must be allowed
                                   //   before it begins. NULL: all that the text has; "": none, as
                                   //   what was done is taken back. A server before Redis 7, which
                                   //   cannot be asked, is tried with all of both
    bool        allow_oom;         // runs although memory is full (a flag line from Redis 7 on;
                                   //   before that its first write must not need memory)
    bool        is_urgent;         // somebody waits for each answer: worth a short
                                   //   spin before sleeping
} gf_rd_script;

// The words of a command. Bytes given to _add are borrowed until the call is over; numbers are
// kept inside. A failure (no memory) is remembered and reported by gf_rd_run.
typedef struct gf_rd_args {
    const char **words;
    size_t      *sizes;
    size_t       count, capacity;
    void        *numbers;          // see args.c
    bool         failed;
} gf_rd_args;

void gf_rd_add(gf_rd_args *a, const char *text);                     // NUL-terminated
void gf_rd_add_bytes(gf_rd_args *a, const void *bytes, size_t size);
void gf_rd_add_int(gf_rd_args *a, int64_t number);
// A copy, for a text that does not stay where it is; of at most GF_RD_SHORT bytes.
enum { GF_RD_SHORT = 20 };
void gf_rd_add_short(gf_rd_args *a, const char *text);

// A word by its place among those that a script declares (--@args, --@each): enum { GF_RD_ARGS_…
// (GF_RD_ARG) COUNT }, an array with a word for each, and gf_rd_add_all.
#define GF_RD_ARG(NAME, name) NAME,
typedef struct gf_rd_arg {
    enum { GF_RD_NO_ARG, GF_RD_BYTES, GF_RD_INT, GF_RD_SHORT_TEXT } kind;
    const char *bytes;
    size_t      size;
    int64_t     number;
} gf_rd_arg;
gf_rd_arg gf_rd_arg_text(const char *text);                            // NULL: empty
gf_rd_arg gf_rd_arg_bytes(const void *bytes, size_t size);
gf_rd_arg gf_rd_arg_int(int64_t number);
gf_rd_arg gf_rd_arg_short(const char *text);
void gf_rd_add_all(gf_rd_args *a, const gf_rd_arg *words, size_t count);       // none is missing

void gf_rd_args_clear(gf_rd_args *a);                                // frees; all zero again

enum { GF_RD_ANY_SLOT = -1 };

// One command. All zero but args is a plain command for any primary, not to be repeated.
typedef struct gf_rd_cmd {
    const gf_rd_script *script;    // NULL: plain, the first word is the command's name
    int32_t    key_count;          // of a script: so many words at the front are keys
    int32_t    slot;               // hash slot of its keys (gf_rd_slot), or GF_RD_ANY_SLOT
    bool       repeatable;         // may be sent again when a connection broke after it was sent
    bool       reads;              // changes nothing: repeatable too, never EUNCERTAIN
    bool       aside;              // of no weight: once the others are done it is waited for only
                                   //   a moment longer, and it is not what gf_rd_run returns
    bool       counts;             // acknowledges what somebody relies on (a task put, an
                                   //   outcome): with wait-replicas it is done only when so many
                                   //   have it, else EUNCERTAIN, and the reply
                                   //   is there all the same
    gf_rd_args args;
    redisReply  *reply;            // out: what came, an error reply too; NULL: nothing
    gofer_status status;           // out: OK: a reply that is no error; else what it means:
                                   //   ENOSPACE (OOM), EDENIED (NOAUTH, WRONGPASS, NOPERM),
                                   //   ECORRUPT (WRONGTYPE), EBROKER (refused, or out of reach: not
                                   //   done), ETIMEOUT (not sent in time, or only reads),
                                   //   EUNCERTAIN (sent, and the answer was lost; also of a
                                   //   repeatable one when the deadline came first)
    bool         repeated;         // out: it was sent more than once
} gf_rd_cmd;

void gf_rd_reply_free(void *reply);    // a reply that a call or a session gave, with all of its
                                       //   parts; NULL is fine
void gf_rd_cmd_clear(gf_rd_cmd *cmd);                                // args and reply

int32_t gf_rd_slot(const char *key, size_t size);                    // CRC16 of the {tag} mod 16384

// Opens: finds the server(s), signs on, learns the version. scheme and options see options.h. Takes
// the options over (also on failure). Within timeout_ms, else EBROKER/ETIMEOUT with the reason.
gofer_status gf_rd_net_open(gf_rd_net **out, gf_rd_options *options, gf_log log,
    int64_t timeout_ms);
void         gf_rd_net_close(gf_rd_net *net);                        // in a forked child too:
                                                                     //   only descriptors

// Runs the commands; those for one node go as one pipeline in the order given (but a script that
// the server did not know, or what was redirected, is sent again after the others), nodes at the
// same time. Returns the first command's status that is not OK (its text is the thread's last
// error), but always answers every command. timeout_ms is for all of it.
gofer_status gf_rd_run(gf_rd_net *net, gf_rd_cmd *cmds, size_t count, int64_t timeout_ms);
// The same for commands that have nothing to do with each other: once some are answered, servers
// that are silent are waited for a second longer and not for all of the time.
gofer_status gf_rd_run_apart(gf_rd_net *net, gf_rd_cmd *cmds, size_t count, int64_t timeout_ms);

// The same for reads whose answers are of use only together: once one has failed for good, the
// others are not waited for, and that failure is returned. The status `passed` is no failure (OK:
// none is left out): ECORRUPT where a key of another type is passed over.
gofer_status gf_rd_run_whole(gf_rd_net *net, gf_rd_cmd *cmds, size_t count, int64_t timeout_ms,
    gofer_status passed);

// The same single plain command on every primary (INFO, PING …): on_reply once for each, with its
// address; a failing node has reply NULL. ENOMEM: also when it was only we who had
// no memory for a node.
typedef void (
    *gf_rd_on_reply)(void *arg, const char *address, const redisReply *reply, gofer_status status);
gofer_status gf_rd_run_everywhere(gf_rd_net *net, const gf_rd_args *args, int64_t timeout_ms,
    gf_rd_on_reply on_reply, void *arg);

// Where a primary is. It stays the same while it serves its slots.
typedef struct gf_rd_primary { char address[272]; } gf_rd_primary;
// The primary that serves this slot; and all of them, `most` at the most.
gofer_status gf_rd_primary_of(gf_rd_net *net, int32_t slot, int64_t timeout_ms, gf_rd_primary *out);
gofer_status gf_rd_primaries(gf_rd_net *net, int64_t timeout_ms, gf_rd_primary *out, size_t most,
    size_t *count);

typedef struct gf_rd_server {
    int32_t version;               // 70015 for 7.0.15; of Valkey the Redis version it stands for
    bool    is_valkey, is_cluster;
} gf_rd_server;
gf_rd_server gf_rd_net_server(gf_rd_net *net);
const gf_rd_options *gf_rd_net_options(const gf_rd_net *net);
// Counts connections that were made anew, so that others notice (subscriptions, SADD again).
uint64_t gf_rd_net_epoch(gf_rd_net *net);
// Counts how often a server was connected to again, after a connection to it broke.
uint64_t gf_rd_net_remade(gf_rd_net *net);
// OpenSSL, loaded when first asked for, and good until the net is closed. need: what it is for.
// EUNSUPPORTED: it is not on this system.
struct gf_openssl;
gofer_status gf_rd_net_openssl(gf_rd_net *net, const char *need, const struct gf_openssl **out);

// ---- a session: a connection of one's own, to block or to subscribe -----------------------------
//
// Belongs to one thread. After EBROKER close it and open another.

typedef struct gf_rd_session gf_rd_session;

gofer_status gf_rd_session_open(gf_rd_session **out, gf_rd_net *net, int32_t slot,
    int64_t timeout_ms);
void         gf_rd_session_close(gf_rd_session *session);
int          gf_rd_session_fd(const gf_rd_session *session);         // to poll for reading
gofer_status gf_rd_session_send(gf_rd_session *session, const gf_rd_args *args, int64_t timeout_ms);
// What has come so far: OK and *reply (gf_rd_reply_free), EEMPTY: nothing whole yet (poll),
// EBROKER: broken, or it leads to a server that others have replaced. Never blocks. Error
// replies are replies here.
gofer_status gf_rd_session_next(gf_rd_session *session, redisReply **reply);
// How long to poll for at the most before asking for the next, though nothing came: behind Sentinel
// the session may lead to a server that was replaced, which says nothing of it. NULL is fine.
int64_t gf_rd_session_nap_ms(const gf_rd_session *session, int64_t ms);

#endif
