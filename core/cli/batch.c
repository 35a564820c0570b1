// batch.c - `gofer enqueue --batch`: JSON lines from standard input to tasks, many a round trip.
//
// A round ends when it is full or when the next line is not there yet, so that a slow producer's
// tasks do not wait for company.
#include "batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "task_line.h"

enum { ROUND_TASKS = 500, ROUND_BYTES = 8 << 20 };

typedef struct entry {
    long long  line;
    task_line *task;
} entry;

typedef struct batch {
    cli          *c;
    const put_way *way;
    const gofer_enqueue_options *defaults;
    entry         entries[ROUND_TASKS];
    size_t        count, bytes;
    long long     line, added, refused;
    int           code;         // of the first failure
    int           first;        // no item printed yet
    int64_t       part_ms;      // of a second, that a task is to begin at
} batch;

// ---- Rounds

// What is told of one: its id and what its call has done, or why not.
typedef struct told {
    const char *id;             // NULL: it was refused
    int32_t     effect;
    const char *status, *message;
} told;

static void print_item(batch *b, long long line, const told *t)
{
    const char *id = t->id;
    if (b->c->global.json) {
        printf("%s{\"line\":%lld,", b->first ? "" : ",", line);
        fputs(id ? "\"id\":" : "\"error\":", stdout);
        json_put_text(stdout, id ? id : t->status);
        fputs(id ? ",\"effect\":" : ",\"message\":", stdout);
        json_put_text(stdout, id ? effect_word(t->effect) : t->message);
        fputs("}", stdout);
        b->first = 0;
    } else if (id && !b->c->global.quiet) {
        puts(id);
    }
}

static void refuse(batch *b, long long line, gofer_status status, const char *message)
{
    b->refused++;
    int code = cli_exit_code(status);
    print_item(b, line,
        &(told){ .status = gofer_status_name(status), .message = message });
    if (!b->c->global.json)
        cli_fail(b->c, code, "line %lld: %s", line, message);
    if (b->code == CLI_OK)
        b->code = code;
}

static void flush_round(batch *b)
{
    const char *types[ROUND_TASKS];
    const void *payloads[ROUND_TASKS];
    size_t sizes[ROUND_TASKS];
    const gofer_enqueue_options *opts[ROUND_TASKS];
    gofer_status statuses[ROUND_TASKS];
    char *ids[ROUND_TASKS] = { NULL };
    if (b->count == 0)
        return;
    for (size_t i = 0; i < b->count; i++) {
        const task_line *task = b->entries[i].task;
        types[i] = task->type;
        payloads[i] = task->payload;
        sizes[i] = task->payload_size;
        opts[i] = &task->opts;
        statuses[i] = GOFER_OK;
    }

    const put_round round = { b->count, types, payloads, sizes, opts, statuses, ids };
    gofer_status all = put_round_send(b->way, &round);
    char reason[1024];
    snprintf(reason, sizeof reason, "%s", gofer_error_last());
    int is_used = 0;   // reason, which belongs to the first refused one
    for (size_t i = 0; i < b->count; i++) {
        long long line = b->entries[i].line;
        if (ids[i]) {
            b->added++;
            print_item(b, line, &(told){ ids[i], b->entries[i].task->effect, NULL, NULL });
        } else {
            gofer_status st = statuses[i] != GOFER_OK ? statuses[i] : all;
            refuse(b, line, st, st == all && !is_used ? reason : gofer_status_text(st));
            is_used |= st == all;
        }
        gofer_free(ids[i]);
        task_line_free(b->entries[i].task);
    }
    b->count = b->bytes = 0;
    if (fflush(stdout) != 0 && b->code == CLI_OK)
        b->code = CLI_FAILED;   // main says why
}

static void add_line(batch *b, const char *line, size_t size)
{
    char why[TASK_LINE_WHY] = "";
    b->line++;
    if (b->line == 1)
        gf_json_unmark(&line, &size);
    if (size && line[size - 1] == '\r')
        size--;
    if (size == 0)
        return;     // blank lines separate
    task_line *task = task_line_new(b->defaults);
    if (!task || !task_line_read(task, line, size, why)) {
        flush_round(b);     // what came before is printed before
        refuse(b, b->line, task ? GOFER_EINVAL : GOFER_ENOMEM, task ? why : "there is no memory");
        task_line_free(task);
        return;
    }
    b->entries[b->count++] = (entry){ b->line, task };
    if (!b->part_ms)
        b->part_ms = (task->opts.debounce_ms ? task->opts.debounce_ms
                : task->opts.delay_ms        ? task->opts.delay_ms
                                             : task->opts.run_at_ms) % 1000;
    b->bytes += task->payload_size + 256;
    if (b->count == ROUND_TASKS || b->bytes >= ROUND_BYTES)
        flush_round(b);
}

// A store that is away, or nobody who reads our output: the rest of the input would fare no better.
static int is_hopeless(const batch *b)
{
    return b->code == CLI_BROKER || b->code == CLI_DENIED || ferror(stdout);
}

int batch_run(cli *c, const put_way *way, const gofer_enqueue_options *defaults)
{
    batch *b = cli_alloc(sizeof *b);
    *b = (batch){ .c = c, .way = way, .defaults = defaults, .first = 1 };
    cli_lines lines = { .fd = STDIN_FILENO };
    const char *line;
    size_t size;
    int got = CLI_LINES_LINE;

    if (c->global.json)
        fputs("{\"items\":[", stdout);
    while (got > CLI_LINES_END && got != CLI_LINES_LONG && !is_hopeless(b)) {
        got = cli_lines_next(&lines, b->count == 0, &line, &size);
        if (got == CLI_LINES_LINE)
            add_line(b, line, size);
        else
            flush_round(b);
    }
    if (got == CLI_LINES_LONG)
        refuse(b, b->line + 1, GOFER_ETOOBIG,
            "the line is longer than 128 MiB; the rest is not read");
    if (got == CLI_LINES_ERROR && b->code == CLI_OK)
        b->code = cli_fail(c, CLI_FAILED, "cannot read standard input: %s", strerror(errno));

    if (c->global.json)
        printf("],\"added\":%lld,\"refused\":%lld}\n", b->added, b->refused);
    else if (b->refused)
        cli_note(c, "%lld tasks added, %lld refused, %lld lines read", b->added, b->refused,
            b->line);
    cli_note_rounded(c, way->client, b->part_ms);
    int code = b->code;
    cli_lines_free(&lines);
    free(b);
    return code;
}
