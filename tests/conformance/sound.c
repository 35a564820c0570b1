// sound.c - is what the store holds in order? Asked behind the broker's back.
#include <sqlite3.h>

#include "fixture.h"
#include "raw.h"
#include "util/clock.h"

#define XIDS \
    "SELECT xid FROM ready UNION ALL SELECT xid FROM active UNION ALL SELECT xid FROM later"

// Sound, and every counter equals what it counts.
void file_check_sound(const char *file)
{
    static const char *const questions[] = {
        "PRAGMA integrity_check",
        ("SELECT ifnull((SELECT 'counters' FROM queue q WHERE"
         " pending <> (SELECT count(*) FROM ready WHERE seq >> 40 = qid) OR"
         " active <> (SELECT count(*) FROM active WHERE seq >> 40 = qid) OR"
         " scheduled <> (SELECT count(*) FROM later l WHERE l.qid = q.qid AND l.state = 2) OR"
         " retry <> (SELECT count(*) FROM later l WHERE l.qid = q.qid AND l.state = 3) OR"
         " completed <> (SELECT count(*) FROM later l WHERE l.qid = q.qid AND l.state = 4) OR"
         " archived <> (SELECT count(*) FROM later l WHERE l.qid = q.qid AND l.state = 5) OR"
         " aggregating <> (SELECT count(*) FROM later l WHERE l.qid = q.qid AND l.state = 6)), "
         "'ok')"),
        ("SELECT CASE WHEN (SELECT count(*) FROM ids) = (SELECT count(*) FROM ids i WHERE"
         " i.seq IN (SELECT seq FROM ready UNION ALL SELECT seq FROM active UNION ALL SELECT seq "
         "FROM later))"
         " AND (SELECT count(*) FROM ids) = (SELECT count(*) FROM ready) + (SELECT count(*) FROM "
         "active)"
         " + (SELECT count(*) FROM later) THEN 'ok' ELSE 'ids' END"),
        ("SELECT CASE WHEN (SELECT count(*) FROM blob) = (SELECT count(*) FROM"
         " (SELECT bid FROM ready WHERE bid UNION SELECT bid FROM active WHERE bid"
         " UNION SELECT bid FROM later WHERE bid UNION SELECT rbid FROM later WHERE rbid"
         " UNION SELECT cbid FROM extra WHERE cbid)) THEN 'ok' ELSE 'blobs' END"),
        // What is beside a task is one task's, and what is one task's is there.
        ("SELECT CASE WHEN (SELECT count(*) FROM extra) = (SELECT count(*) FROM (" XIDS
         ") WHERE xid IN (SELECT xid FROM extra))"
         " AND (SELECT count(*) FROM extra) = (SELECT count(*) FROM (" XIDS
         ") WHERE xid > 0 OR xid IN (SELECT xid FROM extra)) THEN 'ok' ELSE 'extras' END"),
        ("SELECT ifnull((SELECT 'lock of nobody: ' || id FROM lock l WHERE life < 2 AND until_ms > "
         "strftime('%s', 'now') * 1000"
         " AND NOT EXISTS(SELECT 1 FROM ids i WHERE i.qid = l.qid AND i.id = l.id)), 'ok')"),
        ("SELECT CASE WHEN (SELECT count(*) FROM member) ="
         " (SELECT count(*) FROM later WHERE state = 6)"
         " AND (SELECT count(*) FROM member) = (SELECT count(*) FROM member m"
         " JOIN later l ON l.seq = m.seq AND l.state = 6"
         " JOIN task_group g ON g.gid = m.gid AND g.qid = l.qid AND g.made = 0)"
         " THEN 'ok' ELSE 'members' END"),
        // Numbers of lanes are of what waits or runs, in queues that know of it.
        ("SELECT CASE WHEN EXISTS(SELECT 1 FROM later WHERE seq & (1 << 39)) OR"
         " EXISTS(SELECT 1 FROM ready r JOIN queue q ON q.qid = r.seq >> 40"
         " WHERE r.seq & (1 << 39) AND NOT q.ranked)"
         " THEN 'lanes' ELSE 'ok' END"),
        // Who waits for a key stands behind all lanes, and nobody else does; what counts is
        // claimed.
        ("SELECT CASE WHEN EXISTS(SELECT 1 FROM held h WHERE NOT EXISTS(SELECT 1 FROM ready r WHERE"
         " r.seq = h.seq) OR NOT EXISTS(SELECT 1 FROM limit_key k WHERE k.lid = h.lid))"
         " OR (SELECT count(*) FROM held) <> (SELECT count(*) FROM ready"
         " WHERE (seq & ((1 << 40) - 1)) BETWEEN (1 << 39) + (201 << 31)"
         " AND (1 << 39) + (228 << 31) - 1)"
         " OR EXISTS(SELECT 1 FROM held h JOIN queue q ON q.qid = h.seq >> 40 WHERE NOT q.limited)"
         " OR EXISTS(SELECT 1 FROM holds h WHERE NOT EXISTS(SELECT 1 FROM active a"
         " WHERE a.seq = h.seq AND a.token = h.token)) THEN 'limits' ELSE 'ok' END"),
        // Tenants' tasks that wait are those of the last numbers, and their queues know of them.
        ("SELECT CASE WHEN EXISTS(SELECT seq FROM ready WHERE (seq & ((1 << 40) - 1)) >= (1 << 39)"
         " + (228 << 31) EXCEPT SELECT seq FROM fair) OR EXISTS(SELECT seq FROM fair EXCEPT"
         " SELECT seq FROM ready) OR EXISTS(SELECT 1 FROM fair f JOIN queue q USING(qid)"
         " WHERE NOT q.fair OR f.seq >> 40 <> qid) THEN 'tenants' ELSE 'ok' END"),
        ("SELECT ifnull((SELECT 'empty group ' || name FROM task_group g WHERE set_id IS NULL"
         " AND NOT EXISTS(SELECT 1 FROM member m WHERE m.gid = g.gid)), 'ok')"),
    };
    sqlite3 *db;
    REQUIRE(sqlite3_open(file, &db) == SQLITE_OK);
    for (size_t i = 0; i < COUNT(questions); i++) {
        sqlite3_stmt *s;
        REQUIRE(sqlite3_prepare_v2(db, questions[i], -1, &s, NULL) == SQLITE_OK);
        CHECK_INT(sqlite3_step(s), SQLITE_ROW);
        CHECK_STR((const char *)sqlite3_column_text(s, 0), "ok");
        sqlite3_finalize(s);
    }
    sqlite3_close(db);
}

// Each id in one place, its hash there with the state of that place, no hash without a place, and
// what is active has a lease. KEYS[1] is any key of the queue.
static const char whole_queue[] =
    "local prefix = string.match(KEYS[1], '^(asynq:{.*}:)')\n"
    "local place, count = {}, 0\n"
    "local function look(state, ids)\n"
    "  for _, id in ipairs(ids) do\n"
    "    if place[id] then return id .. ' is in ' .. place[id] .. ' and in ' .. state end\n"
    "    place[id] = state\n"
    "    count = count + 1\n"
    "    local task = redis.call('HMGET', prefix .. 't:' .. id, 'state', 'msg', 'gofer:claim')\n"
    "    if not task[2] then return id .. ' in ' .. state .. ' has no message' end\n"
    "    if task[1] ~= state then return id .. ' in ' .. state .. ' is called ' .. "
    "tostring(task[1]) end\n"
    "    if task[3] and state ~= 'active' then return id .. ' in ' .. state .. ' has a claim' end\n"
    "  end\n"
    "end\n"
    "for _, state in ipairs({'pending', 'active'}) do\n"
    "  local bad = look(state, redis.call('LRANGE', prefix .. state, 0, -1))\n"
    "  if bad then return bad end\n"
    "end\n"
    "for _, state in ipairs({'scheduled', 'retry', 'completed', 'archived'}) do\n"
    "  local bad = look(state, redis.call('ZRANGE', prefix .. state, 0, -1))\n"
    "  if bad then return bad end\n"
    "end\n"
    // Groups, and the sets taken out of them.
    "local groups = redis.call('ZRANGE', prefix .. 'aggregation_sets', 0, -1)\n"
    "for _, name in ipairs(redis.call('SMEMBERS', prefix .. 'groups')) do groups[#groups + 1] = "
    "prefix .. 'g:' .. name end\n"
    "for _, key in ipairs(groups) do\n"
    "  local bad = look('aggregating', redis.call('ZRANGE', key, 0, -1))\n"
    "  if bad then return bad end\n"
    "end\n"
    "for _, id in ipairs(redis.call('ZRANGE', prefix .. 'lease', 0, -1)) do\n"
    "  if place[id] ~= 'active' then return id .. ' has a lease and is ' .. tostring(place[id]) "
    "end\n"
    "end\n"
    "if redis.call('ZCARD', prefix .. 'lease') ~= redis.call('LLEN', prefix .. 'active') then "
    "return 'leases' end\n"
    // What waits in the line is in scheduled, too, and something of it in pending.
    "local line = redis.call('ZRANGE', prefix .. 'gofer:line', 0, -1, 'WITHSCORES')\n"
    "for i = 1, #line, 2 do\n"
    "  local rank = redis.call('HGET', prefix .. 't:' .. line[i], 'gofer:rank')\n"
    "  local at = place[line[i]]\n"
    "  if at ~= 'scheduled' and at ~= 'pending' then return line[i] .. ' in the line is ' .. "
    "tostring(at) end\n"
    "  if tonumber(rank) ~= tonumber(line[i + 1]) then return line[i] .. ' is elsewhere' end\n"
    "end\n"
    "local ready = redis.call('ZCOUNT', prefix .. 'gofer:line', '-inf', '(3536029394927616')\n"
    "if ready > 0 and redis.call('LLEN', prefix .. 'pending') == 0 then return 'a silent "
    "line' end\n"
    // Who waits for a limit key stands behind the line, and in that key's own; and nobody else.
    "local fronts = { s = 'asynq:{gofer-limits}:', q = prefix .. 'gofer:' }\n"
    "local queue, waiting = string.sub(prefix, 8, -3), {}\n"
    "for i = 1, #line, 2 do\n"
    "  local held = redis.call('HGET', prefix .. 't:' .. line[i], 'gofer:held') or ''\n"
    "  if tonumber(line[i + 1]) >= 3536029394927616 then\n"
    "    if held == '' then return line[i] .. ' waits for nothing' end\n"
    "    local key = fronts[string.sub(held, 1, 1)] .. 'held:' .. string.sub(held, 2)\n"
    "    if not redis.call('ZSCORE', key, queue .. '\\n' .. line[i]) then\n"
    "      return line[i] .. ' is not held'\n"
    "    end\n"
    "    if not redis.call('ZSCORE', prefix .. 'gofer:wakes', held) then\n"
    "      return held .. ' is looked at by nobody'\n"
    "    end\n"
    "    waiting[line[i]] = held\n"
    "  elseif held ~= '' then return line[i] .. ' waits in the line, and for ' .. held end\n"
    "end\n"
    "for scope, front in pairs(fronts) do\n"
    "  local keys = redis.pcall('ZRANGE', front .. 'keys', 0, -1)\n"
    "  for _, key in ipairs(keys.err and {} or keys) do\n"
    "    for _, one in ipairs(redis.call('ZRANGE', front .. 'held:' .. key, 0, -1)) do\n"
    "      local of, id = string.match(one, '^(.-)\\n(.*)$')\n"
    "      if of == queue and waiting[id] ~= scope .. key then\n"
    "        return id .. ' is held for ' .. key .. ' and does not wait'\n"
    "      end\n"
    "    end\n"
    "    for _, one in ipairs(redis.call('ZRANGE', front .. 'run:' .. key, 0, -1)) do\n"
    "      local of, id = string.match(one, '^(.-)\\n(.*)$')\n"
    "      if of == queue and place[id] ~= 'active' then return id .. ' does not run' end\n"
    "    end\n"
    "  end\n"
    "end\n"
    "local hashes = #redis.call('KEYS', prefix .. 't:*')\n"
    "if hashes ~= count then return hashes .. ' hashes, ' .. count .. ' tasks' end\n"
    "return 'ok'\n";

// Of those that run one after the other it is the turn of one that is there and has the key, which
// is listed.
static const char whose_turn[] =
    "local prefix = string.sub(KEYS[1], 1, -8)\n"
    "local turns = redis.call('HGETALL', prefix .. 'gofer:turns')\n"
    "for i = 1, #turns, 2 do\n"
    "  local counts = redis.call('HGET', prefix .. 't:' .. turns[i + 1], 'gofer:limit') or ''\n"
    "  if string.match(counts, '^%d+b? ([^\\n]*)') ~= turns[i] then\n"
    "    return turns[i + 1] .. ' has the turn of ' .. turns[i]\n"
    "  end\n"
    "  if not redis.call('ZSCORE', prefix .. 'gofer:keys', turns[i]) then\n"
    "    return turns[i] .. ' is not listed'\n"
    "  end\n"
    "end\n"
    "return 'ok'\n";

// While a slot moves, one server has a part of the queue and another the rest. What is wrong stays.
static void check_queue(const char *script, const char *key)
{
    int64_t end_ms = check_now_ms() + PATIENCE_MS;
    const char *said = raw_script(script, key);
    while ((!said || strcmp(said, "ok") != 0) && check_now_ms() < end_ms) {
        gf_sleep_us(100000);
        said = raw_script(script, key);
    }
    CHECK_STR(said, "ok");
}

static void check_redis(void)
{
    char queues[4096], *rest = NULL;
    const char *names = raw_text("SMEMBERS asynq:queues");
    snprintf(queues, sizeof queues, "%s", names ? names : "");
    for (char *queue = strtok_r(queues, " ", &rest); queue; queue = strtok_r(NULL, " ", &rest)) {
        char key[512];
        snprintf(key, sizeof key, "asynq:{%s}:pending", queue);
        check_queue(whole_queue, key);
        check_queue(whose_turn, key);
    }
}

void store_check_sound(void)
{
    if (store_is_file())
        file_check_sound(store_path());
    else if (store_is_redis())
        check_redis();
}
