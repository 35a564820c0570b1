// fuzz_masks.c - any bytes as a mask, a type and a payload, a line of each: no crash, what comes
// out is a string of JSON, and a field that is masked is nowhere in it.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "masks.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

// The value that is never to be seen, of a field whose name is masked in every type.
#define SECRET "\"zq7secret\""

static void try_one(const web_masks *masks, const char *type, const char *payload, size_t size)
{
    web_text literal = { 0 }, out = { 0 };
    web_text_json(&literal, payload, size);
    require(!literal.failed);
    gf_json value = { literal.at, literal.size, GF_JSON_STRING };
    web_mask_bytes(&out, masks, type, value);
    gf_json_scan scan = gf_json_start(out.at, out.size);
    require(gf_json_whole(&scan, &value) == GF_JSON_STRING);
    (void)web_masks_hold(masks, type, payload, size);
    web_text_free(&literal);
    web_text_free(&out);
}

// {"hidden": SECRET, "more": PAYLOAD}, where the payload is JSON.
static void try_secret(const web_masks *masks, const char *type, const char *payload, size_t size)
{
    gf_json_scan scan = gf_json_start(payload, size);
    gf_json value;
    web_text whole = { 0 }, literal = { 0 }, out = { 0 };
    if (gf_json_whole(&scan, &value) == GF_JSON_BAD || strstr(payload, "zq7secret"))
        return;
    web_text_put(&whole, "{\"hidden\":" SECRET ",\"more\":");
    web_text_add(&whole, value.text, value.size);
    web_text_put(&whole, ",\"Hidden\":[" SECRET "]}");
    web_text_json(&literal, whole.at, whole.size);
    web_mask_bytes(&out, masks, type, (gf_json){ literal.at, literal.size, GF_JSON_STRING });
    require(out.at && !strstr(out.at, "zq7secret") && strstr(out.at, WEB_MASKED));
    web_text_free(&whole);
    web_text_free(&literal);
    web_text_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = calloc(1, size + 1), why[128];
    require(text != NULL);
    if (size)
        memcpy(text, data, size);
    size_t mask = strcspn(text, "\n"), rest = text[mask] ? mask + 1 : mask;
    size_t type = strcspn(text + rest, "\n"), payload = rest + type + (text[rest + type] != '\0');
    text[mask] = '\0';
    if (payload > rest)
        text[rest + type] = '\0';
    const char *const patterns[] = { "*.hidden", text };
    size_t left = size > payload ? strlen(text + payload) : 0;
    web_masks *masks = web_masks_new(patterns, 2, why, sizeof why);
    if (!masks)
        masks = web_masks_new(patterns, 1, why, sizeof why);
    require(masks != NULL);
    try_one(masks, text + rest, text + payload, left);
    try_secret(masks, text + rest, text + payload, left);
    web_masks_free(masks);
    free(text);
    return 0;
}
