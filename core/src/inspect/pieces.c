// pieces.c - the tasks of a page in pieces: so many, and so many bytes of payload.
//
// May touch: broker/broker.h. Pure but for what it calls.
#include "inspect/pieces.h"

#include "broker/broker.h"

gofer_status gf_by_pieces(const gofer_info *list,
    gofer_status (*each)(void *arg, const char *const *ids, size_t count), void *arg)
{
    const char *ids[GF_PIECE];
    size_t count = 0, all = gofer_info_count(list);
    int64_t bytes = 0;
    gofer_status st = GOFER_OK;
    for (size_t i = 0; i < all && st == GOFER_OK; i++) {
        const gofer_info *task = gofer_info_at(list, i);
        const char *id = gofer_info_text(task, "id");
        int64_t size = gofer_info_int(task, "payload_size", 0);
        if (count && (count == GF_PIECE || bytes + size > GF_PIECE_BYTES)) {
            st = each(arg, ids, count);
            count = 0;
            bytes = 0;
        }
        if (id)
            ids[count++] = id;
        bytes += size;
    }
    return st == GOFER_OK && count ? each(arg, ids, count) : st;
}
