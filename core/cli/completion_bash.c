// completion_bash.c - the completion script for bash. Needs nothing but bash itself.
//
// Cases for each command and option; names that a broker knows are asked of `gofer completion`.
#include <string.h>

#include "completion.h"

// The words are taken from the line, not from COMP_WORDS: those are cut at ':' and '=',
// which names may hold.
static const char head[] =
    "# Made by 'gofer completion bash'.\n"
    "_gofer_add() {  # offers the lines of its input that begin as the word does; nothing is "
    "evaluated\n"
    "    local word cut=''\n"
    "    [[ $value != *[:=]* || $COMP_WORDBREAKS != *:* ]] || cut=${value%\"${value##*[:=]}\"}\n"
    "    while IFS= read -r word; do\n"
    "        [[ $word != \"$value\"* ]] || COMPREPLY+=(\"$(printf '%q' \"${word#\"$cut\"}\")\")\n"
    "    done\n"
    "}\n"
    "_gofer_words() { _gofer_add < <(printf '%s\\n' \"$@\"); }\n"
    "_gofer_names() { _gofer_add < <(\"$gofer\" completion \"$1\" ${url:+--url \"$url\"} "
    "-- \"$value\" 2>/dev/null); }\n"
    "_gofer_files() { _gofer_add < <(compgen -f -- \"$value\"); }\n"
    "_gofer() {\n"
    "    local words gofer url='' first='' second='' command='' option='' value word options=() "
    "i\n"
    "    COMPREPLY=()\n"
    "    read -ra words <<<\"${COMP_LINE:0:COMP_POINT}\"\n"
    "    [[ ${COMP_LINE:0:COMP_POINT} != *[[:space:]] ]] || words+=('')\n"
    "    gofer=${words[0]}\n"
    "    for ((i = 1; i < ${#words[@]} - 1; i++)); do\n"
    "        word=${words[i]}\n"
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
    "    value=${words[-1]}\n"
    "    case $value in\n"
    "    --*=*) option=${value%%=*} value=${value#*=} ;;\n"
    "    esac\n"
    "    case \"$first $second\" in\n";

static void put_source(FILE *out, completion from)
{
    switch (from.kind) {
    case COMPLETE_NOTHING:
        fputs(":", out);
        break;
    case COMPLETE_FILES:
        fputs("_gofer_files", out);
        break;
    case COMPLETE_WORDS:
        fputs("_gofer_words ", out);
        completion_put_words(out, from.words);
        break;
    case COMPLETE_NAMES:
        fprintf(out, "_gofer_names %s", from.words);
        break;
    }
    fputs(" ;;\n", out);
}

static void put_options(FILE *out, const cli_option *options)
{
    for (const cli_option *o = options; o && o->name; o++)
        fprintf(out, " --%s", o->name);
}

void completion_bash(const cli *c, FILE *out)
{
    completion_put_options(c, out, &(completion_shell){ head, middle, put_options, put_source });
    fputs("        esac\n        return\n    fi\n"
        "    if [[ $value == -* ]]; then\n        _gofer_words \"${options[@]}\"\n        return\n "
        "   fi\n"
        "    if [[ -z $first ]]; then\n        _gofer_words", out);
    for (size_t i = 0; c->commands[i]; i++)
        if (completion_is_new_noun(c, i))
            fprintf(out, " %.*s", (int)strcspn(c->commands[i]->name, " "), c->commands[i]->name);
    fputs("\n        return\n    fi\n    if [[ -z $second ]]; then\n        case $first in\n", out);
    completion_put_groups(c, out, "_gofer_words", completion_put_verbs, "");
    fputs("        esac\n    fi\n    case $command in\n", out);
    completion_put_operands(c, out, put_source);
    fputs("    esac\n}\ncomplete -F _gofer gofer\n", out);
}
