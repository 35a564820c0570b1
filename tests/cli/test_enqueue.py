"""gofer enqueue: every option, every source of a payload, batches."""
import json
import os
import subprocess
import time

import pytest


def show(gofer, id):
    return gofer.json("task", "show", id)


def test_prints_the_id_of_a_durable_task(gofer):
    id = gofer.enqueue("email:welcome", '{"to": "ada"}')
    assert len(id) == 36
    task = show(gofer, id)
    assert (task["type"], task["queue"], task["state"]) == ("email:welcome", "default", "pending")
    assert task["payload"] == '{"to": "ada"}'


def test_json_prints_an_object(gofer):
    got = gofer.json("enqueue", "t", "--queue", "mail", "--id", "mine")
    assert got == {"id": "mine", "queue": "mail", "type": "t", "effect": "created"}


def test_every_option_arrives(gofer):
    id = gofer.enqueue(
        "t",
        "p",
        "--queue",
        "mail",
        "--id",
        "x-1",
        "--in",
        "5m",
        "--retry",
        "3",
        "--timeout",
        "30s",
        "--deadline",
        "2099-01-01T00:00:00Z",
        "--retention",
        "1h",
        "--header",
        "a=b",
        "--header",
        "c=d=e",
    )
    task = show(gofer, id)
    assert task["id"] == "x-1" and task["queue"] == "mail" and task["state"] == "scheduled"
    assert (
        task["max_retry"] == 3 and task["timeout_ms"] == 30000 and task["retention_ms"] == 3600000
    )
    assert task["deadline_ms"] == 4070908800000
    assert task["headers"] == {"a": "b", "c": "d=e"}
    assert abs(task["next_run_at_ms"] - (time.time() + 300) * 1000) < 60000


def test_at_takes_a_time(gofer):
    for text in ("2099-01-01T00:00:00Z", "2099-01-01 01:00:00+01:00", "@4070908800"):
        task = show(gofer, gofer.enqueue("t", "--at", text))
        assert task["state"] == "scheduled" and task["next_run_at_ms"] == 4070908800000


def test_zero_retries_and_no_timeout(gofer):
    task = show(gofer, gofer.enqueue("t", "--retry", "0", "--timeout", "0"))
    assert task["max_retry"] == 0
    assert show(gofer, gofer.enqueue("t"))["max_retry"] == 25


def test_payload_from_standard_input_and_file(gofer, tmp_path):
    data = bytes(range(256)) * 3
    id = gofer.enqueue("t", "-", input=data)
    assert gofer("task", "show", id, "--payload").raw == data
    (tmp_path / "blob").write_bytes(b"\0" + data)
    id = gofer.enqueue("t", "@blob")
    assert gofer("task", "show", id, "--payload").raw == b"\0" + data
    assert gofer("task", "show", gofer.enqueue("t"), "--payload").raw == b""


def test_missing_payload_file_is_told(gofer):
    got = gofer("enqueue", "t", "@not here", code=3)
    assert "not here" in got.err and "No such file" in got.err
    assert gofer("enqueue", "t", "@.", code=1).err


def test_same_id_again_adds_nothing_and_another_task_conflicts(gofer):
    for _ in range(2):
        assert gofer.enqueue("t", "p", "--id", "one") == "one"
    assert gofer.states()["pending"] == 1
    got = gofer("enqueue", "t", "other", "--id", "one", code=4)
    assert (
        "one" in got.err
        and gofer("enqueue", "t", "o", "--id", "one", "--json", code=4).error["status"] == "EEXIST"
    )


def test_count_adds_copies(gofer):
    ids = gofer("enqueue", "t", "p", "--count", "1203").out.split()
    assert len(ids) == len(set(ids)) == 1203
    assert gofer.states()["pending"] == 1203
    assert len(gofer.json("enqueue", "t", "--count", "2")["items"]) == 2
    assert "--id names one task" in gofer("enqueue", "t", "--id", "x", "--count", "2", code=2).err


def test_payload_over_the_limit(gofer, tmp_path):
    (tmp_path / "big").write_bytes(b"x" * (16 * 1024 * 1024 + 1))
    assert "16" in gofer("enqueue", "t", "@big", code=2).err
    id = gofer.enqueue("t", "@big", "--max-payload", "17M")
    assert show(gofer, id)["payload_size"] == 16 * 1024 * 1024 + 1
    gofer("enqueue", "t", "12345", "--max-payload", "4", code=2)
    gofer("enqueue", "t", "-", "--max-payload", "4", input=b"12345", code=2)
    gofer("enqueue", "t", "1234", "--max-payload", "4")


@pytest.mark.parametrize(
    "words",
    [
        ["", "p"],
        ["x" * 256],
        ["t", "--queue", ""],
        ["t", "--queue", "q" * 256],
        ["t", "--queue", "a{b}"],
        ["t", "--id", "i" * 256],
        ["t", "--id", ""],
        ["a\nb"],
        ["a\x1b[31mb"],
        [b"\xff\xfe"],
        ["t", "--queue", b"\xc3\x28"],
        ["t", "--header", "=v"],
        ["t", "--header", b"k=\xff"],
    ],
)
def test_bad_names_are_refused_and_shown_escaped(gofer, words):
    got = gofer("enqueue", *[os.fsdecode(w) for w in words], code=2)
    assert got.err.startswith("gofer: ") and len(got.err) > 20
    assert "\x1b" not in got.err and got.err.count("\n") == 1


def test_longest_names_are_fine(gofer):
    id = gofer.enqueue("t" * 255, "--queue", "é" * 127, "--id", "i" * 255)
    assert id == "i" * 255 and show(gofer, id)["queue"] == "é" * 127


# ---- Batches


def batch(gofer, lines, *args, **how):
    text = "\n".join(json.dumps(line) if not isinstance(line, str) else line for line in lines)
    return gofer("enqueue", "--batch", *args, input=text, **how)


def test_batch_members_arrive(gofer):
    ids = batch(
        gofer,
        [
            {
                "type": "a",
                "payload": "text \u0000 nul é",
                "queue": "q",
                "id": "1",
                "in": "1h",
                "retry": 0,
            },
            {
                "type": "b",
                "payload": {"base64": "AP+AAQ=="},
                "at": "2099-01-01T00:00:00Z",
                "timeout": 90,
                "retention": "2h",
            },
            (
                '{"type": "c", "payload": {"n": 12345678901234567890,  "f": 1.10}, "headers": {"k":'
                ' "v"}, "deadline": 4070908800}'
            ),
            {"type": "d"},
            {"type": "e", "payload": [1, 2], "queue": None},
        ],
    ).out.split()
    assert len(ids) == 5 and ids[0] == "1"
    a, b, c, d, e = (show(gofer, id) for id in ids)
    assert a["queue"] == "q" and a["state"] == "scheduled" and a["max_retry"] == 0
    assert gofer("task", "show", "1", "--payload").raw == "text \0 nul é".encode()
    assert gofer("task", "show", ids[1], "--payload").raw == b"\x00\xff\x80\x01"
    assert (
        b["next_run_at_ms"] == 4070908800000
        and b["timeout_ms"] == 90000
        and b["retention_ms"] == 7200000
    )
    assert c["payload"] == '{"n": 12345678901234567890,  "f": 1.10}'
    assert c["headers"] == {"k": "v"} and c["deadline_ms"] == 4070908800000
    assert d["payload_size"] == 0 and e["payload"] == "[1, 2]" and e["queue"] == "default"


def test_batch_takes_defaults_from_the_command_line(gofer):
    ids = batch(
        gofer, [{"type": "a"}, {"type": "b", "queue": "own"}], "--queue", "mail", "--retry", "2"
    ).out.split()
    assert [show(gofer, id)["queue"] for id in ids] == ["mail", "own"]
    assert show(gofer, ids[0])["max_retry"] == 2


def test_a_line_of_a_batch_may_be_plain(gofer):
    gofer.env["GOFER_KEYS"] = "k1:" + "A" * 43 + "="
    ids = batch(
        gofer, [{"type": "t", "payload": "p"}, {"type": "t", "payload": "p", "plain": True}]
    ).out.split()
    del gofer.env["GOFER_KEYS"]
    payloads = [gofer("task", "show", id, "--payload").raw for id in ids]
    assert payloads[0].startswith(b"gfe1k1\0") and payloads[1] == b"p"


def test_batch_is_large_and_in_order(gofer):
    lines = [{"type": "t", "id": f"n{i}"} for i in range(2500)]
    assert batch(gofer, lines).out.split() == [f"n{i}" for i in range(2500)]
    assert gofer.states()["pending"] == 2500


@pytest.mark.parametrize(
    "line, text",
    [
        ("not json", "not a JSON object"),
        ("[1]", "not a JSON object"),
        ('{"type":"a"', "not a JSON object"),
        ('{"type":"a"} x', "not a JSON object"),
        ('{"payload":1}', "'type' is missing"),
        ('{"type":5}', "'type' must be a string"),
        ('{"type":"a","paylod":1}', "did you mean 'payload'?"),
        ('{"type":"a","in":"soon"}', "'in'"),
        ('{"type":"a","in":true}', "'in' must be"),
        ('{"type":"a","in":1,"at":2}', "exclude each other"),
        ('{"type":"a","retry":-1}', "'retry' must be"),
        ('{"type":"a","retry":1.5}', "'retry' must be"),
        ('{"type":"a","headers":{"k":1}}', "'headers' must be"),
        ('{"type":"a\\u0000b"}', "without NUL"),
        ('{"type":"a","payload":{"base64":"?"}}', "valid base64"),
        ('{"type":""}', "type"),
        ("[" * 5000, "not a JSON object"),
    ],
)
def test_batch_tells_bad_lines_by_number_and_goes_on(gofer, line, text):
    got = batch(gofer, [{"type": "ok1"}, "", line, {"type": "ok2"}], code=2)
    assert "line 3: " in got.err and text in got.err
    assert len(got.out.split()) == 2 and gofer.states()["pending"] == 2
    assert "2 tasks added, 1 refused" in got.err


@pytest.mark.parametrize(
    "line, text",
    [
        (b'{"type":"t","payload":"a\\\0b"}', "not a JSON object"),
        (b'{"type":"t","in":"1h\\u0000junk"}', "'in' must be a duration"),
        (b'{"type":"t","at":"2099-01-01T00:00:00Z\\u0000"}', "'at' must be a time"),
        (b'{"type":"t","unique_until":"done\\u0000"}', "'unique_until' must be"),
        (b'{"type":"t","queue\\u0000":"q"}', "the name of a member holds a NUL"),
        (b'{"type":"t","in":"' + b"0" * 90 + b'x"}', "is not a duration"),
        (b'{"type":"t","in":0.' + b"0" * 90 + b'e9}', "is not a duration"),
        (
            b'{"type":"t","headers":{"a":"1","b":"2"},"headers":{"c":"3"}}',
            "'headers' is given twice",
        ),
        (b'{"type":"t","type":"u"}', "'type' is given twice"),
        (b'{"type":"t","retry":1000001}', "'retry' must be a whole number from 0 to 1000000"),
        (b'{"type":"t","unique_key":"k"}', "need 'unique'"),
        (b'{"type":"t","expires":1,"in":2}', "'expires' is over before 'in' lets the task run"),
        (
            b'{"type":"t","expires":1,"at":"2099-01-01T00:00:00Z"}',
            "'expires' is over before 'at' lets the task run",
        ),
    ],
)
def test_a_batch_line_is_read_whole_or_refused(gofer, line, text):
    got = gofer("enqueue", "--batch", input=line + b"\n", code=2)
    assert text in got.err and got.out == ""


def test_a_batch_line_may_be_long_and_begin_with_a_mark(gofer):
    line = (
        b'\xef\xbb\xbf{"type":"t","in":"'
        + b"0" * 90
        + b'2h"}\n{"type":"u","at":null,"in":'
        + b"7200."
        + b"0" * 90
        + b"}\n"
    )
    now = time.time()
    for id in gofer("enqueue", "--batch", input=line).out.split():
        assert abs(show(gofer, id)["next_run_at_ms"] / 1000 - now - 7200) < 300


def test_batch_as_json(gofer):
    got = batch(
        gofer,
        [{"type": "a", "id": "1"}, "bad", {"type": "b", "id": "1"}, {"type": "c", "id": "3"}],
        "--json",
        code=2,
    )
    items = got.json["items"]
    assert [i["line"] for i in items] == [1, 2, 3, 4]
    assert (
        items[0]["id"] == "1"
        and items[1]["error"] == "EINVAL"
        and items[2]["error"] == "EEXIST"
        and items[3]["id"] == "3"
    )
    assert got.json["added"] == 2 and got.json["refused"] == 2


def test_batch_of_nothing(gofer):
    assert gofer("enqueue", "--batch").out == ""
    assert gofer.json("enqueue", "--batch") == {"items": [], "added": 0, "refused": 0}


def test_batch_takes_no_type(gofer):
    assert "standard input" in gofer("enqueue", "t", "--batch", code=2).err


def test_batch_does_not_wait_for_company(gofer):
    process = subprocess.Popen(
        [gofer.bin, "enqueue", "--batch"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=gofer.env,
    )
    try:
        for i in range(3):
            process.stdin.write(b'{"type":"t","id":"%d"}\n' % i)
            process.stdin.flush()
            assert process.stdout.readline() == b"%d\n" % i  # while the input is still open
    finally:
        process.stdin.close()
        assert process.wait(30) == 0
        process.stdout.close()


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    "env, options, headers",
    [
        ({"TRACEPARENT": TRACE}, [], {"traceparent": TRACE}),
        (
            {"TRACEPARENT": TRACE, "TRACESTATE": "a=1"},
            ["--header", "x=y"],
            {"x": "y", "traceparent": TRACE, "tracestate": "a=1"},
        ),
        (
            {"TRACEPARENT": TRACE, "TRACESTATE": "a=1"},
            ["--header", f"traceparent={OTHER}"],
            {"traceparent": OTHER},
        ),
        ({"TRACEPARENT": TRACE, "TRACESTATE": "A"}, [], {"traceparent": TRACE}),
        ({"TRACEPARENT": TRACE.upper(), "TRACESTATE": "a=1"}, [], None),
        ({"TRACEPARENT": "", "TRACESTATE": "a=1"}, [], None),
        ({"TRACESTATE": "a=1"}, [], None),
    ],
)
def test_a_trace_context_goes_along(gofer, env, options, headers):
    id = gofer.enqueue("t", *options, env=env)
    assert show(gofer, id).get("headers") == headers


def test_a_trace_context_goes_along_with_batches(gofer):
    lines = '{"type":"t","id":"a"}\n{"type":"t","id":"b","headers":{"x":"y"}}\n' \
        f'{{"type":"t","id":"c","headers":{{"traceparent":"{OTHER}"}}}}\n'
    gofer("enqueue", "--batch", input=lines, env={"TRACEPARENT": TRACE})
    assert show(gofer, "a")["headers"] == {"traceparent": TRACE}
    assert show(gofer, "b")["headers"] == {"x": "y", "traceparent": TRACE}
    assert show(gofer, "c")["headers"] == {"traceparent": OTHER}
    ids = gofer("enqueue", "t", "--count", "2", env={"TRACEPARENT": TRACE}).out.split()
    assert [show(gofer, id)["headers"] for id in ids] == [{"traceparent": TRACE}] * 2


def test_a_command_of_a_task_passes_the_context_on(gofer):
    """From a shell to a task, to a task that its command enqueues, to one of Lua, to one of that;
    a cron entry's run has none of the shell in which the entry was made."""
    (gofer.folder / "h.lua").write_text(
        "gofer.handle('second', function(task)\n"
        "  assert(task.traceparent == task.headers.traceparent and task.tracestate == 'a=1')\n"
        "  gofer.enqueue('third', '', {id = 'third', queue = 'later'})\n"
        "end)\n"
    )
    env = {"TRACEPARENT": TRACE, "TRACESTATE": "a=1"}
    gofer.enqueue("first", env=env)
    gofer("cron", "add", "entry", "@every 1h", "third", "--queue", "later", env=env)
    gofer("cron", "run", "entry", env=env)
    worker = gofer.worker(
        "--exec", f"first={gofer.bin} enqueue second", "--lua", "h.lua", ready=False,
        env={"TRACEPARENT": OTHER},
    )
    end = time.monotonic() + 30
    tasks = []
    while len(tasks) < 2 and time.monotonic() < end:
        tasks = gofer.json("task", "ls", "--queue", "later")["items"]
        time.sleep(0.02)
    worker.stop()
    found = {task["id"] == "third": show_in(gofer, task["id"]) for task in tasks}
    assert found[True]["headers"] == {"traceparent": TRACE, "tracestate": "a=1"}, worker.log
    assert "traceparent" not in found[False].get("headers", {})


def show_in(gofer, id):
    return gofer.json("task", "show", id, "--queue", "later")
