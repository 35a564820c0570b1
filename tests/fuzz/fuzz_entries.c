// fuzz_entries.c - any text as a file of cron entries: no crash, and what is accepted comes
// back from its record.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schedule/book.h"
#include "util/alloc.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static gofer_client *client;
    gf_schedule_list list;
    if (!client)
        require(gofer_client_open(&client, "memory:", NULL) == GOFER_OK);
    if (gf_schedule_list_parse(client, "/f", (const char *)data, size, &list) != GOFER_OK)
        return 0;
    for (size_t i = 0; i < list.count; i++) {
        char *record, *again;
        gf_schedule back;
        require(gf_schedule_write(&list.items[i], &record) == GOFER_OK);
        require(gf_schedule_read(&back, list.items[i].name, record) == GOFER_OK);
        require(gf_schedule_write(&back, &again) == GOFER_OK);
        require(strcmp(record, again) == 0);
        gf_free(record);
        gf_free(again);
        gf_schedule_clear(&back);
    }
    gf_schedule_list_clear(&list);
    return 0;
}
