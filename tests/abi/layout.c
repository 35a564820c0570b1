// layout.c - prints sizes and offsets of the public structs and the values of the public
// constants, for comparison with layout.txt. header.py checks that none was forgotten here.
#include <stdio.h>
#include <string.h>

#include "gofer/gofer.h"

#define STRUCT(type) printf("struct %s size %zu align %zu\n", #type, sizeof(type), _Alignof(type))
#define FIELD(type, field) \
    printf("field %s.%s offset %zu size %zu\n", #type, #field, offsetof(type, field), \
        sizeof(((type *)0)->field))
#define CONSTANT(name) printf("constant %s %lld\n", #name, (long long)(name))

static void structs(void)
{
    STRUCT(gofer_client_options);
    FIELD(gofer_client_options, size);
    FIELD(gofer_client_options, log);
    FIELD(gofer_client_options, log_user);
    FIELD(gofer_client_options, timeout_ms);
    FIELD(gofer_client_options, max_payload);

    STRUCT(gofer_enqueue_options);
    FIELD(gofer_enqueue_options, size);
    FIELD(gofer_enqueue_options, queue);
    FIELD(gofer_enqueue_options, task_id);
    FIELD(gofer_enqueue_options, run_at_ms);
    FIELD(gofer_enqueue_options, delay_ms);
    FIELD(gofer_enqueue_options, timeout_ms);
    FIELD(gofer_enqueue_options, deadline_ms);
    FIELD(gofer_enqueue_options, retention_ms);
    FIELD(gofer_enqueue_options, max_retry);
    FIELD(gofer_enqueue_options, reserved);
    FIELD(gofer_enqueue_options, headers);
}

static void statuses(void)
{
    CONSTANT(GOFER_OK);
    CONSTANT(GOFER_EINVAL);
    CONSTANT(GOFER_ENOMEM);
    CONSTANT(GOFER_EBROKER);
    CONSTANT(GOFER_EUNCERTAIN);
    CONSTANT(GOFER_ETIMEOUT);
    CONSTANT(GOFER_EEXIST);
    CONSTANT(GOFER_EDUPLICATE);
    CONSTANT(GOFER_ENOTFOUND);
    CONSTANT(GOFER_ESTATE);
    CONSTANT(GOFER_ESTALE);
    CONSTANT(GOFER_EFORKED);
    CONSTANT(GOFER_EUNSUPPORTED);
    CONSTANT(GOFER_ENOSPACE);
    CONSTANT(GOFER_ETOOBIG);
    CONSTANT(GOFER_EVERSION);
    CONSTANT(GOFER_EDENIED);
    CONSTANT(GOFER_ECORRUPT);
    CONSTANT(GOFER_EEMPTY);
    CONSTANT(GOFER_EHANDLER);
}

static void other_constants(void)
{
    CONSTANT(GOFER_PLUGIN_ABI);
    CONSTANT(GOFER_NO_RETRY);
    CONSTANT(GOFER_NO_TIMEOUT);
    CONSTANT(GOFER_MAX_DURATION_MS);
    CONSTANT(GOFER_LOG_DEBUG);
    CONSTANT(GOFER_LOG_INFO);
    CONSTANT(GOFER_LOG_WARN);
    CONSTANT(GOFER_LOG_ERROR);
    CONSTANT(GOFER_DONE);
    CONSTANT(GOFER_RETRY);
    CONSTANT(GOFER_SKIP_RETRY);
    CONSTANT(GOFER_REVOKE);
    CONSTANT(GOFER_REQUEUE);
    CONSTANT(GOFER_CANCEL_NONE);
    CONSTANT(GOFER_CANCEL_TIMEOUT);
    CONSTANT(GOFER_CANCEL_STOP);
    CONSTANT(GOFER_CANCEL_LEASE);
    CONSTANT(GOFER_CANCEL_REQUEST);
    CONSTANT(GOFER_MIGRATE_COPY);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--lp64") == 0)
        return sizeof(void *) == 8 && sizeof(long) == 8 ? 0 : 1;
    printf("type gofer_status size %zu\n", sizeof(gofer_status));
    structs();
    statuses();
    other_constants();
    return 0;
}
