// completion.h - what the generators of shell completion share: where values come from.
//
// The scripts come from the tables of commands and options, and ask `gofer completion queues` and
// its kin for names that only a broker knows. Such names are offered as they are, never evaluated:
// a queue's name may hold anything.
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include "cli.h"

typedef enum completion_kind {
    COMPLETE_NOTHING,
    COMPLETE_FILES,
    COMPLETE_WORDS,             // `words`: one of these, apart by '|'
    COMPLETE_NAMES              // `words`: what to ask for: "queues", "workers", "schedules"
} completion_kind;

typedef struct completion {
    completion_kind kind;
    const char     *words;
} completion;

completion completion_of_option(const cli_option *option);
completion completion_of_word(const cli_command *command);
// words with blanks for '|'.
void completion_put_words(FILE *out, const char *words);
// The first sentence of a help text, without what the quotes of a shell would not bear.
void completion_put_help(FILE *out, const char *help);
// First words of commands, each once; second ones of a noun.
int  completion_is_new_noun(const cli *c, size_t command);
void completion_put_verbs(const cli *c, FILE *out, const char *noun);

// Every option that takes a value in any command, each once, with `before` in front.
void completion_put_value_options(const cli *c, FILE *out, const char *before);

// ---- for bash and zsh, whose scripts are of one make

typedef void (*completion_put_fn)(FILE *out, completion from);
typedef struct completion_shell {
    const char *head, *middle;              // before and behind the options that take a value
    void (*options)(FILE *out, const cli_option *options);
    completion_put_fn source;
} completion_shell;

// The beginning of a script: which options there are, and where their values come from.
void completion_put_options(const cli *c, FILE *out, const completion_shell *shell);
// A case for each noun: its second words, as `verbs` writes them.
void completion_put_groups(const cli *c, FILE *out, const char *before,
    void (*verbs)(const cli *c, FILE *out, const char *noun), const char *after);
// A case for each command whose words can be completed.
void completion_put_operands(const cli *c, FILE *out, completion_put_fn put);

void completion_bash(const cli *c, FILE *out);
void completion_zsh(const cli *c, FILE *out);
void completion_fish(const cli *c, FILE *out);

#endif
