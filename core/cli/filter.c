// filter.c - from the options to the library's filter.
//
// Borrows what the options point to; the library checks it.
#include "filter.h"

int filter_is_given(const filter_args *args)
{
    return args->type || args->error || args->fingerprint || args->id || args->group ||
        args->older.given || args->newer.given;
}

void filter_fill(const filter_args *args, gofer_filter *out)
{
    gofer_filter_init(out);
    out->type = args->type;
    out->error = args->error;
    out->fingerprint = args->fingerprint;
    out->id = args->id;
    out->group = args->group;
    // In the interface 0 is no bound; here it is the shortest one.
    out->older_ms = args->older.given && args->older.value == 0 ? 1 : args->older.value;
    out->younger_ms = args->newer.given && args->newer.value == 0 ? 1 : args->newer.value;
}
