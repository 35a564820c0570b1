// completion_zsh.c - the completion script for zsh.
//
// Descriptions stand beside the words, as zsh shows them; a colon in one would end it. Shares with
// the others what completion.c knows of options and words.
#include <string.h>

#include "completion.h"

static const char head[] =
    "#compdef gofer\n"
    "# Made by 'gofer completion zsh'.\n"
    "_gofer_names() {  # offers the names that the broker knows\n"
    "    local -a names\n"
    "    names=(${(f)\"$($gofer completion $1 ${url:+--url} $url -- \"${(Q)PREFIX}\" "
    "2>/dev/null)\"})\n"
    "    compadd -a names\n"
    "}\n"
    "_gofer() {\n"
    "    local gofer=$words[1] url='' first='' second='' command='' option='' word i\n"
    "    local -a options\n"
    "    for ((i = 2; i < CURRENT; i++)); do\n"
    "        word=$words[i]\n"
    "        case $option in\n"
    "        -u | --url) url=$word ;;\n"
    "        esac\n"
    "        if [[ -n $option ]]; then\n"
    "            option=''\n"
    "            continue\n"
    "        fi\n"
    "        case $word in\n"
    "        --url=*) url=${word#*=} ;;\n";

static const char middle[] =
    "        -*) ;;\n"
    "        *) if [[ -z $first ]]; then first=$word; elif [[ -z $second ]]; then second=$word; "
    "fi ;;\n"
    "        esac\n"
    "    done\n"
    "    case $PREFIX in\n"
    "    --*=*) option=${PREFIX%%=*}; compset -P '*=' ;;\n"
    "    esac\n"
    "    case \"$first $second\" in\n";

static void put_source(FILE *out, completion from)
{
    switch (from.kind) {
    case COMPLETE_NOTHING:
        fputs(":", out);
        break;
    case COMPLETE_FILES:
        fputs("_files", out);
        break;
    case COMPLETE_WORDS:
        fputs("compadd -- ", out);
        completion_put_words(out, from.words);
        break;
    case COMPLETE_NAMES:
        fprintf(out, "_gofer_names %s", from.words);
        break;
    }
    fputs(" ;;\n", out);
}

// 'name:what it does', as _describe wants them.
static void put_options(FILE *out, const cli_option *options)
{
    for (const cli_option *o = options; o && o->name; o++) {
        fprintf(out, " '--%s:", o->name);
        completion_put_help(out, o->help);
        fputs("'", out);
    }
}

static void put_commands(const cli *c, FILE *out)
{
    for (size_t i = 0; c->commands[i]; i++) {
        const char *name = c->commands[i]->name;
        if (!completion_is_new_noun(c, i))
            continue;
        char noun[32];
        snprintf(noun, sizeof noun, "%.*s", (int)strcspn(name, " "), name);
        fprintf(out, " '%s:", noun);
        if (strchr(name, ' '))
            completion_put_verbs(c, out, noun);
        else
            completion_put_help(out, c->commands[i]->summary);
        fputs("'", out);
    }
}

static void put_verbs(const cli *c, FILE *out, const char *noun)
{
    size_t size = strlen(noun);
    for (size_t i = 0; c->commands[i]; i++) {
        const char *name = c->commands[i]->name;
        if (strncmp(name, noun, size) != 0 || name[size] != ' ')
            continue;
        fprintf(out, " '%s:", name + size + 1);
        completion_put_help(out, c->commands[i]->summary);
        fputs("'", out);
    }
}

void completion_zsh(const cli *c, FILE *out)
{
    completion_put_options(c, out, &(completion_shell){ head, middle, put_options, put_source });
    fputs("        esac\n        return\n    fi\n"
        "    if [[ $PREFIX == -* ]]; then\n        _describe option options\n        return\n    "
        "fi\n"
        "    local -a offered\n"
        "    if [[ -z $first ]]; then\n        offered=(", out);
    put_commands(c, out);
    fputs(")\n        _describe command offered\n        return\n    fi\n    if [[ -z $second ]]; "
          "then\n        case $first in\n",
        out);
    completion_put_groups(c, out, "offered=(", put_verbs, ")");
    fputs("        esac\n        (( ! $#offered )) || _describe command offered\n    fi\n    case "
          "$command in\n",
        out);
    completion_put_operands(c, out, put_source);
    fputs("    esac\n}\n"
          "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n    _gofer \"$@\"\nelse\n    "
          "compdef _gofer gofer\nfi\n",
        out);
}
