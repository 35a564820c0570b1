// torture_test.c - every allocation fails once: the n-th of a run, for n = 1, 2, 3 … until a run
// meets no failure. Nothing may crash, leak or be half done; the status must be ENOMEM.
#include <stdatomic.h>

#include "check.h"

static _Atomic long live, countdown;       // countdown <= 0: no failure planned

static int fails_now(void)
{
    return atomic_load(&countdown) > 0 && atomic_fetch_sub(&countdown, 1) == 1;
}

static void *counted_malloc(size_t size)
{
    void *p = fails_now() ? NULL : malloc(size);
    if (p)
        atomic_fetch_add(&live, 1);
    return p;
}

static void *counted_realloc(void *old, size_t size)
{
    void *p = fails_now() ? NULL : realloc(old, size);
    if (p && !old)
        atomic_fetch_add(&live, 1);
    return p;
}

static void counted_free(void *p)
{
    if (p)
        atomic_fetch_sub(&live, 1);
    free(p);
}

// A client's life; stops at the first failure. Returns its status.
static gofer_status enqueue_and_inspect(void)
{
    static const char *const headers[] = { "k", "v", NULL };
    gofer_client *c = NULL;
    gofer_info *info = NULL;
    char *id = NULL, *json = NULL;
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.headers = headers;
    o.task_id = "fixed";

    gofer_status st = gofer_client_open(&c, "memory:", NULL);
    if (st == GOFER_OK)
        st = gofer_client_enqueue(c, "t", "payload", 7, &o, &id);
    if (st == GOFER_OK)
        st = gofer_client_task(c, NULL, "fixed", &info);
    if (st == GOFER_OK)
        st = gofer_info_json(info, &json);
    if (st == GOFER_OK)
        CHECK_HAS(json, "\"payload\":\"payload\"");
    gofer_free(json);
    gofer_free(id);
    gofer_info_free(info);
    gofer_client_close(c);
    return st;
}

static void every_failed_allocation_is_enomem_and_leaks_nothing(void)
{
    long before = atomic_load(&live), n = 1;
    for (;; n++) {
        atomic_store(&countdown, n);
        gofer_status st = enqueue_and_inspect();
        int met = atomic_load(&countdown) <= 0;
        CHECK_INT(atomic_load(&live), before);
        if (!met) {
            CHECK_OK(st);
            break;
        }
        CHECK_INT(st, GOFER_ENOMEM);
        CHECK_HAS(gofer_error_last(), "memory");
    }
    CHECK(n > 10);
    atomic_store(&countdown, 0);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(every_failed_allocation_is_enomem_and_leaks_nothing),
    };
    CHECK_OK(gofer_set_allocator(counted_malloc, counted_realloc, counted_free));
    int status = check_main(argc, argv, tests, COUNT(tests));
    CHECK_STATUS(gofer_set_allocator(malloc, realloc, free), GOFER_ESTATE);
    return status || check_failures() ? 1 : 0;
}
