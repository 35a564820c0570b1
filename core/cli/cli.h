// cli.h - what the files of the gofer binary share.
//
// A command is an entry (cli_command) with its options as data; parsing, help, the man page and
// docs/cli.md all read the same tables. The binary uses gofer.h alone, as any stranger would.
// One thread, but for the worker's signal thread and the log callback.
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "audit_note.h"
#include "gofer/gofer.h"
#include "task_line.h"
#include "util/nearest.h"

// Exit codes: what its caller learns of the process; the words are in help.c.
enum {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_NOT_FOUND = 3,
    CLI_CONFLICT = 4,
    CLI_BROKER = 5,
    CLI_DENIED = 6,
    CLI_TIME_OUT = 7
};

// ---- Options and commands, as data

typedef enum cli_kind {
    CLI_FLAG,       // int
    CLI_TEXT,       // const char *
    CLI_CHOICE,     // const char *; `value` lists the words: "text|json"
    CLI_LIST,       // cli_list: may be given many times
    CLI_NUMBER,     // cli_number, from min to max
    CLI_DURATION,   // cli_number, milliseconds
    CLI_TIME,       // cli_number, Unix milliseconds
    CLI_SIZE        // cli_number, bytes, from min to max
} cli_kind;

typedef struct cli_list {
    const char **items;
    size_t       count;
} cli_list;

typedef struct cli_number {
    int64_t value;
    int     given;
} cli_number;

typedef struct cli_option {
    const char *name;       // without dashes; NULL ends a table
    char        letter;     // short form, or 0
    cli_kind    kind;
    size_t      offset;     // where in the command's arguments the value goes
    const char *value;      // how help names the value; NULL for flags
    const char *help;
    int64_t     min, max;
} cli_option;

// The library's own limits, where several options have them: refused here, an
// error names the option.
enum { CLI_RETRY_MAX = TASK_LINE_RETRY_MAX, CLI_PAYLOAD_MAX = 512 << 20 };

#define CLI_OPTIONS_END { NULL, 0, CLI_FLAG, 0, NULL, NULL, 0, 0 }

typedef struct cli cli;

typedef struct cli_command {
    const char       *name;         // "enqueue", "task ls"
    const char       *summary;      // one line
    const char       *usage;        // positional arguments, "" if none
    const char       *about;        // paragraphs, newline between them; may be NULL
    const char       *examples;     // lines; '#' begins a comment
    const cli_option *options;      // NULL: only the global ones
    size_t            args_size;    // of the struct that options fill
    int               words_min;    // positional arguments
    int               words_max;    // -1: any number
    int             (*run)(cli *c, const void *args);
} cli_command;

typedef struct cli_globals {
    const char *url;
    const char *keys;
    const char *log_format;
    const char *log_level;
    int         json;
    int         no_color;
    int         quiet;
    int         help;
    int         version;
} cli_globals;

struct cli {
    const cli_command *const *commands; // all there are, in the order of help; NULL-terminated
    cli_globals        global;
    const cli_command *command;     // once found
    const char       **words;       // positional arguments
    size_t             word_count;
    int                color;       // of stdout
    int64_t            timeout_ms;  // of calls to the store; 0: the default
    int               *output_errno; // main's: why output did not arrive; 0: it
                                     //   did, or it is not known
    struct logger     *log;         // once cli_open has made it; kept
    void             **kept;        // memory that lives until the end
    size_t             kept_count;
};

extern const cli_option cli_global_options[];
extern const cli_command *const cli_commands[];     // main.c's alone: the others have c->commands

// ---- memory.c. The three end the process when there is none.

void *cli_alloc(size_t size);
void *cli_grow(void *memory, size_t size);
void *cli_keep(cli *c, void *memory);               // freed at the end of the process

// ---- options.c

// Whose options they are.
typedef struct cli_taker {
    const char       *who;          // "gofer", "task ls": how errors name it
    const cli_option *options;      // besides the global ones; NULL: none
    void             *args;         // what these fill
    int               stop_at_word; // the first word that is no option ends the parsing
} cli_taker;

// Fill the globals and the taker's arguments. The words left over go to c->words.
// Returns an exit code.
int cli_parse(cli *c, const cli_taker *taker, const char *const *words, size_t count);
// A number of bytes: "64M", "1 GiB", "4096". 0, or -1.
int cli_parse_size(const char *text, int64_t *out);

// ---- names.c

const cli_command *cli_find_command(const cli *c, const char *name);
int cli_is_group(const cli *c, const char *noun);   // true for "task": there is a "task ls"
// The word of ours for one of a command's two: "server" is "worker".
const char *cli_canonical(const char *word);
// What another tool's word is here; noun NULL: the first word. NULL: none.
const char *cli_hint(const char *noun, const char *word);

// ---- help.c, manual.c

typedef struct cli_topic {
    const char *name;       // "exit-codes"
    const char *title;
    const char *text;       // paragraphs; lines that begin with a space stay as they are
} cli_topic;

extern const cli_topic cli_topics[];                // ended by a NULL name

void cli_help_overview(const cli *c, FILE *out, int whole);
void cli_help_group(const cli *c, FILE *out, const char *noun);
void cli_help_command(const cli *c, FILE *out, const cli_command *command);
void cli_help_topic(FILE *out, const cli_topic *topic);
// Long text at an indent, wrapped to 80 columns. at: the column the cursor is in.
void cli_wrap(FILE *out, const char *text, int indent, int at);
void cli_manual_roff(const cli *c, FILE *out);
void cli_manual_markdown(const cli *c, FILE *out);

// ---- fail.c: errors to standard error, once, and the exit code they mean

int cli_fail(const cli *c, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
// What gofer_error_last() says about a status. what: NULL, or words before it.
int cli_fail_status(const cli *c, gofer_status status, const char *what);
// The same with the words at hand, for when gofer_error_last() may have become another's.
int cli_fail_because(const cli *c, gofer_status status, const char *why);
int cli_exit_code(gofer_status status);
// A remark for people on standard error; silent with -q and --json.
void cli_note(const cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

// ---- show.c: records and bytes for standard output

// A record or list as a line of JSON. Returns an exit code.
int cli_put_info(const cli *c, const gofer_info *info);
// What a look has come to: why it failed, the record as JSON, or for people by `print`.
int cli_show(cli *c, gofer_status st, const gofer_info *info,
    void (*print)(const cli *c, const gofer_info *info));
// Bytes as lines with an indent: text with its control characters escaped, else the beginning of a
// hex dump. rest: what prints all of them.
void cli_put_bytes(const char *bytes, size_t size, const char *rest);
// Lines of text, each with an indent, so that none can pass for one of ours.
void cli_put_text(const char *text, size_t size);
// The same in one line, with commas.
void cli_put_lines(const char *text);
// An error in a line: of a Python traceback what was raised, of a command's words to standard error
// the last ones. free() it.
char *cli_error_line(const char *error);
// A field's name as a column of 12, in bold.
void cli_put_label(const cli *c, const char *label);

// ---- client.c

// Open the broker of --url with a logger; max_payload 0: the default. Returns an exit code.
int cli_open(cli *c, gofer_client **out, int64_t max_payload);
// Another client as the one that cli_open has made, once its store answers. Says nothing:
// gofer_error_last has it.
gofer_status cli_open_again(const cli *c, gofer_client **out, int64_t max_payload);
// Say, if a store has whole seconds only, that a time or delay with a part of one is rounded up.
void cli_note_rounded(const cli *c, const gofer_client *client, int64_t ms);

// ---- human.c: for reading, not for parsing

enum { CLI_HUMAN = 48 };    // room that each of these needs

int64_t     cli_now_ms(void);
int64_t     cli_sum(int64_t a, int64_t b);      // of what a store says: stops at what an
                                                //   integer holds
const char *cli_human_duration(char *out, int64_t ms);              // "1h 5m"
const char *cli_human_when(char *out, int64_t ms, int64_t now_ms);  // "in 5m", "3h ago"
const char *cli_human_time(char *out, int64_t ms);                  // local time with zone
const char *cli_human_size(char *out, int64_t bytes);               // "1.2 KiB"

// ---- payload.c: whole inputs, and lines as they come

// Standard input ("-") or a file, up to limit + 1 bytes (so that the library can say that it is
// too much). Returns an exit code; *out is the caller's to free.
int cli_read_file(const cli *c, const char *path, int64_t limit, char **out, size_t *size);

// A payload as it is given on a command line: the word itself, "-" for standard input, "@FILE".
// *kept (free) holds it if it was read. Returns an exit code.
enum { CLI_MAX_PAYLOAD = 16 << 20 };                // the library's default
int cli_read_payload(const cli *c, const char *word, int64_t limit, char **kept,
    const char **payload, size_t *size);

typedef struct cli_lines {
    int    fd;
    char  *buffer;
    size_t start, end, capacity;
    int    ended;
} cli_lines;

enum {
    CLI_LINES_END = 0,
    CLI_LINES_LINE = 1,
    CLI_LINES_WOULD_BLOCK = 2,
    CLI_LINES_LONG = 3,
    CLI_LINES_ERROR = -1
};

// The next line, without its newline, borrowed until the next call. Unless `block`, WOULD_BLOCK
// when none is there yet. LONG: over CLI_LINE_MAX bytes; there is no way on from there.
enum { CLI_LINE_MAX = 128 << 20 };
int  cli_lines_next(cli_lines *lines, int block, const char **line, size_t *size);
void cli_lines_free(cli_lines *lines);

// ---- act.c: do one thing to each word of the command line

typedef gofer_status (*cli_act_fn)(gofer_client *client, const char *name, const void *user);
typedef struct cli_word_act {
    const char *key;        // what the words are, in JSON: "id"
    const char *done;       // "deleted"
    const char *act;        // what the audit calls it: "task.delete"
    const char *queue;      // that they are looked for in; NULL: in all
    cli_act_fn  one;
} cli_word_act;
// Returns the first failure's code.
int cli_act_on_words(cli *c, gofer_client *client, const cli_word_act *how, const void *user);
// The same with a client for it alone.
int cli_open_and_act(cli *c, const cli_word_act *how, const void *user);

// ---- audit.c: who did what

// Notes what was done (actor and, if it is NULL, via are filled in; why: gofer_error_last()), and
// warns if that fails. Only after the act's own error was told, for that may be another's then.
gofer_status cli_audit(const cli *c, gofer_client *client, const audit_note *note);

#endif
