// print.c - `print markdown` and `print schema`: the table of fields as docs/fields.md and as
// docs/fields.schema.json, and a look at whether the table itself is sound.
#include <stdio.h>
#include <string.h>

typedef enum form_of {
    FORM_INT, FORM_BOOL, FORM_TEXT, FORM_BYTES, FORM_HEADERS, FORM_NUMBER,
    FORM_LIST, FORM_ARRAY, FORM_RECORD, FORM_LINES
} form_of;
typedef enum presence { ALWAYS, MAYBE, NULLABLE } presence;
typedef enum store_set { BOTH, REDIS, SQLITE } store_set;

typedef struct type_of { form_of form; const char *kind; } type_of;

// kind NULL: a part of the page begins, whose title and paragraph the other two are.
typedef struct kind_row { const char *kind, *functions, *sentence; } kind_row;

typedef struct field_row {
    const char *kind, *name;
    type_of     type;
    const char *unit;
    presence    when;
    store_set   stores;
    const char *since, *sentence;
} field_row;

typedef struct answer_row { const char *command, *options; type_of type; } answer_row;

#define INT          { FORM_INT, NULL }
#define BOOL         { FORM_BOOL, NULL }
#define TEXT         { FORM_TEXT, NULL }
#define BYTES        { FORM_BYTES, NULL }
#define HEADERS      { FORM_HEADERS, NULL }
#define NUMBER       { FORM_NUMBER, NULL }
#define LIST(kind)   { FORM_LIST, #kind }
#define ARRAY(kind)  { FORM_ARRAY, #kind }
#define RECORD(kind) { FORM_RECORD, #kind }
#define LINES(kind)  { FORM_LINES, #kind }

static const kind_row kinds[] = {
#define PART(title, paragraph) { NULL, title, paragraph },
#define KIND(kind, functions, sentence) { #kind, functions, sentence },
#include "info/fields.h"
};

static const field_row fields[] = {
#define FIELD(kind, name, type, unit, when, stores, since, sentence) \
    { #kind, #name, type, #unit, when, stores, since, sentence },
#include "info/fields.h"
};

static const answer_row answers[] = {
#define ANSWER(command, options, type) { command, options, type },
#include "info/fields.h"
};

enum {
    KINDS = sizeof kinds / sizeof *kinds,
    FIELDS = sizeof fields / sizeof *fields,
    ANSWERS = sizeof answers / sizeof *answers
};

static const struct { const char *unit, *words; } units[] = {
    { "none", "" }, { "ms", "ms" }, { "unix_ms", "Unix ms" }, { "bytes", "bytes" },
    { "count", "count" }, { "date", "date" },
};

static const char *unit_words(const char *unit)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(units[i].unit, unit) == 0)
            return units[i].words;
    return NULL;
}

// ---- is the table sound? ------------------------------------------------------------------------

static int complain(const char *what, const char *kind, const char *name)
{
    fprintf(stderr, "fields.h: %s: %s %s\n", what, kind, name);
    return 1;
}

static int has_kind(const char *name)
{
    for (size_t i = 0; i < KINDS; i++)
        if (kinds[i].kind && strcmp(kinds[i].kind, name) == 0)
            return 1;
    return 0;
}

static int has_field(const char *kind, const char *name, size_t before)
{
    for (size_t i = 0; i < before; i++)
        if (strcmp(fields[i].kind, kind) == 0 && (!name || strcmp(fields[i].name, name) == 0))
            return 1;
    return 0;
}

// The page and the schema write sentences as they are.
static int is_plain(const char *sentence)
{
    return *sentence && !strpbrk(sentence, "\"\\|\n");
}

static int check_kinds(void)
{
    int wrong = 0;
    for (size_t i = 0; i < KINDS; i++) {
        const char *name = kinds[i].kind ? kinds[i].kind : "a part";
        if (!is_plain(kinds[i].sentence))
            wrong += complain("no plain sentence", name, "");
        if (kinds[i].kind && !has_field(name, NULL, FIELDS))
            wrong += complain("no fields", name, "");
    }
    return wrong;
}

static int check_field(size_t i)
{
    const field_row *f = &fields[i];
    int wrong = 0;
    if (!has_kind(f->kind))
        wrong += complain("no such kind", f->kind, f->name);
    if (has_field(f->kind, f->name, i))
        wrong += complain("there twice", f->kind, f->name);
    if (i && strcmp(fields[i - 1].kind, f->kind) != 0 && has_field(f->kind, NULL, i))
        wrong += complain("away from its kind", f->kind, f->name);
    if (f->type.kind && !has_kind(f->type.kind))
        wrong += complain("of a kind that is none", f->kind, f->name);
    if (!unit_words(f->unit))
        wrong += complain("a unit that is none", f->kind, f->name);
    if (!is_plain(f->sentence) || !is_plain(f->since))
        wrong += complain("no plain sentence", f->kind, f->name);
    return wrong;
}

static int check(void)
{
    int wrong = check_kinds();
    for (size_t i = 0; i < FIELDS; i++)
        wrong += check_field(i);
    for (size_t i = 0; i < ANSWERS; i++)
        if (!has_kind(answers[i].type.kind))
            wrong += complain("answers with no kind", answers[i].command, answers[i].type.kind);
    return wrong;
}

// ---- the page -----------------------------------------------------------------------------------

static const char opening[] =
    "# Fields\n"
    "\n"
    "Every record that gofer hands out, and every field in it: the snapshots of the C interface\n"
    "(`gofer_info`), which the Python classes and the Lua tables are made of, and what\n"
    "`gofer COMMAND --json` prints. This page and a JSON schema of the same,\n"
    "[fields.schema.json](fields.schema.json), are printed from `core/src/info/fields.h`, and\n"
    "tests hold real stores to it.\n"
    "\n"
    "```sh\n"
    "gofer task show report-7 --json | jq '.state, .next_run_at_ms'\n"
    "gofer queue ls --json | jq -r '.items[] | select(.pending > 1000).queue'\n"
    "```\n"
    "\n"
    "- A field keeps its name, its type, its unit and its meaning. New fields, new kinds and new\n"
    "  words in texts may come with any version: pass over what you do not know.\n"
    "- *Optional* fields are missing where they do not apply; they are never `null` in JSON.\n"
    "  Where the answer of a command has a `null`, the table says so.\n"
    "- In JSON, **bytes** are a string if they are UTF-8 without NUL, and otherwise an object,\n"
    "  `{\"base64\": \"...\"}`. **Headers** are an object of strings. A **list** is an object\n"
    "  with the array `items`, which `gofer_info_count` and `gofer_info_at` walk in C. A boolean "
    "is 0\n"
    "  or 1 to `gofer_info_int`.\n"
    "- Times are milliseconds: *Unix ms* since 1970, *ms* a duration. Integers have up to 64\n"
    "  bits.\n";

static const char *type_words(const type_of *t)
{
    switch (t->form) {
    case FORM_INT:     return "integer";
    case FORM_BOOL:    return "boolean";
    case FORM_TEXT:    return "text";
    case FORM_BYTES:   return "bytes";
    case FORM_HEADERS: return "headers";
    case FORM_NUMBER:  return "number";
    case FORM_LIST:    return "list of ";
    case FORM_ARRAY:   return "array of ";
    case FORM_RECORD:  return "";
    case FORM_LINES:   return "a line each: ";
    }
    return "";
}

static void put_type(const type_of *t)
{
    fputs(type_words(t), stdout);
    if (t->kind)
        printf("[%s](#%s)", t->kind, t->kind);
}

static void put_functions(const char *functions)
{
    const char *before = " Of ";
    while (*functions) {
        size_t size = strcspn(functions, " ");
        printf("%s`%.*s`", before, (int)size, functions);
        before = " and ";
        functions += size + strspn(functions + size, " ");
        if (!*functions)
            putchar('.');
    }
}

static void put_row(const field_row *f)
{
    static const char *const whens[] = { "always", "optional", "or null" };
    printf("| `%s` | ", f->name);
    put_type(&f->type);
    printf(" | %s | %s | %s | %s%s |\n", unit_words(f->unit), whens[f->when], f->since, f->sentence,
        f->stores == REDIS ? " Redis only." : f->stores == SQLITE ? " SQLite only." : "");
}

static void put_kind(const kind_row *k)
{
    if (!k->kind) {
        printf("\n## %s\n\n%s\n", k->functions, k->sentence);
        return;
    }
    printf("\n### %s\n\n%s", k->kind, k->sentence);
    put_functions(k->functions);
    puts("\n\n| field | type | unit | there | since | |\n|---|---|---|---|---|---|");
    for (size_t i = 0; i < FIELDS; i++)
        if (strcmp(fields[i].kind, k->kind) == 0)
            put_row(&fields[i]);
}

static void put_answer(const answer_row *a)
{
    printf("| `%s` | %s | ", a->command, a->options);
    put_type(&a->type);
    puts(" |");
}

static void markdown(void)
{
    fputs(opening, stdout);
    puts("\n## What commands print\n\n"
        "With `--json`; errors are a [failure](#failure), on standard error.\n\n"
        "| command | with | prints |\n|---|---|---|");
    for (size_t i = 0; i < ANSWERS; i++)
        put_answer(&answers[i]);
    for (size_t i = 0; i < KINDS; i++)
        put_kind(&kinds[i]);
}

// ---- the schema ---------------------------------------------------------------------------------

static void put_ref(const char *name)
{
    printf("\"$ref\": \"#/$defs/%s\"", name);
}

static void put_items(const char *kind)
{
    fputs("\"type\": \"array\", \"items\": {", stdout);
    put_ref(kind);
    putchar('}');
}

static void put_form(const type_of *t, int nullable)
{
    static const char *const simple[] = { "integer", "boolean", "string", NULL, NULL, "number" };
    switch (t->form) {
    case FORM_BYTES:
        put_ref("bytes");
        break;
    case FORM_HEADERS:
        fputs("\"type\": \"object\", \"additionalProperties\": {\"type\": \"string\"}", stdout);
        break;
    case FORM_LIST:
        fputs("\"type\": \"object\", \"required\": [\"items\"], ", stdout);
        fputs("\"properties\": {\"items\": {", stdout);
        put_items(t->kind);
        fputs("}}", stdout);
        break;
    case FORM_ARRAY:
        put_items(t->kind);
        break;
    case FORM_RECORD:
    case FORM_LINES:
        put_ref(t->kind);
        break;
    default:
        printf(nullable ? "\"type\": [\"%s\", \"null\"]" : "\"type\": \"%s\"", simple[t->form]);
    }
}

static void put_property(const field_row *f, int first)
{
    printf("%s        \"%s\": {\n          ", first ? "" : ",\n", f->name);
    put_form(&f->type, f->when == NULLABLE);
    printf(",\n          \"description\": \"%s\"", f->sentence);
    printf(",\n          \"x-since\": \"%s\"", f->since);
    if (*unit_words(f->unit))
        printf(", \"x-unit\": \"%s\"", f->unit);
    if (f->stores != BOTH)
        printf(", \"x-stores\": [\"%s\"]", f->stores == REDIS ? "redis" : "sqlite");
    fputs("\n        }", stdout);
}

static void put_required(const kind_row *k)
{
    const char *before = "";
    fputs("      \"required\": [", stdout);
    for (size_t i = 0; i < FIELDS; i++)
        if (strcmp(fields[i].kind, k->kind) == 0 && fields[i].when != MAYBE) {
            printf("%s\"%s\"", before, fields[i].name);
            before = ", ";
        }
    puts("]");
}

static void put_words(const char *words)
{
    const char *before = "";
    while (*words) {
        size_t size = strcspn(words, " ");
        printf("%s\"%.*s\"", before, (int)size, words);
        before = ", ";
        words += size + strspn(words + size, " ");
    }
}

static void put_definition(const kind_row *k)
{
    int first = 1;
    printf(",\n    \"%s\": {\n      \"description\": \"%s\"", k->kind, k->sentence);
    fputs(",\n      \"type\": \"object\",\n      \"x-functions\": [", stdout);
    put_words(k->functions);
    puts("],\n      \"properties\": {");
    for (size_t i = 0; i < FIELDS; i++)
        if (strcmp(fields[i].kind, k->kind) == 0) {
            put_property(&fields[i], first);
            first = 0;
        }
    puts("\n      },");
    put_required(k);
    fputs("    }", stdout);
}

static void put_command(const answer_row *a, int first)
{
    const char *lines = a->type.form == FORM_LINES ? "true" : "false";
    printf("%s    {\"command\": \"%s\", \"with\": \"%s\", \"lines\": %s,\n", first ? "" : ",\n",
        a->command, a->options, lines);
    fputs("     \"schema\": {", stdout);
    put_form(&a->type, 0);
    fputs("}}", stdout);
}

static void schema(void)
{
    puts("{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
        "  \"title\": \"The records that gofer hands out\",\n  \"x-answers\": [");
    for (size_t i = 0; i < ANSWERS; i++)
        put_command(&answers[i], i == 0);
    fputs("\n  ],\n  \"$defs\": {\n    \"bytes\": {\n      \"anyOf\": [{\"type\": \"string\"}, {\n"
        "        \"type\": \"object\", \"required\": [\"base64\"],\n        \"properties\": {"
        "\"base64\": {\"type\": \"string\", \"contentEncoding\": \"base64\"}}\n"
        "      }]\n    }", stdout);
    for (size_t i = 0; i < KINDS; i++)
        if (kinds[i].kind)
            put_definition(&kinds[i]);
    puts("\n  }\n}");
}

int main(int argc, char **argv)
{
    if (check() != 0)
        return 1;
    if (argc == 2 && strcmp(argv[1], "markdown") == 0)
        markdown();
    else if (argc == 2 && strcmp(argv[1], "schema") == 0)
        schema();
    else
        return 2;
    return ferror(stdout) || fflush(stdout) != 0;
}
