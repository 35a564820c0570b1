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
    "2>/dev/null); }\n"
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
    fputs(head, out);
    fputs("        --none", out);
    completion_put_value_options(c, out, " | ");
    fputs(") option=$word ;;\n", out);
    fputs(middle, out);

    // Two words before one: "worker ls" is not "worker".
    for (int two = 1; two >= 0; two--)
        for (size_t i = 0; c->commands[i]; i++)
            if ((strchr(c->commands[i]->name, ' ') != NULL) == two) {
                fprintf(out, "    '%s%s) command='%s' options=(", c->commands[i]->name,
                    two ? "'" : " '*", c->commands[i]->name);
                put_options(out, c->commands[i]->options);
                fputs(") ;;\n", out);
            }
    fputs("    esac\n    options+=(", out);
    put_options(out, cli_global_options);
    fputs(")\n    if [[ -n $option ]]; then\n        case \"$command $option\" in\n", out);
    for (size_t i = 0; c->commands[i]; i++)
        completion_put_cases(out, c->commands[i]->name, c->commands[i]->options, put_source);
    completion_put_cases(out, "", cli_global_options, put_source);
    fputs("        esac\n        return\n    fi\n"
        "    if [[ $value == -* ]]; then\n        _gofer_words \"${options[@]}\"\n        return\n "
        "   fi\n"
        "    if [[ -z $first ]]; then\n        _gofer_words", out);
    for (size_t i = 0; c->commands[i]; i++)
        if (completion_is_new_noun(c, i))
            fprintf(out, " %.*s", (int)strcspn(c->commands[i]->name, " "), c->commands[i]->name);
    fputs("\n        return\n    fi\n    if [[ -z $second ]]; then\n        case $first in\n", out);
    for (size_t i = 0; c->commands[i]; i++) {
        char noun[32];
        snprintf(noun, sizeof noun, "%.*s", (int)strcspn(c->commands[i]->name, " "),
            c->commands[i]->name);
        if (completion_is_new_noun(c, i) && cli_is_group(c, noun)) {
            fprintf(out, "        %s) _gofer_words", noun);
            completion_put_verbs(c, out, noun);
            fputs(" ;;\n", out);
        }
    }
    fputs("        esac\n    fi\n    case $command in\n", out);
    for (size_t i = 0; c->commands[i]; i++)
        if (completion_of_word(c->commands[i]).kind != COMPLETE_NOTHING) {
            fprintf(out, "    '%s') ", c->commands[i]->name);
            put_source(out, completion_of_word(c->commands[i]));
        }
    fputs("    esac\n}\ncomplete -F _gofer gofer\n", out);
}
