// filter.h - which tasks are meant: the options that listings and bulk actions share.
//
// A macro makes the rows of the option tables, so that name and help are the same in each command.
#ifndef CLI_FILTER_H
#define CLI_FILTER_H

#include "cli.h"

// The states, in the order of a task's life.
#define TASK_STATES "pending|scheduled|active|retry|completed|archived|aggregating"

typedef struct filter_args {
    const char *type, *error, *fingerprint, *id, *group;
    cli_number  older, newer;
} filter_args;

// Rows of an option table, for a struct that has a filter_args as `filter`.
#define FILTER_OPTIONS(args) \
    { "type", 0, CLI_TEXT, offsetof(args, filter.type), "TYPE", \
      "only of this type, or of all types that begin so if it ends in '*'", 0, 0 }, \
    { "error", 0, CLI_TEXT, offsetof(args, filter.error), "TEXT", \
      "only with this text in their last error", 0, 0 }, \
    { "fingerprint", 0, CLI_TEXT, offsetof(args, filter.fingerprint), "TEXT", \
      "only with a last error of this kind: its telling line with # in place of each number and " \
      "id, and '*' of what is quoted", 0, 0 }, \
    { "id", 0, CLI_TEXT, offsetof(args, filter.id), "ID", \
      "only with this id, or with ids that begin so if it ends in '*'", 0, 0 }, \
    { "group", 0, CLI_TEXT, offsetof(args, filter.group), "NAME", \
      "only of this group (aggregating tasks)", 0, 0 }, \
    { "older", 0, CLI_DURATION, offsetof(args, filter.older), "DURATION", \
      "only those that started, failed, ended or else came so long ago or longer", 0, 0 }, \
    { "newer", 0, CLI_DURATION, offsetof(args, filter.newer), "DURATION", \
      "only those for which that is less long ago", 0, 0 }

int  filter_is_given(const filter_args *args);
void filter_fill(const filter_args *args, gofer_filter *out);

#endif
