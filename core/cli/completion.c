// completion.c - what the generators of shell completion share, read from the tables of
// commands and options.
//
// Knows no shell but by '|' and quotes that none of them bears. Reads c->commands and writes to a
// stream.
#include "completion.h"

#include <string.h>

#define SHELLS "bash|zsh|fish"

// ---- Where values come from

completion completion_of_option(const cli_option *option)
{
    if (option->kind == CLI_CHOICE)
        return (completion){ COMPLETE_WORDS, option->value };
    if (strcmp(option->name, "queue") == 0)
        return (completion){ COMPLETE_NAMES, "queues" };
    if (option->value && (strcmp(option->value, "FILE") == 0 || strcmp(option->value, "URL") == 0))
        return (completion){ COMPLETE_FILES, NULL };
    return (completion){ COMPLETE_NOTHING, NULL };
}

completion completion_of_word(const cli_command *command)
{
    const char *name = command->name;
    if (strcmp(name, "completion") == 0)
        return (completion){ COMPLETE_WORDS, SHELLS };
    if (strncmp(name, "queue ", 6) == 0 && *command->usage)
        return (completion){ COMPLETE_NAMES, "queues" };
    if (strcmp(name, "worker set") == 0)
        return (completion){ COMPLETE_NAMES, "workers" };
    if (strncmp(name, "cron ", 5) == 0 && strncmp(command->usage, "NAME", 4) == 0)
        return (completion){ COMPLETE_NAMES, "schedules" };
    if (strstr(command->usage, "FILE") || strcmp(name, "migrate") == 0)
        return (completion){ COMPLETE_FILES, NULL };
    return (completion){ COMPLETE_NOTHING, NULL };
}

// The i-th option of all commands, the global ones first; NULL past the end.
static const cli_option *option_at(const cli *c, size_t i)
{
    for (const cli_option *o = cli_global_options; o->name; o++)
        if (i-- == 0)
            return o;
    for (size_t k = 0; c->commands[k]; k++)
        for (const cli_option *o = c->commands[k]->options; o && o->name; o++)
            if (i-- == 0)
                return o;
    return NULL;
}

// ---- Putting

void completion_put_words(FILE *out, const char *words)
{
    for (; *words; words++)
        fputc(*words == '|' ? ' ' : *words, out);
}

void completion_put_help(FILE *out, const char *help)
{
    size_t size = strcspn(help, ":;(");
    for (size_t i = 0; i < size; i++)
        if (!strchr("'\"\\$`[]{}", help[i]) && !(help[i] == ' ' && i + 1 == size))
            fputc(help[i], out);
}

int completion_is_new_noun(const cli *c, size_t command)
{
    const char *name = c->commands[command]->name;
    size_t size = strcspn(name, " ");
    for (size_t i = 0; i < command; i++)
        if (strcspn(c->commands[i]->name, " ") == size &&
            strncmp(c->commands[i]->name, name, size) == 0)
            return 0;
    return 1;
}

void completion_put_verbs(const cli *c, FILE *out, const char *noun)
{
    size_t size = strlen(noun);
    for (size_t i = 0; c->commands[i]; i++)
        if (strncmp(c->commands[i]->name, noun, size) == 0 && c->commands[i]->name[size] == ' ')
            fprintf(out, " %s", c->commands[i]->name + size + 1);
}

void completion_put_value_options(const cli *c, FILE *out, const char *before)
{
    for (const cli_option *o = cli_global_options; o->name; o++)
        if (o->letter && o->kind != CLI_FLAG)
            fprintf(out, "%s-%c", before, o->letter);
    // Each name once, whatever the command.
    for (size_t i = 0; option_at(c, i); i++) {
        const cli_option *o = option_at(c, i);
        int seen = o->kind == CLI_FLAG;
        for (size_t k = 0; k < i && !seen; k++)
            seen = option_at(c, k)->kind != CLI_FLAG && strcmp(option_at(c, k)->name, o->name) == 0;
        if (!seen)
            fprintf(out, "%s--%s", before, o->name);
    }
}

// ---- For bash and zsh

// A case for each of a command's options with a value ("": the global ones), "'task ls '--state)".
static void put_cases(FILE *out, const char *command, const cli_option *options,
    completion_put_fn put)
{
    for (const cli_option *o = options; o && o->name; o++)
        if (o->kind != CLI_FLAG) {
            fprintf(out, "        '%s '%s--%s", command, *command ? "" : "*", o->name);
            if (o->letter)
                fprintf(out, " | '%s '%s-%c", command, *command ? "" : "*", o->letter);
            fputs(") ", out);
            put(out, completion_of_option(o));
        }
}

void completion_put_options(const cli *c, FILE *out, const completion_shell *shell)
{
    fprintf(out, "%s        --none", shell->head);
    completion_put_value_options(c, out, " | ");
    fprintf(out, ") option=$word ;;\n%s", shell->middle);
    // Two words before one: "worker ls" is not "worker".
    for (int two = 1; two >= 0; two--)
        for (size_t i = 0; c->commands[i]; i++)
            if ((strchr(c->commands[i]->name, ' ') != NULL) == two) {
                fprintf(out, "    '%s%s) command='%s' options=(", c->commands[i]->name,
                    two ? "'" : " '*", c->commands[i]->name);
                shell->options(out, c->commands[i]->options);
                fputs(") ;;\n", out);
            }
    fputs("    esac\n    options+=(", out);
    shell->options(out, cli_global_options);
    fputs(")\n    if [[ -n $option ]]; then\n        case \"$command $option\" in\n", out);
    for (size_t i = 0; c->commands[i]; i++)
        put_cases(out, c->commands[i]->name, c->commands[i]->options, shell->source);
    put_cases(out, "", cli_global_options, shell->source);
}

void completion_put_groups(const cli *c, FILE *out, const char *before,
    void (*verbs)(const cli *c, FILE *out, const char *noun), const char *after)
{
    for (size_t i = 0; c->commands[i]; i++) {
        const char *name = c->commands[i]->name;
        char noun[32];
        snprintf(noun, sizeof noun, "%.*s", (int)strcspn(name, " "), name);
        if (!completion_is_new_noun(c, i) || !cli_is_group(c, noun))
            continue;
        fprintf(out, "        %s) %s", noun, before);
        verbs(c, out, noun);
        fprintf(out, "%s ;;\n", after);
    }
}

void completion_put_operands(const cli *c, FILE *out, completion_put_fn put)
{
    for (size_t i = 0; c->commands[i]; i++)
        if (completion_of_word(c->commands[i]).kind != COMPLETE_NOTHING) {
            fprintf(out, "    '%s') ", c->commands[i]->name);
            put(out, completion_of_word(c->commands[i]));
        }
}
