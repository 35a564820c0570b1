// json.c - strings written as JSON.
#include "json.h"

#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "util/utf8.h"

size_t json_put_into(char *out, const char *text, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < size; i++) {
        size_t escaped = gf_json_escape((unsigned char)text[i], false, out + length);
        if (escaped == 0)
            out[length] = text[i];
        length += escaped ? escaped : 1;
    }
    out[length] = '\0';
    return length;
}

// A stray byte becomes the replacement character; the rest stays.
static size_t replace_stray(const char *text, size_t size, char *out)
{
    size_t length = 0;
    for (size_t i = 0; i < size;) {
        uint32_t code;
        size_t take = gf_utf8_read(text + i, size - i, &code);
        size_t add = take ? take : 3;
        memcpy(out + length, take ? text + i : "\xEF\xBF\xBD", add);
        length += add;
        i += take ? take : 1;
    }
    return length;
}

void json_put(FILE *out, const char *text, size_t size)
{
    char *clean = NULL;
    if (!gf_utf8_valid(text, size)) {
        clean = cli_alloc(size * 3 + 1);
        size = replace_stray(text, size, clean);
        text = clean;
    }
    char *quoted = cli_alloc(size * 6 + 1);
    size_t length = json_put_into(quoted, text, size);
    fputc('"', out);
    fwrite(quoted, 1, length, out);
    fputc('"', out);
    free(clean);
    free(quoted);
}

void json_put_text(FILE *out, const char *text)
{
    if (text)
        json_put(out, text, strlen(text));
    else
        fputs("null", out);
}

gofer_status json_put_item(FILE *out, const gofer_info *item, int *first)
{
    char *json;
    gofer_status st = gofer_info_json(item, &json);
    if (st != GOFER_OK)
        return st;
    fprintf(out, "%s%s", *first ? "" : ",", json);
    *first = 0;
    gofer_free(json);
    return GOFER_OK;
}

void json_end_page(FILE *out, const char *cursor)
{
    fputs("]", out);
    if (cursor) {
        fputs(",\"next_cursor\":", out);
        json_put_text(out, cursor);
    }
    fprintf(out, ",\"more\":%s}\n", cursor ? "true" : "false");
}
