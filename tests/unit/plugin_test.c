// plugin_test.c - plugins: which are loaded, which are refused and with what words.
//
// The fixtures are beside this program in fixtures/ (or in $GOFER_FIXTURES).
#include "gofer/gofer.h"

#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static char fixtures[1024];

typedef struct bench {
    gofer_client *client;
    gofer_worker *worker;
} bench;

static bool bench_open(bench *b)
{
    *b = (bench){ 0 };
    return CHECK_OK(gofer_client_open(&b->client, "memory:", NULL)) &&
           CHECK_OK(gofer_worker_new(&b->worker, b->client));
}

static void bench_close(bench *b)
{
    gofer_worker_free(b->worker);
    gofer_client_close(b->client);
}

static const char *fixture(const char *name)
{
    static char path[1200];
    snprintf(path, sizeof path, "%s/%s", fixtures, name);
    return path;
}

// A copy of a fixture under /tmp, so that its rights can be changed.
static bool copy_fixture(const char *name, char *path, size_t size)
{
    char bytes[8192];
    size_t n;
    snprintf(path, size, "/tmp/gofer-plugin-XXXXXX");
    int fd = mkstemp(path);
    FILE *from = fopen(fixture(name), "rb");
    if (!CHECK(fd >= 0) || !CHECK(from != NULL))
        return false;
    bool good = true;
    while ((n = fread(bytes, 1, sizeof bytes, from)) > 0)
        good = good && write(fd, bytes, n) == (ssize_t)n;
    fclose(from);
    close(fd);
    return CHECK(good);
}

static void a_plugin_brings_handlers(void)
{
    bench b;
    gofer_enqueue_options opts;
    gofer_info *info = NULL;
    char *id = NULL;
    REQUIRE(bench_open(&b));
    REQUIRE_OK(gofer_worker_plugin(b.worker, fixture("good.so")));
    gofer_enqueue_options_init(&opts);
    opts.retention_ms = 3600000;
    REQUIRE_OK(gofer_client_enqueue(b.client, "plugged", NULL, 0, &opts, &id));
    REQUIRE_OK(gofer_worker_set(b.worker, "drain", "1"));
    REQUIRE_OK(gofer_worker_run(b.worker));

    REQUIRE_OK(gofer_client_task(b.client, NULL, id, &info));
    size_t size = 0;
    const void *result = gofer_info_bytes(info, "result", &size);
    CHECK_STR(gofer_info_text(info, "state"), "completed");
    CHECK_MEM(result, size, "from the plugin", 15);
    gofer_info_free(info);
    gofer_free(id);
    bench_close(&b);
}

static void loading_it_twice_is_a_conflict_of_handlers(void)
{
    bench b;
    REQUIRE(bench_open(&b));
    CHECK_OK(gofer_worker_plugin(b.worker, fixture("good.so")));
    CHECK_STATUS(gofer_worker_plugin(b.worker, fixture("good.so")), GOFER_EEXIST);
    bench_close(&b);
    // and unloaded with its worker: a second worker starts afresh
    REQUIRE(bench_open(&b));
    CHECK_OK(gofer_worker_plugin(b.worker, fixture("good.so")));
    bench_close(&b);
}

static void what_is_wrong_with_it_is_told(void)
{
    static const struct {
        const char  *name;
        gofer_status want;
        const char  *words;
    } cases[] = {
        { "other_abi.so", GOFER_EVERSION, "999" },
        { "no_entry.so", GOFER_EINVAL, "gofer_plugin_init" },
        { "failing.so", GOFER_EINVAL, "its gofer_plugin_init failed" },
        { "silent.so", GOFER_ESTATE, "no reason given" },
        { "half.so", GOFER_ESTATE, "no reason given" },
        { "missing.so", GOFER_ENOTFOUND, "No such file" },
        { "..", GOFER_EINVAL, "not a file" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        bench b;
        if (bench_open(&b)) {
            CHECK_STATUS(gofer_worker_plugin(b.worker, fixture(cases[i].name)), cases[i].want);
            CHECK_HAS(gofer_error_last(), cases[i].words);
            CHECK_HAS(gofer_error_last(), cases[i].name);
        }
        bench_close(&b);
    }
}

static void an_init_that_fails_leaves_nothing_registered(void)
{
    bench b;
    REQUIRE(bench_open(&b));
    CHECK_STATUS(gofer_worker_plugin(b.worker, fixture("half.so")), GOFER_ESTATE);
    CHECK_OK(gofer_worker_plugin(b.worker, fixture("good.so")));   // registers the same pattern
    bench_close(&b);
}

static void a_text_file_is_not_a_plugin(void)
{
    bench b;
    char path[] = "/tmp/gofer-plugin-XXXXXX";
    int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    CHECK(write(fd, "only words\n", 11) == 11);
    close(fd);
    if (bench_open(&b)) {
        CHECK_STATUS(gofer_worker_plugin(b.worker, path), GOFER_EINVAL);
        CHECK_HAS(gofer_error_last(), path);
    }
    bench_close(&b);
    unlink(path);
}

static void a_plugin_that_others_may_change_is_refused(void)
{
    static const struct {
        mode_t       mode;
        gofer_status want;
    } cases[] = {
        { 0644, GOFER_OK },
        { 0664, GOFER_EDENIED },
        { 0646, GOFER_EDENIED },
        { 0777, GOFER_EDENIED },
    };
    char path[64];
    REQUIRE(copy_fixture("good.so", path, sizeof path));
    for (size_t i = 0; i < COUNT(cases); i++) {
        bench b;
        CHECK(chmod(path, cases[i].mode) == 0);
        if (bench_open(&b))
            CHECK_STATUS(gofer_worker_plugin(b.worker, path), cases[i].want);
        if (cases[i].want != GOFER_OK)
            CHECK_HAS(gofer_error_last(), "chmod");
        bench_close(&b);
    }
    if (geteuid() == 0) {
        bench b;
        CHECK(chmod(path, 0644) == 0 && chown(path, 12345, 12345) == 0);
        if (bench_open(&b)) {
            CHECK_STATUS(gofer_worker_plugin(b.worker, path), GOFER_EDENIED);
            CHECK_HAS(gofer_error_last(), "12345");
        }
        bench_close(&b);
    }
    unlink(path);
}

static void a_folder_that_others_may_change_is_refused(void)
{
    bench b;
    char from[64], folder[] = "/tmp/gofer-plugins-XXXXXX", path[128];
    REQUIRE(copy_fixture("good.so", from, sizeof from));
    REQUIRE(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/good.so", folder);
    CHECK(rename(from, path) == 0);
    CHECK(chmod(path, 0644) == 0 && chmod(folder, 0777) == 0);
    if (bench_open(&b)) {
        CHECK_STATUS(gofer_worker_plugin(b.worker, path), GOFER_EDENIED);
        CHECK(chmod(folder, 01777) == 0);   // as /tmp: only its owner may rename it
        CHECK_STATUS(gofer_worker_plugin(b.worker, path), GOFER_OK);
    }
    bench_close(&b);
    unlink(path);
    rmdir(folder);
}

// One row for each folder of the way to the plugin: who it belongs to, and who may write to it.
static void every_folder_on_the_way_is_looked_at(void)
{
    static const struct {
        mode_t       mode;
        uid_t        owner;        // 0: as it is; so is group
        gid_t        group;
        gofer_status want;
        const char  *words;
    } cases[] = {
        { 0755, 0, 0, GOFER_OK, NULL },
        { 0755, 0, 12345, GOFER_OK, NULL },
        { 0775, 0, 12345, GOFER_EDENIED, "chmod go-w" },
        { 0757, 0, 0, GOFER_EDENIED, "chmod go-w" },
        { 01777, 0, 12345, GOFER_OK, NULL },
        { 0755, 12345, 0, GOFER_EDENIED, "12345" },
        { 01755, 12345, 0, GOFER_EDENIED, "12345" },
    };
    char from[64], top[] = "/tmp/gofer-plugins-XXXXXX", middle[64], bottom[80], path[128];
    REQUIRE(copy_fixture("good.so", from, sizeof from));
    REQUIRE(mkdtemp(top));
    snprintf(middle, sizeof middle, "%s/a", top);
    snprintf(bottom, sizeof bottom, "%s/b", middle);
    snprintf(path, sizeof path, "%s/good.so", bottom);
    CHECK(mkdir(middle, 0755) == 0 && mkdir(bottom, 0755) == 0 && rename(from, path) == 0 &&
        chmod(path, 0644) == 0);
    const char *const folders[] = { top, middle, bottom };
    for (size_t f = 0; f < COUNT(folders); f++)
        for (size_t i = 0; i < COUNT(cases); i++) {
            bench b;
            if ((cases[i].owner || cases[i].group) && geteuid() != 0)
                continue;          // nobody else can give a folder away
            CHECK(chown(folders[f], cases[i].owner ? cases[i].owner : geteuid(),
                cases[i].group ? cases[i].group : getegid()) == 0);
            CHECK(chmod(folders[f], cases[i].mode) == 0);
            if (bench_open(&b))
                CHECK_STATUS(gofer_worker_plugin(b.worker, path), cases[i].want);
            if (cases[i].words) {
                CHECK_HAS(gofer_error_last(), cases[i].words);
                CHECK_HAS(gofer_error_last(), folders[f]);
            }
            bench_close(&b);
            CHECK(chown(folders[f], geteuid(), (gid_t)-1) == 0 && chmod(folders[f], 0755) == 0);
        }
    unlink(path);
    rmdir(bottom);
    rmdir(middle);
    rmdir(top);
}

static void wrong_arguments_are_refused(void)
{
    bench b;
    REQUIRE(bench_open(&b));
    CHECK_STATUS(gofer_worker_plugin(NULL, fixture("good.so")), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_plugin(b.worker, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_worker_plugin(b.worker, ""), GOFER_EINVAL);
    bench_close(&b);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_plugin_brings_handlers),
        TEST(loading_it_twice_is_a_conflict_of_handlers),
        TEST(what_is_wrong_with_it_is_told),
        TEST(an_init_that_fails_leaves_nothing_registered),
        TEST(a_text_file_is_not_a_plugin),
        TEST(a_plugin_that_others_may_change_is_refused),
        TEST(a_folder_that_others_may_change_is_refused),
        TEST(every_folder_on_the_way_is_looked_at),
        TEST(wrong_arguments_are_refused),
    };
    const char *given = getenv("GOFER_FIXTURES"), *slash = strrchr(argv[0], '/');
    if (given)
        snprintf(fixtures, sizeof fixtures, "%s", given);
    else
        snprintf(fixtures, sizeof fixtures, "%.*s/fixtures", slash ? (int)(slash - argv[0]) : 1,
            slash ? argv[0] : ".");
    return check_main(argc, argv, tests, COUNT(tests));
}
