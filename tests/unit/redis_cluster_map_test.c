// redis_cluster_map_test.c - the answers of CLUSTER SLOTS, as servers of all ages write them.
#include "broker/redis/net/cluster.h"
#include "check.h"

// Reads an answer in the wire's form; NULL: it was refused with *st.
static gf_rd_map *read_map(const char *wire, gofer_status *st)
{
    gf_rd_address asked;
    void *reply = NULL;
    REQUIRE(gf_rd_address_set(&asked, "10.0.0.9", 8, 7009));
    redisReader *reader = redisReaderCreate();
    REQUIRE(reader != NULL);
    CHECK_INT(redisReaderFeed(reader, wire, strlen(wire)), REDIS_OK);
    CHECK_INT(redisReaderGetReply(reader, &reply), REDIS_OK);
    REQUIRE(reply != NULL);
    gf_rd_map *m = gf_rd_map_new();
    REQUIRE(m != NULL);
    *st = gf_rd_map_read(m, reply, &asked);
    freeReplyObject(reply);
    redisReaderFree(reader);
    if (*st == GOFER_OK)
        return m;
    gf_rd_map_free(m);
    return NULL;
}

static const char *owner_of(const gf_rd_map *m, int32_t slot)
{
    static char text[GF_RD_ADDRESS_TEXT];
    if (m->owner[slot] == 0)
        return "nobody";
    gf_rd_address_text(&m->nodes[m->owner[slot] - 1], text);
    return text;
}

static void hosts_are_read_in_all_their_forms(void)
{
    static const struct { const char *node, *want; } cases[] = {
        // Redis 6.2, then 7 with particulars
        { "*3\r\n$8\r\n10.0.0.1\r\n:7001\r\n$2\r\nid\r\n",
                                        "10.0.0.1:7001" },
        { "*4\r\n$8\r\n10.0.0.1\r\n:7001\r\n$2\r\nid\r\n*0\r\n",
                                  "10.0.0.1:7001" },
        { "*4\r\n$6\r\nredis1\r\n:7001\r\n$2\r\nid\r\n*2\r\n$2\r\nip\r\n$8\r\n10.0.0.1\r\n",
          "redis1:7001" },
        { "*3\r\n$4\r\nfd::\r\n:7001\r\n$2\r\nid\r\n",
                                            "[fd::]:7001" },
        // left out: as whoever was asked
        { "*3\r\n$0\r\n\r\n:7001\r\n$2\r\nid\r\n",
                                                "10.0.0.9:7001" },
        { "*4\r\n$-1\r\n:7001\r\n$2\r\nid\r\n*0\r\n",
                                             "10.0.0.9:7001" },
        // a name that is not known yet
        { "*4\r\n$1\r\n?\r\n:7001\r\n$2\r\nid\r\n*2\r\n$2\r\nip\r\n$8\r\n10.0.0.1\r\n",
           "10.0.0.1:7001" },
        { "*4\r\n$1\r\n?\r\n:7001\r\n$2\r\nid\r\n*0\r\n",
                                         "10.0.0.9:7001" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char wire[512];
        gofer_status st;
        snprintf(wire, sizeof wire, "*1\r\n*3\r\n:0\r\n:16383\r\n%s", cases[i].node);
        gf_rd_map *m = read_map(wire, &st);
        if (CHECK(m != NULL)) {
            CHECK_STR(owner_of(m, 0), cases[i].want);
            CHECK_STR(owner_of(m, 16383), cases[i].want);
        }
        gf_rd_map_free(m);
    }
}

static void ranges_and_replicas_are_told_apart(void)
{
    gofer_status st;
    gf_rd_map *m = read_map("*3\r\n"
        "*4\r\n:0\r\n:99\r\n*3\r\n$1\r\na\r\n:1\r\n$1\r\nx\r\n*3\r\n$1\r\nr\r\n:9\r\n$1\r\ny\r\n"
        "*3\r\n:200\r\n:200\r\n*3\r\n$1\r\nb\r\n:2\r\n$1\r\nz\r\n"
        "*3\r\n:300\r\n:16383\r\n*3\r\n$1\r\na\r\n:1\r\n$1\r\nx\r\n", &st);
    REQUIRE(m != NULL);
    CHECK_INT(m->count, 2);
    CHECK_STR(owner_of(m, 99), "a:1");
    CHECK_STR(owner_of(m, 100), "nobody");
    CHECK_STR(owner_of(m, 200), "b:2");
    CHECK_STR(owner_of(m, 301), "a:1");
    gf_rd_address to;
    REQUIRE(gf_rd_address_set(&to, "c", 1, 3));
    CHECK(gf_rd_map_move(m, 200, &to));
    CHECK(gf_rd_map_move(m, 16384, &to));               // no such slot
    CHECK(gf_rd_map_move(m, -1, &to));
    CHECK_STR(owner_of(m, 200), "c:3");
    CHECK_INT(m->count, 3);
    gf_rd_map_free(m);
}

static void what_is_no_map_is_refused_in_words(void)
{
    static const struct { const char *wire; gofer_status want; const char *words; } cases[] = {
        { "-ERR This instance has cluster support disabled\r\n",     GOFER_EINVAL,  "redis://" },
        { "-NOPERM this user has no permissions\r\n",                GOFER_EDENIED, "NOPERM" },
        { "-LOADING Redis is loading\r\n",                           GOFER_EBROKER, "LOADING" },
        { "*0\r\n",                                                  GOFER_EBROKER, "no primary" },
        { "+OK\r\n",                                                 GOFER_EBROKER,
          "10.0.0.9:7009" },
        { "*1\r\n*2\r\n:0\r\n:5\r\n",                                GOFER_EBROKER, "no primary" },
        { "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\na\r\n:1\r\n",     GOFER_EBROKER, "no primary" },
        { "*1\r\n*3\r\n:-1\r\n:5\r\n*2\r\n$1\r\na\r\n:1\r\n",        GOFER_EBROKER, "no primary" },
        { "*1\r\n*3\r\n:9\r\n:5\r\n*2\r\n$1\r\na\r\n:1\r\n",         GOFER_EBROKER, "no primary" },
        { "*1\r\n*3\r\n:0\r\n:5\r\n*2\r\n$1\r\na\r\n:70000\r\n",     GOFER_EBROKER, "no primary" },
        { "*1\r\n*3\r\n:0\r\n:5\r\n*1\r\n$1\r\na\r\n",               GOFER_EBROKER, "no primary" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gofer_status st = GOFER_OK;
        CHECK(read_map(cases[i].wire, &st) == NULL);
        CHECK_INT(st, cases[i].want);
        CHECK_HAS(gofer_error_last(), cases[i].words);
    }
}

static const check_test tests[] = {
    TEST(hosts_are_read_in_all_their_forms),
    TEST(ranges_and_replicas_are_told_apart),
    TEST(what_is_no_map_is_refused_in_words),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
