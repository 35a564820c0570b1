"""What the archive of Redis has no room for: told before, and asked."""
import json

LIMIT = 9999
FILL = """for i = 1, 9990 do redis.call('ZADD', KEYS[1], 1900000000, 'a' .. i)
redis.call('HSET', 'asynq:{q}:t:a' .. i, 'state', 'archived') end return 1"""


def test_what_would_be_deleted_is_told_and_asked(gofer, redis):
    redis("EVAL", FILL, 1, "asynq:{q}:archived")
    gofer("enqueue", "t", "--queue", "q", "--count", "9")
    result = gofer("task", "archive", "--all", "--state", "pending", "--queue", "q")  # it fits
    assert "deleted" not in result.err
    gofer("enqueue", "t", "--queue", "q", "--count", "20")
    told = "20 would be deleted"
    dry = gofer("task", "archive", "--all", "--state", "pending", "--dry-run")
    assert told in dry.err and "would have archived 20" in dry.out
    refused = gofer("task", "archive", "--all", "--state", "pending", code=4)
    assert told in refused.err and "--yes" in refused.err
    assert (
        redis("LLEN", "asynq:{q}:pending") == 20 and redis("ZCARD", "asynq:{q}:archived") == LIMIT
    )
    done = gofer("task", "archive", "--all", "--state", "pending", "--yes")
    assert told in done.err and "archived 20" in done.out
    assert redis("LLEN", "asynq:{q}:pending") == 0 and redis("ZCARD", "asynq:{q}:archived") == LIMIT
    assert "deleted  20 archived tasks of queue q" in gofer("stats").out
    stats = json.loads(gofer("stats", "--json").out)
    assert stats["archive_deleted"] == stats["queues"][0]["archive_deleted"] == 20
    assert stats["queues"][0]["archive_limit"] == LIMIT


def test_the_metrics_tell_how_full_it_is(gofer, redis, web):
    gofer("enqueue", "t", "--queue", "other")
    redis("EVAL", FILL, 1, "asynq:{q}:archived")
    gofer("enqueue", "t", "--queue", "q")
    text = web("/metrics").text
    assert 'gofer_queue_archive_fill_ratio{queue="q"} 0.999' in text
    assert 'gofer_queue_archive_fill_ratio{queue="other"} 0\n' in text
