"""Sentence pairs from the web: a download that is whole or not there, and can be taken up again."""

import hashlib
import os
import re
import sys
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PureWindowsPath
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener
from zipfile import BadZipFile, ZipFile

from tqdm import tqdm

from .fields import nearest
from .files import naming
from .streams import is_terminal
from .text.pairs_file import BLOCK, DAMAGE, ZIP, require_harmless, the_text
from .text.showing import shown

TIMEOUT = 30.0  # seconds without a byte
MOST = 200_000_000  # bytes of a download; the largest of these zips has about 15 million
PART = ".part"  # ends the name of a download that is not whole yet
AGENT = (
    "minitransformer/0.1 (sentence pairs for learning)"  # the site answers no one without a name
)
ABOUT, MOST_ABOUT = "_about.txt", 20_000  # bytes of it that are read

# By what people type, the codes that manythings.org knows the larger of its languages by.
LANGUAGES = {
    **{"ar": "ara", "bg": "bul", "cs": "ces", "da": "dan", "de": "deu", "el": "ell", "eo": "epo"},
    **{"es": "spa", "fi": "fin", "fr": "fra", "he": "heb", "hu": "hun", "it": "ita", "ja": "jpn"},
    **{"ko": "kor", "lt": "lit", "mk": "mkd", "mr": "mar", "nl": "nld", "no": "nob", "pl": "pol"},
    **{"pt": "por", "ro": "ron", "ru": "rus", "sr": "srp", "sv": "swe", "tr": "tur", "uk": "ukr"},
    **{"vi": "vie", "zh": "cmn"},
}
SITE = "https://www.manythings.org/anki/"
LICENCE = (
    "The sentences are those of Tatoeba (tatoeba.org) as chosen by www.manythings.org/anki, under "
    "CC BY 2.0 (France): who passes them on names both."
)


@dataclass(frozen=True)
class Fetched:
    """A download that is in place: its file, its SHA-256, and its own terms of use."""

    path: Path
    sha256: str
    terms: str


def address_of(source: str, pair: str) -> str:
    """Where the zip of two languages is: `address_of("tatoeba", "eng-fra")`. Raises ValueError,
    with the nearest right name, for what there is not."""
    if source != "tatoeba":
        raise ValueError(f'there is nothing to fetch from "{shown(source)}", only from tatoeba')
    codes = [LANGUAGES.get(code, "eng" if code == "en" else code) for code in pair.split("-")]
    others = [code for code in codes if code != "eng"]
    known = {f"eng-{code}" for code in LANGUAGES.values()}
    well_formed = re.fullmatch("[a-z]{3}(-[a-z]{3})?", "-".join(codes))
    if not well_formed or len(codes) != 2 or len(others) != 1:
        near = nearest(pair, known) or f", like {', '.join(sorted(known)[:5])}; all: {SITE}"
        raise ValueError(f'"{shown(pair)}" is no pair of English and another language{near}')
    return f"{SITE}{others[0]}-eng.zip"


def fetch(
    address: str,
    path: Path,
    force: bool = False,
    sha256: str | None = None,
    timeout: float = TIMEOUT,
    most: int = MOST,
) -> Fetched:
    """Download a zip of sentence pairs to `path`, showing how far it is where somebody watches.

    What has come stays in a file of the same name and `.part` when the download is cut off, and the
    next one goes on from there. In place is only what is whole: as long as announced, a zip without
    damage with one text in it, and with this `sha256` where one is given. Raises FileExistsError
    unless `force`, OSError for what could not be downloaded, ValueError for what is no such zip.
    """
    if path.is_dir() or (path.exists() and not force):
        raise FileExistsError(f"{path} is there already: use it, or replace it with --force")
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART)
    try:
        _download(address, part, timeout, most)
        with open(part, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if sha256 is not None and sha256.lower() != found:
            raise ValueError(f"{address} has the SHA-256 {found}, and not the one that you gave")
        terms = _terms_of_whole_zip(part, address)
    except ValueError:
        part.unlink(missing_ok=True)  # to go on from there would lead to the same
        raise
    with naming(path):
        os.replace(part, path)
    return Fetched(path, found, terms)


class Redirects(HTTPRedirectHandler):
    """Only to another address of the web, and never from a protected one to one that is not."""

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        safe = req.full_url.startswith("https:")
        if not newurl.startswith(("https:",) if safe else ("https:", "http:")):
            raise URLError(f"it leads on to {shown(newurl)}, which is not as safe")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _download(address: str, part: Path, timeout: float, most: int) -> None:
    """Bring the file `part` to its whole length."""
    begun = part.stat().st_size if part.exists() else 0
    request = Request(address, headers={"User-Agent": AGENT})
    if begun:
        request.add_header("Range", f"bytes={begun}-")
    try:
        with build_opener(Redirects).open(request, timeout=timeout) as answer:
            if answer.status != 206:  # all of it, whatever was asked for
                begun = 0
            elif not answer.headers.get("Content-Range", "").startswith(f"bytes {begun}-"):
                raise ValueError(f"{address} sends another part of the file than it was asked for")
            length = answer.headers.get("Content-Length", "")
            total = begun + int(length) if length.isdecimal() else None
            if (total or begun) > most:
                raise ValueError(f"{address} has {total or begun:,} bytes, {_too_many(most)}")
            _receive(answer, part, begun, total, most)
    except HTTPError as error:
        if error.code == 416 and begun:  # nothing is left to send: it is whole, or another one
            length = re.fullmatch(r"bytes \*/(\d+)", error.headers.get("Content-Range", ""))
            if length and int(length[1]) == begun:
                return
            part.unlink()
            return _download(address, part, timeout, most)
        there = " (the pairs there are: " + SITE + ")" if error.code == 404 else ""
        raise OSError(
            f"{address} answers {error.code} {shown(str(error.reason), 200)}{there}"
        ) from None
    except TimeoutError:
        raise TimeoutError(
            f"{address}: nothing came for {timeout:g} seconds{_kept(part)}"
        ) from None
    except (URLError, HTTPException, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            reason = f"no answer in {timeout:g} seconds"
        raise ConnectionError(
            f"{address} cannot be reached, or broke off: {reason}{_kept(part)}"
        ) from None


def _too_many(most: int) -> str:
    return f"more than the {most:,} that are allowed (--limit)"


def _kept(part: Path) -> str:
    """What is left of a download that was cut off."""
    size = part.stat().st_size if part.exists() else 0
    return (
        f". The first {size:,} bytes are kept: the same command goes on from there" if size else ""
    )


def _receive(answer: HTTPResponse, part: Path, begun: int, total: int | None, most: int) -> None:
    """Write what comes behind the first `begun` bytes of the file."""
    hidden = not is_terminal(sys.stderr)
    bar = tqdm(total=total, initial=begun, unit="B", unit_scale=True, disable=hidden)
    with naming(part):
        file = open(part, "r+b" if begun else "wb")
    with file, bar:
        file.seek(begun)
        while block := answer.read1(BLOCK):
            begun += len(block)
            if begun > most:
                raise ValueError(f"{part} would have {_too_many(most)}")
            with naming(part):  # what is full is the disk
                file.write(block)
                file.flush()
            bar.update(len(block))
        os.fsync(file.fileno())
    if total is not None and begun < total:
        raise ConnectionError(f"{begun:,} of {total:,} bytes have come")


def _terms_of_whole_zip(part: Path, address: str) -> str:
    """The terms of use that stand in a zip. Raises ValueError for one that is damaged, or that
    could do harm where it is unpacked."""
    with open(part, "rb") as file:
        beginning = file.read(60)
    if not beginning.startswith(ZIP):
        begins = shown(repr(beginning.decode("utf-8", "replace")))
        raise ValueError(f"{address} sent something else than a zip, which begins with {begins}")
    try:
        with ZipFile(part) as archive:
            for member in archive.infolist():
                require_harmless(member, address)
                steps = PureWindowsPath(member.filename)  # knows the steps of every system
                if ".." in steps.parts or steps.anchor:
                    raise ValueError(
                        f"{address} sent a zip with a path that leads out of its folder, "
                        f"{shown(member.filename)!r}: it is not kept"
                    )
            the_text(archive, address)
            damaged = archive.testzip()
            if damaged is not None:
                raise BadZipFile(f"{shown(damaged)} is not as it was packed")
            if ABOUT not in archive.namelist():
                return ""
            with archive.open(ABOUT) as about:
                said = about.read(MOST_ABOUT).decode("utf-8", "replace")
    except DAMAGE as error:
        raise ValueError(
            f"{address} sent a damaged zip ({error}); it is not kept: the same command begins anew"
        ) from error
    terms = re.search(r"\*\* Terms of Use \*\*(.*?)(\*\*|\Z)", said, re.DOTALL)
    lines = (shown(line, 100) for line in terms[1].splitlines()) if terms else ()
    return "\n".join(line for line in lines if line)
