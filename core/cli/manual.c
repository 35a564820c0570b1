// manual.c - the whole reference from the same tables: a manual page in roff, and docs/cli.md.
//
// Reads the same tables as help.c. A test compares docs/cli.md with what this prints.
#include <stdlib.h>
#include <string.h>

#include "cli.h"

// Calls fn for every line of text. before: how the line before it began, '\0' for the first.
typedef void (*line_fn)(FILE *out, const char *line, char before);

// Returns how the last line began.
static char each_line(FILE *out, const char *text, line_fn fn)
{
    char before = '\0';
    while (text && *text) {
        size_t size = strcspn(text, "\n");
        char *line = cli_alloc(size + 1);
        memcpy(line, text, size);
        fn(out, line, before);
        before = *line;
        free(line);
        text += size;
        text += *text == '\n';
    }
    return before;
}

// " 75  retry later": the term, and what it means behind the gap.
static const char *split_item(char *term, size_t capacity, const char *line)
{
    const char *gap = strstr(line + 1, "  ");
    size_t size = gap ? (size_t)(gap - line - 1) : strlen(line + 1);
    snprintf(term, capacity, "%.*s", (int)size, line + 1);
    return gap ? gap + strspn(gap, " ") : "";
}

// ---- roff, macros of man(7)

static void roff_text(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++) {
        switch (*text) {
        case '\\':
            fputs("\\e", out);
            break;
        case '-':
            fputs("\\-", out);
            break;
        case '\'':
            fputs("\\(aq", out);
            break;
        case '"':
            fputs("\\(dq", out);
            break;
        case '~':
            fputs("\\(ti", out);
            break;
        case '^':
            fputs("\\(ha", out);
            break;
        case '`':
            fputs("\\(ga", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

static void roff_paragraph(FILE *out, const char *line, char before)
{
    if (*line == ' ') {
        char term[64];
        const char *meaning = split_item(term, sizeof term, line);
        fputs(".TP 12\n", out);
        roff_text(out, term);
        fputc('\n', out);
        roff_text(out, meaning);
    } else {
        if (before)
            fputs(".PP\n", out);
        roff_text(out, line);
    }
    fputc('\n', out);
}

static void roff_example(FILE *out, const char *line, char before)
{
    (void)before;
    roff_text(out, line);
    fputc('\n', out);
}

static void roff_options(FILE *out, const cli_option *options)
{
    for (const cli_option *o = options; o && o->name; o++) {
        fputs(".TP\n", out);
        if (o->letter)
            fprintf(out, "\\fB\\-%c\\fR, ", o->letter);
        fputs("\\fB\\-\\-", out);
        roff_text(out, o->name);
        fputs("\\fR", out);
        if (o->value) {
            fputs(" \\fI", out);
            roff_text(out, o->value);
            fputs("\\fR", out);
        }
        fputc('\n', out);
        roff_text(out, o->help);
        fputc('\n', out);
    }
}

static void roff_command(FILE *out, const cli_command *command)
{
    fputs(".SS \"gofer ", out);
    roff_text(out, command->name);
    if (*command->usage)
        fputc(' ', out);
    roff_text(out, command->usage);
    fputs("\"\n", out);
    fprintf(out, "%c", command->summary[0] - 'a' + 'A');
    roff_text(out, command->summary + 1);
    fputs(".\n", out);
    if (command->about) {
        fputs(".PP\n", out);
        each_line(out, command->about, roff_paragraph);
    }
    roff_options(out, command->options);
    if (command->examples) {
        fputs(".PP\nExamples:\n.PP\n.nf\n.RS 4\n", out);
        each_line(out, command->examples, roff_example);
        fputs(".RE\n.fi\n", out);
    }
}

void cli_manual_roff(const cli *c, FILE *out)
{
    fprintf(out,
        ".\\\" Made by 'gofer help --man' from the tables of the commands.\n"
        ".TH GOFER 1 \"\" \"gofer %s\" \"User commands\"\n"
        ".SH NAME\ngofer \\- a background task queue\n"
        ".SH SYNOPSIS\n\\fBgofer\\fR \\fICOMMAND\\fR [\\fIARGUMENTS\\fR] [\\fIOPTIONS\\fR]\n"
        ".SH DESCRIPTION\nApplications put tasks into queues; workers take them and run their "
        "handlers. Both meet in a broker, such as an SQLite file.\n"
        ".SH OPTIONS OF EVERY COMMAND\nThey may stand before the command or after it.\n",
        gofer_version_text());
    roff_options(out, cli_global_options);
    fputs(".SH COMMANDS\n", out);
    for (size_t i = 0; c->commands[i]; i++)
        roff_command(out, c->commands[i]);
    for (const cli_topic *t = cli_topics; t->name; t++) {
        fputs(".SH \"", out);
        // Section titles of a manual page stand in capitals.
        for (const char *p = t->title; *p; p++)
            fputc(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p, out);
        fputs("\"\n", out);
        each_line(out, t->text, roff_paragraph);
    }
}

// ---- Markdown

static void markdown_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("<>|*_`", *text))
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void markdown_paragraph(FILE *out, const char *line, char before)
{
    if (*line == ' ') {
        char term[64];
        const char *meaning = split_item(term, sizeof term, line);
        fprintf(out, "- `%s`: ", term);
        markdown_text(out, meaning);
        fputc('\n', out);
        return;
    }
    if (before == ' ')
        fputc('\n', out);
    markdown_text(out, line);
    fputs("\n\n", out);
}

static void markdown_example(FILE *out, const char *line, char before)
{
    (void)before;
    fprintf(out, "%s\n", line);
}

static void markdown_options(FILE *out, const cli_option *options)
{
    fputs("| option | meaning |\n|---|---|\n", out);
    for (const cli_option *o = options; o->name; o++) {
        fputs("| ", out);
        if (o->letter)
            fprintf(out, "`-%c`, ", o->letter);
        fprintf(out, "`--%s", o->name);
        for (const char *p = o->value ? o->value : ""; *p; p++)
            fprintf(out, "%s%s%c", p == o->value ? " " : "", *p == '|' ? "\\" : "", *p);
        fputs("` | ", out);
        markdown_text(out, o->help);
        fputs(" |\n", out);
    }
    fputc('\n', out);
}

static void markdown_command(FILE *out, const cli_command *command)
{
    fprintf(out, "### gofer %s\n\n```\ngofer %s%s%s [OPTIONS]\n```\n\n%c", command->name,
        command->name, *command->usage ? " " : "", command->usage, command->summary[0] - 'a' + 'A');
    markdown_text(out, command->summary + 1);
    fputs(".\n\n", out);
    each_line(out, command->about, markdown_paragraph);
    if (command->options)
        markdown_options(out, command->options);
    if (command->examples) {
        fputs("```sh\n", out);
        each_line(out, command->examples, markdown_example);
        fputs("```\n\n", out);
    }
}

void cli_manual_markdown(const cli *c, FILE *out)
{
    fputs("# The command line\n\n"
        "This page is what `gofer help --markdown` prints; the same tables make `--help` and the "
        "manual page.\n\n"
        "One binary, `gofer`, runs workers, enqueues tasks, and looks at queues. Tables are for "
        "reading; `--json` prints one JSON document with stable names (listings as `{\"items\": "
        "[...]}`), the fields of [fields.md](fields.md). Whatever came from a task is shown with "
        "its control characters escaped.\n\n"
        "## Options of every command\n\nThey may stand before the command or after it.\n\n", out);
    markdown_options(out, cli_global_options);
    fputs("## Commands\n\n", out);
    for (size_t i = 0; c->commands[i]; i++)
        markdown_command(out, c->commands[i]);
    for (const cli_topic *t = cli_topics; t->name; t++) {
        fprintf(out, "## %s\n\n", t->title);
        if (each_line(out, t->text, markdown_paragraph) == ' ' && t[1].name)
            fputc('\n', out);
    }
}
