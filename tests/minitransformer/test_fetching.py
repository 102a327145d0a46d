"""Against a server of this process: no test asks the network."""

import hashlib
import io
import random
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import URLError
from urllib.request import Request

import pytest

from minitransformer import cli, fetching
from minitransformer.fetching import Redirects, address_of, fetch

LINES = "".join(f"sentence {n}\tphrase {random.Random(n).random()}\n" for n in range(9_000))
ABOUT = "** Info **\nold\n\n** Terms of Use **\n\nSee the terms.\n  CC BY\x1b[2J\n\n** More **\nx\n"


def zip_of(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


GOOD = zip_of({"fra.txt": LINES, "_about.txt": ABOUT})
HALF = len(GOOD) // 2
BODIES = {
    "/good": GOOD,
    "/html": b"<!DOCTYPE html>\n<html>Not today</html>",
    "/bomb": zip_of({"fra.txt": 20_000_000 * b"\0"}),
    "/bomb-beside": zip_of({"fra.txt": LINES, "a.png": 20_000_000 * b"\0"}),
    "/climbs": zip_of({"fra.txt": LINES, "../../x": "x"}),
    "/climbs-windows": zip_of({"fra.txt": LINES, "C:\\x": "x"}),
    "/no-text": zip_of({"a.png": "x"}),
    "/damaged": GOOD[:1000] + bytes(100) + GOOD[1100:],
    "/empty": b"",
}
assert HALF > 50_000


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *about):
        pass

    def head(self, status, **headers):
        self.send_response(status)
        for name, value in {"Connection": "close", **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers)))
        self.close_connection = True
        begin = int(self.headers.get("Range", "bytes=0-").split("=")[1].rstrip("-"))
        if self.path in BODIES:
            body = BODIES[self.path]
            if begin >= len(body) > 0:
                self.head(416, Content_Range=f"bytes */{len(body)}", Content_Length=0)
                return
            headers = {"Content_Length": len(body) - begin}
            if begin:
                headers["Content_Range"] = f"bytes {begin}-{len(body) - 1}/{len(body)}"
            self.head(206 if begin else 200, **headers)
            self.wfile.write(body[begin:])
        elif self.path == "/breaks-off":
            self.head(200, Content_Length=len(GOOD))
            self.wfile.write(GOOD[:HALF])
        elif self.path == "/breaks-off-in-chunks":
            self.head(200, Transfer_Encoding="chunked")
            self.wfile.write(b"%x\r\n" % len(GOOD) + GOOD[:HALF])
        elif self.path == "/no-length":
            self.head(200)
            self.wfile.write(GOOD)
        elif self.path == "/no-ranges":
            self.head(200, Content_Length=len(GOOD))
            self.wfile.write(GOOD)
        elif self.path == "/another-part":
            self.head(206, Content_Length=len(GOOD), Content_Range=f"bytes 0-9/{len(GOOD)}")
            self.wfile.write(GOOD)
        elif self.path == "/says-too-little":
            self.head(200, Content_Length=HALF)
            self.wfile.write(GOOD)
        elif self.path == "/says-too-much":
            self.head(200, Content_Length=len(GOOD) + 10)
            self.wfile.write(GOOD)
        elif self.path == "/huge":
            self.head(200, Content_Length=10**12)
        elif self.path == "/endless":
            self.head(200)
            while not self.server.over.is_set():
                try:
                    self.wfile.write(bytes(100_000))
                except OSError:
                    break
        elif self.path == "/slow":
            self.head(200, Content_Length=len(GOOD))
            self.wfile.write(GOOD[:HALF])
            self.server.over.wait(10)
        elif self.path == "/silent":
            self.server.over.wait(10)
        elif self.path == "/moved":
            self.head(302, Location="/good", Content_Length=0)
        elif self.path == "/in-a-circle":
            self.head(302, Location="/in-a-circle", Content_Length=0)
        elif self.path == "/to-a-file":
            self.head(302, Location="file:///etc/hostname", Content_Length=0)
        elif self.path == "/to-ftp":
            self.head(302, Location="ftp://127.0.0.1:9/x", Content_Length=0)
        elif self.path == "/hangs-up":
            pass
        else:
            self.send_error(404)


@pytest.fixture(scope="module")
def running():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    server.asked, server.over = [], threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def server(running, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    running.asked.clear()
    return running


@pytest.fixture
def got(server, tmp_path):
    """`got(path)` fetches that path of the server into a new folder."""

    def get(path, **settings):
        address = f"http://127.0.0.1:{server.server_address[1]}{path}"
        return fetch(address, tmp_path / "data" / "fra-eng.zip", **settings)

    return get


def in_folder(tmp_path):
    return sorted(path.name for path in (tmp_path / "data").iterdir())


@pytest.mark.parametrize("path", ["/good", "/moved", "/no-length"])
def test_a_zip_is_in_place_whole_with_its_checksum_and_terms(path, got, server, tmp_path):
    fetched = got(path)
    assert fetched.path.read_bytes() == GOOD
    assert fetched.sha256 == hashlib.sha256(GOOD).hexdigest()
    assert fetched.terms == "See the terms.\nCC BY [2J"
    assert in_folder(tmp_path) == ["fra-eng.zip"]
    assert all("minitransformer" in headers["User-Agent"] for _, headers in server.asked)


@pytest.mark.parametrize(
    "path, sentence",
    [
        ("/nowhere", "answers 404 Not Found .the pairs there are: https://www.manythings.org"),
        ("/html", "something else than a zip, which begins with .<!DOCTYPE html>"),
        ("/empty", "something else than a zip"),
        ("/bomb", "20,000,000 bytes from .*: that is a zip bomb"),
        ("/bomb-beside", "20,000,000 bytes from .*: that is a zip bomb"),
        ("/climbs", "a path that leads out of its folder, '../../x'"),
        ("/climbs-windows", "a path that leads out of its folder"),
        ("/no-text", "holds no text of sentence pairs"),
        ("/damaged", "sent a damaged zip"),
        ("/says-too-little", "sent a damaged zip"),
        ("/huge", "has 1,000,000,000,000 bytes, more than the 1,000,000 that are allowed"),
        ("/endless", "more than the 1,000,000 that are allowed"),
        ("/in-a-circle", "answers 302 .*redirect"),
        ("/to-a-file", "answers 302 .*file:///etc/hostname' is not allowed"),
        ("/to-ftp", "leads on to ftp://127.0.0.1:9/x, which is not as safe"),
        ("/hangs-up", "cannot be reached, or broke off"),
        ("/silent", "(nothing came for|no answer in) 0.3 seconds$"),
    ],
)
def test_what_is_no_good_is_said_in_a_sentence_and_not_kept(path, sentence, got, tmp_path):
    began = time.monotonic()
    with pytest.raises((ValueError, OSError), match=sentence) as error:
        got(path, most=1_000_000, timeout=0.3 if path == "/silent" else 20)
    assert "\n" not in str(error.value) and "could not be written" not in str(error.value)
    assert in_folder(tmp_path) == []
    assert time.monotonic() - began < 20


def test_a_protected_address_leads_to_protected_ones_alone():
    def leads(to):
        request = Request("https://there/x.zip", headers={"Range": "bytes=5-"})
        return Redirects().redirect_request(request, None, 302, "Found", {}, to)

    assert leads("https://elsewhere/x.zip").get_header("Range") == "bytes=5-"
    with pytest.raises(URLError, match="leads on to http://elsewhere/x.zip, which is not as safe"):
        leads("http://elsewhere/x.zip")


def test_where_nobody_answers_that_is_said(tmp_path):
    with pytest.raises(ConnectionError, match="cannot be reached, or broke off: .*refused"):
        fetch("http://127.0.0.1:9/fra-eng.zip", tmp_path / "fra-eng.zip")


@pytest.mark.parametrize(
    "path, sentence",
    [
        ("/breaks-off", "of .* bytes have come"),
        ("/breaks-off-in-chunks", "broke off"),
        ("/slow", "nothing came for 0.3 seconds"),
    ],
)
@pytest.mark.parametrize("again", ["/good", "/moved", "/no-ranges"])
def test_what_was_cut_off_is_kept_and_taken_up_again(path, sentence, again, got, server, tmp_path):
    with pytest.raises(OSError, match=f"{sentence}.* are kept: the same command goes on") as error:
        got(path, timeout=0.3 if path == "/slow" else 20)
    assert f"The first {HALF:,} bytes" in str(error.value)
    assert in_folder(tmp_path) == ["fra-eng.zip.part"]
    assert got(again).path.read_bytes() == GOOD
    assert in_folder(tmp_path) == ["fra-eng.zip"]
    assert server.asked[-1][1]["Range"] == f"bytes={HALF}-"


def test_a_length_that_is_never_reached_is_no_whole_file(got, tmp_path):
    with pytest.raises(OSError, match=f"{len(GOOD):,} of {len(GOOD) + 10:,} bytes have come"):
        got("/says-too-much")
    assert got("/good").path.read_bytes() == GOOD  # there was nothing left to send
    assert in_folder(tmp_path) == ["fra-eng.zip"]


@pytest.mark.parametrize("begun", [b"PK\x03\x04" + bytes(1000), 2 * GOOD])
def test_a_part_of_another_file_does_not_get_into_this_one(begun, got, tmp_path):
    (tmp_path / "data").mkdir()
    part = tmp_path / "data" / "fra-eng.zip.part"
    part.write_bytes(begun)
    try:
        got("/good")
    except ValueError as error:
        assert "damaged zip" in str(error) and "the same command begins anew" in str(error)
        assert in_folder(tmp_path) == []
        got("/good")
    assert (tmp_path / "data" / "fra-eng.zip").read_bytes() == GOOD


def test_another_part_than_asked_for_is_refused(got, tmp_path):
    with pytest.raises(OSError):
        got("/breaks-off")
    with pytest.raises(ValueError, match="sends another part of the file"):
        got("/another-part")
    assert in_folder(tmp_path) == []


def test_a_file_that_is_there_is_replaced_by_force_alone_and_by_a_whole_one(got, server, tmp_path):
    file = tmp_path / "data" / "fra-eng.zip"
    file.parent.mkdir()
    file.write_text("old")
    with pytest.raises(FileExistsError, match="fra-eng.zip is there already.* --force"):
        got("/good")
    assert server.asked == [] and file.read_text() == "old"
    with pytest.raises(ValueError):
        got("/damaged", force=True)
    assert file.read_text() == "old"
    got("/good", force=True)
    assert file.read_bytes() == GOOD


def test_the_checksum_that_is_given_is_held(got, tmp_path):
    with pytest.raises(ValueError, match="has the SHA-256 .*, and not the one that you gave"):
        got("/good", sha256="0" * 64)
    assert in_folder(tmp_path) == []
    got("/good", sha256=hashlib.sha256(GOOD).hexdigest().upper())


@pytest.mark.parametrize(
    "pair, file",
    [
        ("eng-fra", "fra"),
        ("fra-eng", "fra"),
        ("en-fr", "fra"),
        ("de-en", "deu"),
        ("eng-xyz", "xyz"),
    ],
)
def test_a_pair_is_known_in_both_directions_and_by_short_codes(pair, file):
    assert address_of("tatoeba", pair) == f"https://www.manythings.org/anki/{file}-eng.zip"


@pytest.mark.parametrize(
    "source, pair, sentence",
    [
        ("wmt", "eng-fra", 'nothing to fetch from "wmt", only from tatoeba'),
        ("tatoeba", "eng", '"eng" is no pair of English and another'),
        ("tatoeba", "eng-eng", "is no pair of English"),
        ("tatoeba", "fra-deu", "is no pair of English"),
        ("tatoeba", "eng-fras", "did you mean 'eng-fra'"),
        ("tatoeba", "../../x", "is no pair of English"),
        ("tatoeba", "eng-../x", "is no pair of English"),
        ("tatoeba", "", "is no pair of English"),
        ("tatoeba", "eng-fra-deu", "is no pair of English"),
    ],
)
def test_what_there_is_not_is_refused_with_the_nearest_that_there_is(source, pair, sentence):
    with pytest.raises(ValueError, match=sentence):
        address_of(source, pair)


def test_the_command_shows_checksum_and_licence_and_says_how_to_go_on(
    server, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(fetching, "SITE", f"http://127.0.0.1:{server.server_address[1]}/")
    monkeypatch.setitem(BODIES, "/fra-eng.zip", GOOD)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["fetch", "tatoeba", "eng-fra"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert hashlib.sha256(GOOD).hexdigest() in said
    for words in ("CC BY 2.0", "manythings.org/anki", "tatoeba.org", "See the terms."):
        assert words in said
    assert "minitransformer train pairs --option file=data/fra-eng.zip" in said
    assert cli.main(["fetch", "tatoeba", "eng-fra"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert cli.main(["fetch", "tatoeba", "eng-fra", "--timeout", "0"]) == 2
    assert "--timeout has to be a finite number above 0" in capsys.readouterr().err
