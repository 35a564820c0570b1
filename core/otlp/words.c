// words.c - what stands in OpenTelemetry's variables: pairs, numbers, URLs.
//
// Pure but for memory and for the environment, which is read by one function.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "util/utf8.h"

enum { PAIRS_MAX = 128, PAIR_MAX = 4096 };

const char *otlp_variable(const char *name, char *room, size_t size)
{
    const char *text = getenv(name);
    if (!text)
        return NULL;
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    if (length == 0 || length >= size)
        return NULL;
    memcpy(room, text, length);
    room[length] = '\0';
    return room;
}

// ---- pairs --------------------------------------------------------------------------------------

static char *copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *at = malloc(size);
    return at ? memcpy(at, text, size) : NULL;
}

bool otlp_pairs_add(otlp_pairs *out, const char *key, const char *value)
{
    otlp_pair *items = realloc(out->items, (out->count + 1) * sizeof *items);
    if (!items)
        return false;
    out->items = items;
    otlp_pair p = { copy(key), copy(value) };
    if (!p.key || !p.value) {
        free(p.key);
        free(p.value);
        return false;
    }
    items[out->count++] = p;
    return true;
}

void otlp_pairs_clear(otlp_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->items[i].key);
        free(pairs->items[i].value);
    }
    free(pairs->items);
    *pairs = (otlp_pairs){ NULL, 0 };
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Decodes %XX into out, which has room. false: half of one, a control character, or no UTF-8.
static bool decode(const char *text, size_t size, char *out)
{
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < size ? digit(text[i + 1]) : -1;
            int low = high < 0 ? -1 : digit(text[i + 2]);
            if (low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if ((unsigned char)c < 0x20 || c == 0x7f)
            return false;
        out[used++] = c;
    }
    out[used] = '\0';
    return gf_utf8_valid(out, used);
}

static bool read_pair(otlp_pairs *out, const char *text, size_t size)
{
    char key[PAIR_MAX], value[PAIR_MAX];
    const char *equals = memchr(text, '=', size);
    if (!equals || size >= PAIR_MAX || out->count == PAIRS_MAX)
        return false;
    size_t key_size = (size_t)(equals - text);
    while (key_size && (text[key_size - 1] == ' ' || text[key_size - 1] == '\t'))
        key_size--;
    const char *from = equals + 1, *end = text + size;
    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    return key_size && decode(text, key_size, key) && decode(from, (size_t)(end - from), value) &&
        otlp_pairs_add(out, key, value);
}

bool otlp_pairs_read(otlp_pairs *out, const char *text)
{
    for (;;) {
        text += strspn(text, " \t");
        size_t size = strcspn(text, ","), whole = size;
        while (size && (text[size - 1] == ' ' || text[size - 1] == '\t'))
            size--;
        if (size && !read_pair(out, text, size))
            return false;
        if (!text[whole])
            return true;
        text += whole + 1;
    }
}

// ---- numbers, URLs ------------------------------------------------------------------------------

bool otlp_number_read(const char *text, int64_t min, int64_t max, int64_t *out)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno || *end || n < min || n > max)
        return false;
    *out = n;
    return true;
}

const char *otlp_url_wrong(const char *url)
{
    size_t scheme = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
    if (!scheme)
        return "it does not begin with http:// or https://";
    for (const char *p = url; *p; p++)
        if ((unsigned char)*p <= 0x20 || *p == 0x7f)
            return "it has blanks or control characters in it";
    size_t host = strcspn(url + scheme, "/?#");
    if (host == 0 || url[scheme] == ':')
        return "it names no host";
    if (memchr(url + scheme, '@', host))
        return "it holds a user or password: put them into OTEL_EXPORTER_OTLP_HEADERS";
    return strchr(url, '#') ? "it has a '#'" : NULL;
}
