/* gofer.i - the Lua module `gofer`, generated from gofer.h.
 *
 * The header is read as it is; what stands here is manner only: names, and typemaps that turn
 * tables into options, strings into bytes, snapshots into tables and failures into errors. Every
 * typemap calls one function of binding.h, and none of those leaves anything on the C heap, so a
 * Lua error may leave a wrapper at any point. docs/lua.md shows the result.
 */
%module gofer

%{
#include "binding.h"

/* Missing arguments are nil, and the typemaps judge nil; too many are an error. */
#undef SWIG_check_num_args
#define SWIG_check_num_args(name, least, most)                                             \
    {                                                                                      \
        if (lua_gettop(L) > (most))                                                        \
            gofer_lua_invalid(L, "%s takes at most %d arguments", name, (int)(most));      \
        lua_settop(L, (most));                                                             \
    }
%}

/* SWIG leaves two functions of its own among the globals; a module has no business there. */
%init %{
    lua_pushnil(L);
    lua_setglobal(L, "swig_type");
    lua_pushnil(L);
    lua_setglobal(L, "swig_equals");
    gofer_lua_register(L);
%}

/* ---- Names: gofer_client_*, gofer_task_* become methods (methods.c), gofer_* the module's ---- */

%rename("%(strip:[gofer_])s") "";
%rename(open) gofer_client_open;
%rename(client_run) gofer_client_task_run;
%rename(client_archive) gofer_client_task_archive;
%rename(client_delete) gofer_client_task_delete;
%rename(client_check) gofer_client_check;
%rename(client_migrate) gofer_client_migrate;
%rename(client_migrate_schedules) gofer_client_migrate_schedules;
%rename(client_cancel) gofer_client_task_cancel;
%rename(client_edit) gofer_client_task_edit;
%rename(client_reschedule) gofer_client_task_reschedule;
%rename(client_delay) gofer_client_task_delay;
%rename(client_set_worker) gofer_client_worker_set;
%rename(client_run_all) gofer_client_tasks_run;
%rename(client_archive_all) gofer_client_tasks_archive;
%rename(client_delete_all) gofer_client_tasks_delete;
%rename(client_pause) gofer_client_queue_pause;
%rename(client_unpause) gofer_client_queue_unpause;
%rename(client_bound) gofer_client_queue_bound;
%rename(client_pause_type) gofer_client_type_pause;
%rename(client_unpause_type) gofer_client_type_unpause;
%rename(client_paused_types) gofer_client_types_paused;
%rename(client_put_hours) gofer_client_hours_put;
%rename(client_remove_hours) gofer_client_hours_remove;
%rename(client_age) gofer_client_queue_age;
%rename(client_require_encrypted) gofer_client_queue_encrypt;
%rename(client_delete_queue) gofer_client_queue_delete;
%rename(client_shard) gofer_client_queue_shard;
%rename(client_shards) gofer_client_queue_shards;
%rename(task_raw) gofer_task_payload;
%rename(version_number) gofer_version;

/* ---- Left out ---- */

/* Memory and callbacks of C, worker hosts, and what methods.c and events.c do another way. */
%rename("$ignore", %$isenumitem) "";
%rename("$ignore", %$isenum) "";
%rename("$ignore", %$isclass) "";
%rename("$ignore", regextarget=1) "^gofer_(worker|info|group|events|waits)_.*";
%rename("$ignore", regextarget=1) "^gofer_(free|set_allocator|version_text)$";
%rename("$ignore", regextarget=1) "^gofer_(error_last|status_name|status_text)$";
%rename("$ignore", regextarget=1) "^gofer_(.*_options|filter|audit|audit_filter)_init$";
%rename("$ignore", regextarget=1) "^gofer_client_(close|audit_add|check_watched|spent)$";
%rename("$ignore", regextarget=1) "^gofer_task_(header_at|header_count|client|next|log|resume)$";
%rename("$ignore", regextarget=1) "^gofer_(task_trace|trace_carry)$";
%rename("$ignore", regextarget=1) "^gofer_task_(remaining_ms|deadline_ms|enqueued_at_ms)$";
/* The outcomes: a handler returns or raises them, see the worker's Lua host. */
%rename("$ignore", regextarget=1) "^gofer_task_(fail|skip_retry|revoke|retry_in|error)$";
%rename("$ignore", regextarget=1) "^gofer_task_(snooze|limit_pause)$";
/* Flows: what flow.c does another way. */
%rename("$ignore", regextarget=1) "^gofer_client_flow_(start|act|wait|result)$";
%rename("$ignore", regextarget=1) "^gofer_(flow_.*|task_parent)$";
%ignore GOFER_API;
%ignore GOFER_MAX_DURATION_MS;

/* ---- Values in ---- */

%typemap(in) const char * "$1 = (char *)gofer_lua_text(L, $input, \"$1_name\");"
%typemap(in) int32_t "$1 = gofer_lua_int32(L, $input, \"$1_name\");"
%typemap(in) int64_t "$1 = gofer_lua_int64(L, $input, \"$1_name\");"
%typemap(in) gofer_client *client, const gofer_client *client "$1 = gofer_lua_client(L, $input);"
%typemap(in) gofer_task *task, const gofer_task *task "$1 = gofer_lua_task(L, $input);"

%typemap(in) (const void *payload, size_t size) "$1 = (void *)gofer_lua_payload(L, $input, &$2);"
%apply (const void *payload, size_t size) { (const void *bytes, size_t size) };

%typemap(in) const gofer_client_options *opts (gofer_client_options options)
    "gofer_lua_client_options(L, $input, &options); $1 = &options;"
%typemap(in) const gofer_enqueue_options *opts (gofer_enqueue_options options)
    "gofer_lua_enqueue_options(L, $input, &options); $1 = &options;"
%typemap(in) const gofer_limit_options *opts (gofer_limit_options options)
    "gofer_lua_limit_options(L, $input, &options); $1 = &options;"
%typemap(in) (int32_t blocked, const char *cursor, int32_t limit) (gofer_lua_keys keys)
    "gofer_lua_keys_options(L, $input, &keys);
     $1 = keys.blocked; $2 = (char *)keys.page.cursor; $3 = keys.page.limit;"
%typemap(in) (const char *cursor, int32_t limit) (gofer_lua_page page)
    "gofer_lua_page_options(L, $input, &page); $1 = (char *)page.cursor; $2 = page.limit;"
%typemap(in) const gofer_filter *filter (gofer_filter filter)
    "gofer_lua_filter(L, $input, &filter); $1 = &filter;"
%typemap(in) (const gofer_filter *filter, const char *cursor, int32_t limit)
             (gofer_lua_finding finding)
    "gofer_lua_find_options(L, $input, &finding);
     $1 = &finding.filter; $2 = (char *)finding.page.cursor; $3 = finding.page.limit;"
%typemap(in) (const gofer_audit_filter *filter, const char *cursor, int32_t limit)
             (gofer_lua_auditing auditing)
    "gofer_lua_audit_options(L, $input, &auditing);
     $1 = &auditing.filter; $2 = (char *)auditing.page.cursor; $3 = auditing.page.limit;"
%typemap(in) (const char *tz, int64_t from_ms, int32_t count) (gofer_lua_ticks ticks)
    "gofer_lua_cron_options(L, $input, &ticks);
     $1 = (char *)ticks.tz; $2 = ticks.from_ms; $3 = ticks.count;"
%typemap(in) (const char *name, const char *spec, const char *type,
              const void *payload, size_t size,
              const gofer_schedule_options *opts, int32_t flags) (gofer_lua_entry entry) {
    gofer_lua_read_entry(L, $input, &entry);
    $1 = (char *)entry.name;
    $2 = (char *)entry.spec;
    $3 = (char *)entry.type;
    $4 = (void *)entry.payload.data;
    $5 = entry.payload.size;
    $6 = &entry.options;
    $7 = entry.flags;
}
%typemap(in) (const char *json, size_t size) "$1 = (char *)gofer_lua_entries(L, $input, &$2);"
%typemap(in) int32_t act "$1 = gofer_lua_act(L, $input);"
%typemap(in) (gofer_act_progress progress, void *user) (gofer_lua_progress call)
    "gofer_lua_read_progress(L, $input, &call);
     $1 = call.function ? gofer_lua_call_progress : NULL; $2 = &call;"
%typemap(argout) (gofer_act_progress progress, void *user)
    "gofer_lua_check_progress(L, &call$argnum, result);"
%typemap(in) const char *value "$1 = (char *)gofer_lua_set_value(L, $input);"
%typemap(in) int64_t run_at_ms "$1 = gofer_lua_time_ms(L, $input, \"the time\");"
%typemap(in) int64_t ms "$1 = gofer_lua_duration_ms(L, $input, \"the time\");"
%typemap(in) int64_t delay_ms "$1 = gofer_lua_duration_ms(L, $input, \"the delay\");"
%typemap(in) int32_t paused "$1 = lua_isnil(L, $input) || lua_toboolean(L, $input);"
%typemap(in) int32_t limit, int32_t hours, int32_t minutes
    "$1 = lua_isnil(L, $input) ? 0 : gofer_lua_int32(L, $input, \"$1_name\");"
%typemap(in) int32_t weight "$1 = gofer_lua_int32(L, $input, \"the weight\");"
%typemap(in) int32_t force "$1 = lua_toboolean(L, $input);"
%typemap(in) int32_t required "$1 = lua_isnil(L, $input) || lua_toboolean(L, $input);"
%typemap(in) int32_t days "$1 = lua_isnil(L, $input) ? 7 : gofer_lua_int32(L, $input, \"days\");"

/* ---- Values out: places are made in the `check` stage, when the arguments have been read ---- */

%typemap(in, numinputs=0) gofer_client **out (int place) "$1 = NULL;"
%typemap(check) gofer_client **out "$1 = gofer_lua_client_new(L); place$argnum = lua_gettop(L);"
%typemap(argout) gofer_client **out "lua_pushvalue(L, place$argnum); SWIG_arg++;"

%typemap(in, numinputs=0) gofer_info **out (int place) "$1 = NULL;"
%typemap(check) gofer_info **out
    "$1 = (gofer_info **)gofer_lua_hold(L, gofer_lua_release_info); place$argnum = lua_gettop(L);"
%typemap(argout) gofer_info **out
    "gofer_lua_push_info(L, *$1); gofer_lua_let_go(L, place$argnum); SWIG_arg++;"

%typemap(in, numinputs=0) char **id_out (int place) "$1 = NULL;"
%typemap(check) char **id_out
    "$1 = (char **)gofer_lua_hold(L, gofer_free); place$argnum = lua_gettop(L);"
%typemap(argout) char **id_out
    "lua_pushstring(L, *$1); gofer_lua_let_go(L, place$argnum); SWIG_arg++;"

/* Of one task: its id; and what was done, if that was asked for. */
%typemap(in) (const gofer_enqueue_options *opts, char **id_out)
             (gofer_enqueue_options options, int32_t did, int asked, int place) {
    gofer_lua_enqueue_options(L, $input, &options);
    asked = gofer_lua_asks_effect(L, $input);
    did = GOFER_EFFECT_CREATED;
    options.effect = &did;
    $1 = &options;
    $2 = NULL;
}
%typemap(check) (const gofer_enqueue_options *opts, char **id_out)
    "$2 = (char **)gofer_lua_hold(L, gofer_free); place$argnum = lua_gettop(L);"
%typemap(argout) (const gofer_enqueue_options *opts, char **id_out) {
    lua_pushstring(L, *$2);
    gofer_lua_let_go(L, place$argnum);
    SWIG_arg++;
    if (asked$argnum) {
        lua_pushstring(L, gofer_lua_effect_word(did$argnum));
        SWIG_arg++;
    }
}

%typemap(in, numinputs=0) int64_t *count (int64_t number), int64_t *done (int64_t number)
    "number = 0; $1 = &number;"
%typemap(argout) int64_t *count, int64_t *done
    "lua_pushinteger(L, (lua_Integer)number$argnum); SWIG_arg++;"

/* The two parsers: seconds, as everywhere in Lua. */
%typemap(in, numinputs=0) int64_t *out_ms (int64_t ms) "ms = 0; $1 = &ms;"
%typemap(argout) int64_t *out_ms "lua_pushnumber(L, (lua_Number)ms$argnum / 1000); SWIG_arg++;"

%typemap(in, numinputs=0) size_t *size (size_t length) "length = 0; $1 = &length;"
%typemap(argout) size_t *size "lua_pushlstring(L, (const char *)result, length$argnum); SWIG_arg++;"
%typemap(out) const void * ""

/* ---- Many tasks: a list of tables in, a list of ids and a table of errors out ---- */

%typemap(in) (size_t count, const char *const *types, const void *const *payloads,
              const size_t *sizes, const gofer_enqueue_options *const *opts,
              gofer_status *statuses, char **ids_out) (gofer_lua_batch *batch) {
    batch = gofer_lua_read_batch(L, $input);
    $1 = batch->count;
    $2 = (char **)batch->types;
    $3 = (void **)batch->payloads;
    $4 = batch->sizes;
    $5 = (gofer_enqueue_options **)batch->option_of;
    $6 = batch->statuses;
    $7 = batch->ids;
}
%typemap(argout) (size_t count, const char *const *types, const void *const *payloads,
                  const size_t *sizes, const gofer_enqueue_options *const *opts,
                  gofer_status *statuses, char **ids_out)
    "gofer_lua_push_batch(L, batch$argnum, result); SWIG_arg += 3;"

/* ---- Results ---- */

%typemap(out) gofer_status "gofer_lua_check(L, $1);"
%typemap(out) gofer_status gofer_client_enqueue_many ""  /* each task has its own fate */
%typemap(out) gofer_status gofer_client_act ""           /* the progress function has a say in it */
%typemap(out) int32_t gofer_task_stopping "lua_pushboolean(L, $1 != 0); SWIG_arg++;"
%typemap(out) int32_t "lua_pushinteger(L, (lua_Integer)$1); SWIG_arg++;"
/* Why to stop, or false. */
%typemap(out) int32_t gofer_task_cancelled {
    static const char *const reasons[] = { "", "timeout", "stop", "lease", "request" };
    if ($1 > 0 && (size_t)$1 < sizeof reasons / sizeof *reasons)
        lua_pushstring(L, reasons[$1]);
    else
        lua_pushboolean(L, $1 != 0);
    SWIG_arg++;
}

#define GOFER_API
#define INT64_C(number) number
typedef int int32_t;
typedef long long int64_t;
%include "gofer/gofer.h"
