// fuzz_head.c - any bytes as the head of a request: no crash, nothing outside of them is read, a
// part of a right head is never called wrong, and what is called whole has what later readers rely
// on.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "head.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

// Lines end in CR LF, no byte is a NUL, and the empty line is the last.
static void require_plain(const char *head, size_t size)
{
    require(size >= 4 && memcmp(head + size - 4, "\r\n\r\n", 4) == 0);
    for (size_t i = 0; i < size; i++) {
        require(head[i] != '\0');
        require(head[i] != '\n' || (i > 0 && head[i - 1] == '\r'));
        require(head[i] != '\r' || head[i + 1] == '\n');
    }
}

static int count_fields(const char *head, size_t size, const char *name)
{
    int count = 0;
    size_t length = strlen(name);
    for (size_t i = 0; i + length < size; i++)
        count += head[i] == '\n' && strncasecmp(head + i + 1, name, length) == 0;
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    web_head head = { 0 }, part;
    // A copy of its own size: the sanitizer sees a byte that is read behind it.
    char *own = malloc(size ? size : 1);
    require(own != NULL);
    if (size)
        memcpy(own, data, size);
    web_head_verdict verdict = web_head_read(own, size, &head);
    require((verdict == WEB_HEAD_WRONG) == (head.why != NULL));
    if (verdict == WEB_HEAD_WHOLE) {
        require(head.size <= size && head.size <= WEB_HEAD_MAX);
        require_plain(own, head.size);
        require(count_fields(own, head.size, "host:") == 1);
        require(count_fields(own, head.size, "content-length:")
            + count_fields(own, head.size, "transfer-encoding:") <= 1);
        for (size_t cut = 0; cut < head.size; cut += cut < 64 ? 1 : 61)
            require(web_head_read(own, cut, &part) == WEB_HEAD_MORE);
    }
    free(own);
    return 0;
}
