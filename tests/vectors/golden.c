// golden.c - reads the vector files. See golden.h.
#include "vectors/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, const char *which)
{
    fprintf(stderr, "%s: %s\n", which, what);
    exit(2);
}

static char *whole_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0)
        die("cannot be opened", path);
    long size = ftell(f);
    rewind(f);
    char *text = calloc(1, (size_t)size + 1);
    if (!text || fread(text, 1, (size_t)size, f) != (size_t)size)
        die("cannot be read", path);
    fclose(f);
    return text;
}

cJSON *golden_file(const char *folder, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *text = whole_file(path);
    cJSON *json = cJSON_Parse(text);
    if (!json)
        die("is not JSON", path);
    free(text);
    return json;
}

static int sixbits(char c)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(letters, c) : NULL;
    return at ? (int)(at - letters) : -1;
}

static golden_bytes from_base64(const char *text)
{
    golden_bytes out = { calloc(1, strlen(text) + 1), 0 };
    if (!out.bytes)
        die("no memory", "vectors");
    uint32_t bits = 0;
    int held = 0;
    for (; *text && *text != '='; text++) {
        int six = sixbits(*text);
        if (six < 0)
            die("is not base64", text);
        bits = bits << 6 | (uint32_t)six;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out.bytes[out.size++] = (unsigned char)(bits >> held);
        }
    }
    return out;
}

golden_bytes golden_bytes_of(const cJSON *node)
{
    if (!node || cJSON_IsNull(node))
        return (golden_bytes){ NULL, 0 };
    if (cJSON_IsObject(node))
        return from_base64(golden_text(node, "b64"));
    if (!cJSON_IsString(node))
        die("is neither text nor base64", node->string ? node->string : "an element");
    size_t size = strlen(node->valuestring);
    golden_bytes out = { malloc(size + 1), size };
    if (!out.bytes)
        die("no memory", "vectors");
    memcpy(out.bytes, node->valuestring, size + 1);
    return out;
}

const char *golden_text(const cJSON *object, const char *field)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, field));
    return text ? text : "";
}

int64_t golden_int(const cJSON *object, const char *field)
{
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, field);
    if (!cJSON_IsNumber(node))
        return 0;
    // cJSON keeps numbers as doubles: the largest one is a little too large.
    return node->valuedouble >= 9223372036854775807.0 ? INT64_MAX : (int64_t)node->valuedouble;
}

int64_t golden_whole(const char *text)
{
    return strtoll(text, NULL, 10);
}

bool golden_true(const cJSON *object, const char *field)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, field));
}
