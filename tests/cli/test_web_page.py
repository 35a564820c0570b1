"""The page's files as gofer web serves them: kept by browsers, packed, at any base, or from a
folder. And what they must not have in them."""
import gzip
import os
import re
import shutil
import subprocess

import pytest
from conftest import ROOT
from webserver import Web

pytestmark = pytest.mark.usefixtures("has_web")

FILES = ROOT / "core" / "web" / "page"
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def assets(web, page="/"):
    """The folder of the files' addresses, as the page says it."""
    return re.search(r'href="([^"]*/assets/[^/"]+/)app\.css"', web(page, headers=HTML).text)[1]


def test_the_page_is_asked_for_each_time_and_comes_once(web):
    answer = web("/", headers=HTML)
    assert answer.status == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    etag = answer.headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{16}"', etag)
    for said in (etag, f'"x", W/{etag}', "*"):
        again = web("/", headers={"If-None-Match": said})
        assert again.status == 304 and again.body == b"" and again.headers["etag"] == etag
        assert "default-src 'none'" in again.headers["content-security-policy"]
    assert web("/", headers={"If-None-Match": '"0123456789abcdef"'}).status == 200
    assert "{{" not in answer.text and 'content=""' in answer.text


def test_its_files_are_kept_for_ever(web):
    folder = assets(web)
    for file in FILES.iterdir():
        plain = web(folder + file.name)
        assert plain.status == 200 and plain.body == file.read_bytes(), file
        assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert plain.headers["vary"] == "Accept-Encoding"
        assert "content-encoding" not in plain.headers
        packed = web(folder + file.name, headers={"Accept-Encoding": "br, gzip;q=0.5"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["content-type"] == plain.headers["content-type"]
        assert gzip.decompress(packed.body) == plain.body
        assert packed.headers["etag"] != plain.headers["etag"]      # other bytes, so a strong tag
        for answer, codings in ((plain, ""), (packed, "gzip")):
            headers = {"Accept-Encoding": codings, "If-None-Match": answer.headers["etag"]}
            again = web(folder + file.name, headers=headers)
            assert again.status == 304 and again.body == b""
        assert web(folder + file.name, "HEAD").body == b""


@pytest.mark.parametrize("codings, packed", [
    ("gzip", True), ("GZIP", True), ("deflate,gzip", True), ("gzip;q=1.0, *;q=0", True),
    ("gzip;q=0", False), ("gzip; q=0.000", False), ("identity", False), ("gzipped", False),
    ("br;q=1", False), ("", False), ("gzip;q=0, br;q=1", False), ("x-gzip", False)])
def test_packed_is_for_who_unpacks(web, codings, packed):
    answer = web(assets(web) + "app.js", headers={"Accept-Encoding": codings})
    assert ("content-encoding" in answer.headers) == packed


@pytest.mark.parametrize("path", ["", "x.js", "app.js.gz", "..%2fapp.js", "%2e%2e", "page.c",
                                  "app.js%20", "app.js/x"])
def test_no_other_file_is_there(web, path):
    assert web(assets(web) + path, headers=HTML).status == 404
    assert web("/assets/0123456789abcdef/app.js", headers=HTML).status == 404
    assert web("/assets/folder/app.js").status == 404


@pytest.mark.parametrize("path", ["/queues", "/queues/a%2Fb/tasks/c", "/no/such/view", "/x?y=z&y=1",
                                  "/queues/%ff"])
def test_a_browser_gets_the_page_at_every_address(web, path):
    answer = web(path, headers=HTML)
    assert answer.status == 200 and "<!doctype html>" in answer.text
    assert web(path, "HEAD", headers=HTML).status == 200
    # Who asks for something else hears that there is nothing, and nothing is posted to a view.
    assert web(path).status == 404
    assert web(path, headers={"Accept": "application/json"}).json["error"]["code"] == "ENOTFOUND"
    assert web.post(path, headers=HTML).status == 404


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/x", "/assets/x"])
def test_an_interface_has_no_pages(web, path):
    assert web(path, headers=HTML).status == 404


def test_below_another_path(gofer):
    web = Web(gofer, "--base", "/some/gofer")
    page = web("/some/gofer/queues/x", headers=HTML)
    assert 'name="gofer-base" content="/some/gofer"' in page.text
    for path in re.findall(r'(?:href|src)="(/[^"]+)"', page.text):
        assert path.startswith("/some/gofer/assets/") and web(path).status == 200
    for path in ("/", "/queues", "/some", "/some/goferx", "/some/gofer"):
        assert web(path, headers=HTML).status == 404, path
    web.close()


def test_from_a_folder_it_is_what_was_just_changed(gofer, tmp_path):
    folder = tmp_path / "page"
    shutil.copytree(FILES, folder)
    (folder / "sub").mkdir()
    (folder / ".hidden").write_text("no")
    (tmp_path / "outside.js").write_text("no")
    web = Web(gofer, "--web-root", folder, "--base", "/g")
    for text in ("one", "two"):
        (folder / "new.js").write_text(text)
        answer = web(assets(web, "/g/") + "new.js", headers={"Accept-Encoding": "gzip"})
        assert answer.status == 200 and answer.text == text
        assert answer.headers["cache-control"] == "no-cache" and "etag" not in answer.headers
        (folder / "index.html").write_text("<p>{{base}} {{version}} {{x}} " + text)
        assert web("/g/", headers=HTML).text == "<p>/g folder {{x}} " + text
        (folder / "index.html").write_bytes((FILES / "index.html").read_bytes())
    for name in ("..%2foutside.js", ".hidden", "sub", "none.js", "%2e%2e%2foutside.js"):
        assert web(assets(web, "/g/") + name).status == 404, name
    (folder / "index.html").unlink()
    assert web("/g/", headers=HTML).status == 404
    web.close()


def test_a_folder_without_a_page_is_refused(gofer, tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        assert "index.html" in gofer("web", "--web-root", folder, code=2).why


def test_what_scripts_must_not_say():
    """Text becomes text nodes: nothing in the page makes markup, scripts or styles out of it."""
    banned = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser"
        r"|createContextualFragment|setHTML|srcdoc|setAttribute\(\s*[\"'](on|style)|javascript:"
        r"|https?://(?!www\.w3\.org)|import\(\s*[^`\"']")
    for file in FILES.iterdir():
        for number, line in enumerate(file.read_text().splitlines(), 1):
            assert not banned.search(line), f"{file.name}:{number}: {line}"


def test_types_of_the_scripts():
    compiler = os.environ.get("GOFER_TSC")
    if not compiler:
        pytest.skip("n/a: GOFER_TSC names no tsc (tests/run.sh gets one, where it can)")
    done = subprocess.run(
        [compiler, "--noEmit", "--allowJs", "--checkJs", "--strict", "--target", "es2022",
         "--module", "es2022", "--moduleResolution", "bundler", "--lib", "es2023,dom,dom.iterable",
         *sorted(map(str, FILES.glob("*.js")))], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
