// fuzz_json.c - any text as JSON: no crash, nothing read beyond it, and what is read holds
// together.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/utf8.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

// The members and values of a value, all the way down; each is whole by itself.
static void walk(gf_json value, char *room)
{
    gf_json key, one, again;
    gf_json_scan alone = gf_json_start(value.text, value.size);
    require(gf_json_whole(&alone, &again) == value.kind && again.size == value.size);
    if (value.kind == GF_JSON_STRING) {
        size_t size = gf_json_text(value, room);
        require(size + 2 <= value.size && gf_utf8_valid(room, size));
        require((memchr(room, '\0', size) != NULL) == gf_json_has_nul(value));
        require(gf_json_is(value, room) == !gf_json_has_nul(value));
    } else if (value.kind == GF_JSON_NUMBER) {
        double number = gf_json_number(value, room);
        require(number == number);
    }
    gf_json_scan s = gf_json_inside(value);
    if (value.kind == GF_JSON_ARRAY)
        while (gf_json_value(&s, &one) > GF_JSON_CLOSE)
            walk(one, room);
    if (value.kind == GF_JSON_OBJECT)
        while (gf_json_member(&s, &key, &one)) {
            require(gf_json_text(key, room) + 2 <= key.size);
            walk(one, room);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    gf_json value, again;
    gf_json_scan s = gf_json_start(text, size);
    gf_json_kind kind = gf_json_whole(&s, &value);
    require(s.at <= text + size && (kind == GF_JSON_BAD) == (s.wrong != NULL));
    if (kind == GF_JSON_BAD)
        return 0;
    char *room = malloc(size + 1), *squeezed = malloc(size + 1);
    require(room && squeezed);
    size_t length = gf_json_squeeze(value, squeezed);
    s = gf_json_start(squeezed, length);
    require(gf_json_whole(&s, &again) == kind && again.size == length);
    walk(value, room);
    free(room);
    free(squeezed);
    return 0;
}
