"""A file of sentence pairs as a stream of lines: a text, or the one text in a zip."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from .reading import MOST
from .showing import shown

LONGEST_LINE = 4 * MOST  # bytes; what is longer is cut there, and for the reader to refuse
BLOCK = 1 << 16
ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second is an empty one
UTF_8_MARK = b"\xef\xbb\xbf"

# What zipfile raises for damaged bytes.
DAMAGE = (BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError)

# Text shrinks to a third, or to a tenth where it repeats itself. What unpacks to more than this
# many times its size, and to more than this many bytes, was made to fill a disk.
MOST_TIMES, HARMLESS = 100, 10_000_000

# How a file begins that is no text of sentences, and what to do about it.
STRANGERS = (
    ((b"\xff\xfe", b"\xfe\xff"), "is UTF-16; make it UTF-8: iconv -f UTF-16 -t UTF-8"),
    ((b"\x1f\x8b",), "is packed with gzip; unpack it first: gunzip"),
    ((b"%pdf",), "is a PDF, and no text"),
    (
        (b"<!doctype html", b"<html", b"<head", b"<?xml"),
        "is a web page, perhaps saved in place of what it links to: download the file itself",
    ),
)


def lines_of_file(path: Path) -> Iterator[bytes]:
    """The lines of a text, without their ends, one at a time; of a zip those of the text in it.

    A line ends at "\\n" or "\\r\\n" and nowhere else; one that is far too long is cut. Raises
    OSError or ValueError, with a sentence, for what is no such file, also where that shows late.
    """
    try:
        with open_file(path) as file:
            if not file.peek(4).startswith(ZIP):
                yield from lines_of_stream(file, str(path))
                return
            with ZipFile(file) as archive:
                text = the_text(archive, str(path))
                with archive.open(text) as member:
                    stream = io.BufferedReader(member, BLOCK)  # pyright: ignore[reportArgumentType]
                    yield from lines_of_stream(stream, f"{shown(text.filename)} in {path}")
    except DAMAGE as error:
        raise ValueError(
            f"{path} is a damaged zip, perhaps of a download that broke off ({error}): get it again"
        ) from error


def open_file(path: Path) -> io.BufferedReader:
    """The file, to be read as bytes. Raises OSError, with a sentence, where it cannot be."""
    if not path.is_file():
        what = "is no file" if path.exists() else "is not there"
        raise FileNotFoundError(f"the file of sentence pairs {path} {what}")
    try:
        return open(path, "rb")
    except OSError as error:
        raise type(error)(f"{path} cannot be read: {error.strerror or error}") from error


def the_text(archive: ZipFile, name: str) -> ZipInfo:
    """The one text of sentences in a zip. Raises ValueError where there is none, or several, or one
    that must not be unpacked."""
    files = [each for each in archive.infolist() if not each.is_dir()]
    texts = [each for each in files if _may_be_sentences(each.filename)]
    if len(texts) != 1:
        which = "holds several texts" if texts else "holds no text of sentence pairs"
        held = ", ".join(shown(each.filename) for each in (texts or files)[:5]) or "nothing"
        raise ValueError(f"{name} {which} ({held}): unpack it, and name the file that is meant")
    require_harmless(texts[0], name)
    return texts[0]


def require_harmless(member: ZipInfo, name: str) -> None:
    """Raise ValueError for a part of a zip that cannot be unpacked here, or was made to fill a disk
    or a memory."""
    if member.flag_bits & 1:
        raise ValueError(f"{name} is encrypted: unpack it with its password, and name the text")
    if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise ValueError(
            f"{name} is packed in a rare way, or damaged: unpack it, and name the text"
        )
    if member.file_size > max(HARMLESS, MOST_TIMES * member.compress_size):
        raise ValueError(
            f"{name} would unpack to {member.file_size:,} bytes from {member.compress_size:,}: "
            "that is a zip bomb, and no text"
        )


def _may_be_sentences(name: str) -> bool:
    """Whether a file of a zip may hold the sentences: "_about.txt" and "__MACOSX/" do not."""
    hidden = any(part.startswith(("_", ".")) for part in name.split("/"))
    return not hidden and Path(name).suffix.lower() in ("", ".txt", ".tsv", ".json", ".jsonl")


def lines_of_stream(stream: io.BufferedReader, name: str) -> Iterator[bytes]:
    """The lines of a stream of bytes; ValueError, with its `name`, if its beginning is no text."""
    _require_text(stream.peek(BLOCK), name)
    line = stream.readline(LONGEST_LINE).removeprefix(UTF_8_MARK)
    while line:
        whole = line.endswith(b"\n")
        yield line.removesuffix(b"\n").removesuffix(b"\r")
        while not whole:  # the rest of what was cut, or the end
            rest = stream.readline(BLOCK)
            whole = rest.endswith(b"\n") or not rest
        line = stream.readline(LONGEST_LINE)


def _require_text(beginning: bytes, name: str) -> None:
    beginning = beginning.removeprefix(UTF_8_MARK)
    if not beginning:
        raise ValueError(f"{name} is empty")
    plain = beginning.lstrip().lower()
    for starts, what in STRANGERS:
        if plain.startswith(starts):
            raise ValueError(f"{name} {what}")
    if b"\0" in beginning:
        raise ValueError(f"{name} is no text: it has bytes that no text has")
