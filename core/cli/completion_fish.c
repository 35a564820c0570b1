// completion_fish.c - the completion script for fish.
//
// A list of `complete` commands, each with the condition under which it holds. Shares with the
// others what completion.c knows of options and words.
#include <string.h>

#include "completion.h"

static const char head[] =
    "# Made by 'gofer completion fish'.\n"
    "function __gofer_command  # the one or two words of the command so far\n"
    "    set -l found\n"
    "    set -l skip 0\n"
    "    for word in (commandline -opc)[2..-1]\n"
    "        if test $skip = 1\n"
    "            set skip 0\n"
    "            continue\n"
    "        end\n"
    "        switch $word\n"
    "            case '--*=*'\n"
    "            case";

static const char tail[] =
    "\n"
    "                set skip 1\n"
    "            case '-*'\n"
    "            case '*'\n"
    "                set -a found $word\n"
    "        end\n"
    "    end\n"
    "    string join ' ' -- $found[1..2]\n"
    "end\n"
    "function __gofer_is\n"
    "    set -l now (__gofer_command)\n"
    "    test \"$now\" = \"$argv[1]\"\n"
    "end\n"
    "function __gofer_at  # is it this command? Two words, or one whatever follows\n"
    "    set -l now (__gofer_command)\n"
    "    test \"$now\" = \"$argv[1]\"; and return\n"
    "    string match -q -- '* *' $argv[1]; and return 1\n"
    "    string match -q -- \"$argv[1] *\" $now; and not contains -- $now $__gofer_two\n"
    "end\n"
    "function __gofer_names  # what the broker knows\n"
    "    set -l words (commandline -opc)\n"
    "    set -l url\n"
    "    if set -l at (contains -i -- --url $words; or contains -i -- -u $words)\n"
    "        set url --url $words[(math $at + 1)]\n"
    "    end\n"
    "    set -l begin (string replace -r -- '^--[^=]*=' '' (commandline -ct))\n"
    "    $words[1] completion $argv[1] $url -- $begin 2>/dev/null\n"
    "end\n"
    "complete -c gofer -f\n";

static void put_source(FILE *out, completion from)
{
    switch (from.kind) {
    case COMPLETE_NOTHING:
        fputs(" -x", out);
        break;
    case COMPLETE_FILES:
        fputs(" -r -F", out);
        break;
    case COMPLETE_WORDS:
        fputs(" -x -a '", out);
        completion_put_words(out, from.words);
        fputs("'", out);
        break;
    case COMPLETE_NAMES:
        fprintf(out, " -x -a '(__gofer_names %s)'", from.words);
        break;
    }
}

static void put_options(FILE *out, const char *command, const cli_option *options)
{
    for (const cli_option *o = options; o && o->name; o++) {
        fputs("complete -c gofer", out);
        if (*command)
            fprintf(out, " -n '__gofer_at \"%s\"'", command);
        fprintf(out, " -l %s", o->name);
        if (o->letter)
            fprintf(out, " -s %c", o->letter);
        if (o->kind != CLI_FLAG)
            put_source(out, completion_of_option(o));
        fputs(" -d '", out);
        completion_put_help(out, o->help);
        fputs("'\n", out);
    }
}

static void put_command(const cli *c, FILE *out, size_t i)
{
    const cli_command *command = c->commands[i];
    const char *verb = strchr(command->name, ' ');
    if (verb)
        fprintf(out, "complete -c gofer -n '__gofer_is \"%.*s\"' -a %s -d '",
            (int)(verb - command->name), command->name, verb + 1);
    else
        fprintf(out, "complete -c gofer -n '__gofer_is \"\"' -a %s -d '", command->name);
    completion_put_help(out, command->summary);
    fputs("'\n", out);
    // The noun alone, where it is no command itself.
    if (verb && completion_is_new_noun(c, i))
        fprintf(out, "complete -c gofer -n '__gofer_is \"\"' -a %.*s\n",
            (int)(verb - command->name), command->name);
    completion from = completion_of_word(command);
    if (from.kind != COMPLETE_NOTHING) {
        fprintf(out, "complete -c gofer -n '__gofer_at \"%s\"'", command->name);
        if (from.kind == COMPLETE_FILES)
            fputs(" -F", out);
        else if (from.kind == COMPLETE_NAMES)
            fprintf(out, " -a '(__gofer_names %s)'", from.words);
        else {
            fputs(" -a '", out);
            completion_put_words(out, from.words);
            fputs("'", out);
        }
        fputc('\n', out);
    }
    put_options(out, command->name, command->options);
}

void completion_fish(const cli *c, FILE *out)
{
    fputs(head, out);
    completion_put_value_options(c, out, " ");
    fputs(tail, out);
    fputs("set -g __gofer_two", out);
    for (size_t i = 0; c->commands[i]; i++)
        if (strchr(c->commands[i]->name, ' '))
            fprintf(out, " '%s'", c->commands[i]->name);
    fputc('\n', out);
    for (size_t i = 0; c->commands[i]; i++)
        put_command(c, out, i);
    put_options(out, "", cli_global_options);
}
