// look.h - what the files of inspection and action share: look.c, look_task.c, page.c, act.c, act_queue.c.
#ifndef GF_BROKER_REDIS_LOOK_H
#define GF_BROKER_REDIS_LOOK_H

#include "broker/redis/lua.h"
#include "broker/redis/store.h"
#include "info/info.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

// One row as the scripts here return a task: an array of
enum {
    GF_ROW_ID, GF_ROW_SCORE,             // score: text, nil where there is none
    GF_ROW_PAYLOAD_SIZE,                 // >= 0: the payload was cut out of msg and has so many bytes
    GF_ROW_MSG,                          // a number: the size of one that is too long to be read
    GF_ROW_STATE, GF_ROW_SINCE, GF_ROW_CRASHES, GF_ROW_PROGRESS, GF_ROW_ERROR, GF_ROW_WORKER,
    GF_ROW_CLAIM, GF_ROW_CANCEL,
    GF_ROW_CHECKPOINT_SIZE,              // 0: none
    GF_ROW_RESULT, GF_ROW_ATTEMPTS, GF_ROW_LOG,      // of a single task only
    GF_ROW_COUNT
};
// Lua: row(key, longest): the fields of a task from GF_ROW_MSG to GF_ROW_CHECKPOINT_SIZE; all false if
// it is no hash. A message that is too long for a reply is not even read.
#define GF_RD_LUA_ROW \
    "local function row(key, longest)\n" \
    "  local size = redis.pcall('HSTRLEN', key, 'msg')\n" \
    "  if type(size) ~= 'number' then\n" \
    "    return { false, false, false, false, false, false, false, false, false, 0 }\n" \
    "  end\n" \
    "  local f = redis.call('HMGET', key, size > longest and 'state' or 'msg', 'state',\n" \
    "    'pending_since', 'gofer:crashes', 'gofer:progress', 'gofer:error', 'gofer:worker',\n" \
    "    'gofer:claim', 'gofer:cancel')\n" \
    "  if size > longest then f[1] = size end\n" \
    "  f[10] = redis.call('HSTRLEN', key, 'gofer:ckpt')\n" \
    "  return f\n" \
    "end\n"

// Lua: thin(m) gives a message without its payload, and the payload's size; a small or unreadable one as it
// is, and -1. So a page of large tasks costs what it shows.
#define GF_RD_LUA_THIN \
    "local function thin(m)\n" \
    "  if type(m) ~= 'string' or #m < 4096 then return m, -1 end\n" \
    "  local i, from, size, parts = 1, 1, -1, {}\n" \
    GF_RD_LUA_VARINT \
    "  while i <= #m do\n" \
    "    local at, tag = i, number()\n" \
    "    local kind = tag and tag % 8\n" \
    "    if kind == 0 then if not number() then return m, -1 end\n" \
    "    elseif kind == 1 then i = i + 8\n" \
    "    elseif kind == 5 then i = i + 4\n" \
    "    elseif kind == 2 then\n" \
    "      local l = number()\n" \
    "      if not l or i + l - 1 > #m then return m, -1 end\n" \
    "      i = i + l\n" \
    "      if tag == 18 then\n" \
    "        parts[#parts + 1] = m:sub(from, at - 1)\n" \
    "        from, size = i, l\n" \
    "      end\n" \
    "    else return m, -1 end\n" \
    "  end\n" \
    "  if size < 0 then return m, -1 end\n" \
    "  parts[#parts + 1] = m:sub(from)\n" \
    "  return table.concat(parts), size\n" \
    "end\n"

// Who runs a task that a worker took which leaves no gofer:worker: from the workers' heartbeats.
typedef struct gf_rd_runner { char *worker; int64_t started_ms; } gf_rd_runner;

// The record of a row; NULL: no memory. queue and state are where it was found (GF_STATE_COUNT: whatever the
// row says); whole: with payload and result. runner: NULL, or of an active task.
gofer_info *gf_rd_task_info(const redisReply *row, const char *queue, gf_state state, bool whole,
    const gf_rd_runner *runner);
// The state a row's hash says; GF_STATE_COUNT: none that we know.
gf_state gf_rd_row_state(const redisReply *row);
// Fills runners (zeroed, of count) for ids where a live worker says that it runs them. Best effort: a failure
// leaves them empty. gf_free each worker.
void gf_rd_runners_find(gf_rd_store *s, const char *queue, const redisReply *const *ids, size_t count,
    gf_rd_runner *runners);

// A page of rows, raw: [more, rows, place]; the rows have no result. rest: the list or zset of that state (of GF_AGGREGATING:
// one of its zsets). *next: NULL at the start and the end, between them ours; gf_free it when stopping earlier.
gofer_status gf_rd_rows(gf_rd_store *s, const char *queue, gf_state state, const char *rest, size_t limit, char **next,
    redisReply **page);

// The zsets of aggregating tasks by name, without "asynq:{q}:g:", sorted: groups, and sets that are being aggregated.
gofer_status gf_rd_group_sets(gf_rd_store *s, const char *queue, redisReply **out);

// OK: the queue is in asynq:queues or has keys; else ENOTFOUND, or why we do not know.
gofer_status gf_rd_queue_need(gf_rd_store *s, const char *queue);
// Adds asynq:{queue}:<rest> for each of rests to a script's keys; room: so many, in use until the call is over.
void gf_rd_add_keys(gf_rd_cmd *cmd, gf_rd_key *room, const char *queue, const char *const *rests, size_t count);
// Text of a reply that may be anybody's: valid UTF-8, gf_free; NULL: no memory.
char *gf_rd_clean(const redisReply *r);
int64_t gf_rd_reply_decimal(const redisReply *r, int64_t fallback);    // strict: digits only

#endif
