"""api_page.py GOFER [--openapi] - prints docs/api.md: the routes of `gofer web`, from its own list
of them; or docs/openapi.json, which is that list."""
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

HEAD = """# The JSON interface

[`gofer web`](web.md) answers these addresses. This page is made from the server's own list of them,
which it has as an OpenAPI document at `/api/v1/routes`; [openapi.json](openapi.json) is a copy.

Answers are JSON. Records have the fields of [fields.md](fields.md), lists are
`{"items": [...]}` with a `next_cursor` where more follows: `?cursor=` asks for the next page.
Integers past 2^53, which JavaScript would round, are text. Times are Unix milliseconds. An error is

```json
{"error": {"code": "ENOTFOUND", "message": "no task 'x' in queue 'default'"}}
```

with the name of the library's status as its code, and one of these statuses:

| status | |
|---|---|
| 400 | something of the request is wrong; the message names it |
| 401, 403 | a token is missing or not known; it may not do this |
| 404, 405 | there is no such thing; the address has no such method |
| 409 | it is not possible in the present state |
| 413, 414, 431 | the body, the address or the head is too long |
| 429 | too many wrong tokens: wait a minute; or too many streams |
| 503 | the store does not answer, or refuses |
| 507 | the store is full |

What may take long is a job: acts on all tasks that match, and, with the status 202 in place of 200,
removing a queue of more than 1000 tasks and a repair of more than two seconds. The answer is

```json
{"job": 7, "act": "queue.delete", "state": "running", "looked": 0, "done": 0, "total": 5000,
 "by": "ann"}
```

and `GET /api/v1/acts/7` says how far it is: `waiting`, `running`, then `done`, `stopped` or
`failed` with an `error`; of a repair that is done, `items` has what it found. `DELETE` on it stops
it. A server remembers its latest 32 jobs.

Everything but GET needs the header `X-Gofer: 1`, and `Content-Type: application/json` if it has a
body ([why](web.md#who-may-do-what)). Members of a body and words of a query that are not known are
refused, so that a slip is noticed.

A name in an address is escaped as a word of a path (`a/b` is `a%2Fb`, `50%` is `50%25`). The names
`.` and `..`, which browsers and most libraries leave out of an address, are written `~.` and `~..`,
and those with signs before them, such as `~.` itself, with one `~` more.

| address | needs | |
|---|---|---|
"""


def openapi(document):
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def page(document):
    rows = []
    for path, ways in document["paths"].items():
        for method, way in ways.items():
            right = way.get("security", [{"token": ["–"]}])[0]["token"][0]
            query = [p["name"] for p in way["parameters"] if p["in"] == "query"]
            words = f"`{method.upper()} {path}`" + (f"<br>`?{'=&'.join(query)}=`" if query else "")
            rows.append(f"| {words} | {right} | {way['summary'].replace('|', '&#124;')} |\n")
    return HEAD + "".join(rows)


def main():
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen([binary, "web", "-u", "memory:", "--listen", "127.0.0.1:0",
                                   "--tokens", f"{folder}/tokens"], stdout=subprocess.PIPE)
        try:
            address = server.stdout.readline().decode().strip()
            with urllib.request.urlopen(address + "api/v1/routes") as answer:
                made = openapi if "--openapi" in sys.argv else page
                sys.stdout.write(made(json.load(answer)))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
