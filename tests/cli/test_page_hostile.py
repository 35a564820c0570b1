"""What users, programs and other systems put into a store stays text on the page, in a real
Chromium: no script runs, no markup is made, and no view stops working."""
import json
import pathlib
import re
import urllib.parse

import pytest
from browser import until
from test_hostile import REDIS, SQLITE, seed, tamper
from views import FOR_ADMINS, VIEWS

pytestmark = pytest.mark.usefixtures("has_web")

MARKUP = ('<img src=x onerror="hacked=1"><script>hacked=1</script><svg onload=hacked=1></svg>'
          '<iframe srcdoc="<script>top.hacked=1</script>"></iframe><a href="javascript:hacked=1">')
TEXTS = {
    "markup": MARKUP,
    "attribute": "\"' onmouseover=hacked=1 autofocus onfocus=hacked=1 x=\"",
    "address": "javascript:hacked=1//",
    "template": "{{base}} ${hacked=1} <!-- ]]> --> &lt;b&gt; %3Cb%3E",
    "direction": "a\u202egnp.exe\u202c\u2066b\u2069",
    "terminal": "\x1b[31mred\x1b]8;;http://evil.example.org\x07link\x1b[2J",
    "lines": "a\r\nSet-Cookie: gofer=x\r\n\r\n<p>",
    "marks": "Z\u0310\u036b\u0343" * 20 + "\U0001f600\u200d\U0001f468",
    "dots": "../../..",
}
BYTES = {"nul": b"a\0<b>", "invalid": b"\xff\xfe\xc0\xaf<b>", "surrogate": b"\xed\xa0\x80<b>"}

# Which ones a name may be, is the store's to say; what it takes must be shown.
HANDLERS = """
gofer.handle("*", function(task)
    pcall(task.progress, task, 1, 2, task.raw)  -- what is no text it refuses
    pcall(task.log, task, task.raw)
    if task.id:find("fails") then error(task.raw, 0) end
    return task.raw
end)
"""


def put(gofer, **line):
    """Enqueue it if the store takes it: its queue and id."""
    line = {"type": "t", "retention": "1h", "retry": 0, **line}
    done = gofer("enqueue", "--batch", input=json.dumps(line) + "\n", code=None)
    return (line["queue"], line["id"]) if done.code == 0 else None


def fields(gofer):
    """A task for each text in each field that a user fills."""
    made = []
    gofer("cron", "add", "nightly", "0 3 * * *", "report")     # a view of VIEWS
    for name, text in TEXTS.items():
        for field in ("type", "id", "queue", "group"):
            line = {"queue": "names", "id": f"{name}-{field}", "payload": text, field: text}
            made.append(put(gofer, **line))
        for end in ("ends", "fails"):
            made.append(put(gofer, queue="runs", id=f"{name}-{end}", payload=text,
                            headers={"k": text}))
        gofer("cron", "add", text, "0 3 * * *", text, code=None)
    for name, data in BYTES.items():
        for end in ("ends", "fails"):
            gofer("enqueue", "t", "-", "--queue", "runs", "--id", f"{name}-{end}", "--retry", "0",
                  "--retention", "1h", input=data)
            made.append(("runs", f"{name}-{end}"))
    return [one for one in made if one]


def is_untouched(page):
    """Nothing but our own nodes and no script of others'."""
    assert page.run("return window.hacked") is None
    assert page.all("main script,main img,main iframe,main svg[onload],main [onerror],"
                    "main [onmouseover],main [onfocus]") == []
    assert page.run("return [...document.querySelectorAll('a')]"
                    ".filter(a => !a.href.startsWith(location.origin)).length") == 0


def test_texts_stay_texts(admin, store):
    page = admin
    made = fields(store)
    script = store.folder / "handlers.lua"
    script.write_text(HANDLERS)
    store("worker", "--drain", "--queue", "runs", "--lua", script)
    assert len(made) > 40
    assert store.states("runs")["completed"] == store.states("runs")["archived"] == len(TEXTS) + 3
    page.open()
    for view in (*VIEWS, *FOR_ADMINS):
        page.go(view.path.replace("default", "runs").replace("kept", "markup-fails"))
        is_untouched(page)
        assert page.complaints() == [], view
    # Views are the same for both stores: of one all tasks are looked at, of the other some.
    for queue, task in made if store.env["GOFER_URL"].startswith("sqlite:") else made[::7]:
        where = [urllib.parse.quote(one, safe="") for one in (queue, task)]
        page.go("/queues/{}/tasks/{}".format(*where), plain(task))
        page.sees("Payload")
        is_untouched(page)
    assert page.complaints() == []


def plain(text):
    """As the page shows it: what is not seen has a sign."""
    text = re.sub("[\\x00-\\x08\\x0b-\\x1f]", lambda m: chr(0x2400 + ord(m[0])),
                  text.replace("\r\n", "\n"))
    text = re.sub("[\u200e\u200f\u202a-\u202e\u2066-\u2069]",
                  lambda m: f"\u2039U+{ord(m[0]):04X}\u203a", text)
    return text.replace("\n", " ")


def test_a_task_shows_what_is_in_it(page, gofer):
    """In each part of its view the text itself, so that nobody takes it for something else."""
    text = "<b>\u202eevil\x1b[0m"
    gofer("enqueue", "t", text, "--id", "ends", "--header", f"k={text}", "--retention", "1h")
    gofer("enqueue", "t", text, "--id", "fails", "--retry", "0")
    script = gofer.folder / "handlers.lua"
    script.write_text(HANDLERS)
    gofer("worker", "--drain", "--lua", script)
    page.open("/queues/default/tasks/ends", "ends")
    shown = "<b>\u2039U+202E\u203aevil\u241b[0m"
    for part in ("Payload", "Result", "Headers", "Log"):
        page.run("window.part = [...document.querySelectorAll('h2')]"
                 ".find(h => h.textContent === arguments[0]).nextElementSibling", part)
        assert shown in page.run("return part.innerText"), part
    page.open("/queues/default/tasks/fails", "fails")
    page.sees(shown, "pre.error")
    page.open("/failures?state=archived")
    page.sees(shown, "td.error")


def test_numbers_are_not_rounded(page, gofer):
    for i, text in enumerate(('{"n": 12345678901234567890, "m": -0.12345678901234567890}',
                              '[9007199254740993]', '{"n": 1e400}')):
        gofer.enqueue("t", text, "--id", f"n{i}")
        page.open(f"/queues/default/tasks/n{i}")
        page.sees(text)
    gofer.enqueue("t", '{"n": 9007199254740991, "x": 0.5}', "--id", "tree")
    page.open("/queues/default/tasks/tree")
    page.sees("9007199254740991")


def seldom_ms():
    """So often the page looks at a heavy task though nothing has happened to it."""
    script = pathlib.Path(__file__).parents[2] / "core/web/page/task.js"
    return int(re.search(r"SELDOM_MS = (\d+);", script.read_text())[1])


def looks(page):
    """When the page has asked for the task, in ms."""
    return page.run("return performance.getEntriesByType('resource')"
                    ".filter(e => e.name.endsWith('/tasks/big')).map(e => e.startTime)")


def test_ten_megabytes(page, web, gofer):
    """The beginning is shown at once, the rest when it is asked for, and it is fetched once."""
    big = json.dumps({"k": "x" * (10 << 20)})
    gofer("enqueue", "t", "-", "--id", "big", "--retention", "1h", input=big)
    more = f"Show all {len(big):,} characters"
    page.open("/queues/default/tasks/big", "big")
    page.sees(more)
    assert len(page.text()) < 100000
    page.sees("live", "header")
    until(lambda: len(looks(page)) >= 2, "a look when it is live")
    page.click(more)
    page.misses("Show all")
    assert page.run("return document.querySelector('pre.bytes').textContent.length") == len(big)
    # Something else happens: it is not fetched again. Something happens to it: it is.
    gofer.enqueue("t", "x", "--id", "other")
    page.run("return new Promise(done => setTimeout(done, 1500))")
    first, *later = looks(page)
    assert later and all(b - a > seldom_ms() - 1000 for a, b in zip(later, later[1:]))
    gofer("worker", "--drain", "--exec", "t=true")
    page.sees("completed")


def test_every_view_of_a_strange_file(page, gofer):
    seed(gofer)
    for kind in ("numbers far below 0", "ids and types that are not UTF-8",
                 "a worker of huge numbers", "huge counts of sound queues", "huge figures"):
        tamper(gofer, *SQLITE[kind])
    look_at_all(page)


def test_every_view_of_a_strange_redis(page, gofer, redis):
    gofer.enqueue("good", "x", "--id", "kept")
    for spoil in REDIS:
        spoil(redis)
    look_at_all(page)


def look_at_all(page):
    """Each view opens; what cannot be read, the server says and the view tells."""
    page.expects(r"the server responded with a status of (400|404|503)")
    page.open()
    for view in VIEWS:
        page.go(view.path, view.title)
        is_untouched(page)
        assert page.complaints() == [], view
