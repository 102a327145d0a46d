import io
import json
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitransformer.text import pairs_file
from minitransformer.text.pairs import Kept, kept_pairs, length_in_words, read_pairs
from minitransformer.text.pairs_file import lines_of_file, lines_of_stream
from minitransformer.text.reading import cleaned

GO = [("Go on.", "Continue."), ("Stop!", "Arrête !")]


@pytest.fixture
def written(tmp_path):
    """`written(content)` is the name of a file with these bytes, or with this text in UTF-8."""

    def write(content, name="fra.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


@pytest.fixture
def zipped(tmp_path):
    def write(files, name="fra-eng.zip"):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in files.items():
                archive.writestr(member, content)
        return str(tmp_path / name)

    return write


# The forms.


@pytest.mark.parametrize(
    "content",
    [
        "Go on.\tContinue.\nStop!\tArrête !\n",
        "Go on.\tContinue.\nStop!\tArrête !",
        "Go on.\tContinue.\r\nStop!\tArrête !\r\n",
        "\ufeffGo on.\tContinue.\n\n \nStop!\tArrête !\n\n",
        "Go on.\tContinue.\tCC-BY 2.0 (France)\t#1\nStop!\tArre\u0302te\u202f!\tCC-BY",
        "Go\u00a0on.\tContinue.\nStop!\tArrête\u2028!\n",
        "Go\u0085on.\tContinue.\nStop!\tArrête\x0b!\n",
        "Go\ron.\tContinue.\nStop!\tArrête\x0c\x1c\x1d\x1e!\n",
        '{"en": "Go on.", "fr": "Continue."}\n{"fr": "Arrête !", "en": "Stop!"}\n',
        '{"translation": {"en": "Go on.", "fr": "Continue."}}\n'
        '{"id": 2, "translation": {"en": "Stop!", "fr": "Arr\\u00eate\\n!"}}\n',
    ],
)
def test_columns_and_json_lines_are_read_as_they_come(content, written):
    assert list(read_pairs(written(content))) == GO


def test_the_zip_that_manythings_hands_out_is_read_without_its_about(zipped):
    files = {"fra.txt": "Go on.\tContinue.\nStop!\tArrête !\n", "_about.txt": "** Info **\n"}
    assert list(read_pairs(zipped({**files, "__MACOSX/._fra.txt": "\0"}))) == GO


def test_aligned_files_are_named_with_a_comma(written):
    names = written("Go on.\r\n\nStop!\n", "a.en"), written("\ufeffContinue.\n\nArrête !", "a.fr")
    assert list(read_pairs(",".join(names))) == GO
    assert list(read_pairs(", ".join(reversed(names)))) == [pair[::-1] for pair in GO]


def test_a_name_with_a_comma_may_be_that_of_one_file(written):
    assert list(read_pairs(written("Go on.\tContinue.\nStop!\tArrête !\n", "a,b.txt"))) == GO


def test_quotes_are_quotes_and_no_csv(written):
    lines = '"Go," he said.\t« Va », dit-il.\n"Stop!\tArrête !"\n"a\tb\n'
    assert [pair[0] for pair in read_pairs(written(lines))] == ['"Go," he said.', '"Stop!', '"a']


def test_the_languages_of_json_lines_may_be_chosen(written):
    line = json.dumps({"en": "Go on.", "fr": "Continue.", "de": "Weiter."})
    assert list(read_pairs(written(line), ("de", "fr"))) == [("Weiter.", "Continue.")]
    with pytest.raises(ValueError, match="line 1: not two languages: say which with source=en"):
        list(read_pairs(written(line)))
    with pytest.raises(ValueError, match='line 1: no text for "es"; mend it'):
        list(read_pairs(written(line), ("es", "en")))
    with pytest.raises(ValueError, match="holds no JSON lines, so its sides have no names"):
        list(read_pairs(written("Go.\tVa.\n"), ("en", "fr")))


text = st.text(st.characters(exclude_characters="\0\n\t", exclude_categories=["Cs"]), max_size=12)


@given(st.lists(st.tuples(text, text), min_size=1, max_size=8))
def test_any_text_is_a_line_of_columns_and_of_json(tmp_path_factory, texts):
    pairs = [(cleaned(a), cleaned(b)) for a, b in [("x", "y"), *texts]]
    good = [pair for pair in pairs if all(pair)]
    folder = tmp_path_factory.mktemp("any")
    columns = "".join(f"{a}\t{b}\n" for a, b in [("x", "y"), *texts])
    objects = "".join(json.dumps({"a": a, "b": b}) + "\n" for a, b in [("x", "y"), *texts])
    for name, content in [("x.txt", columns), ("x.jsonl", objects)]:
        (folder / name).write_bytes(content.encode())
        assert list(read_pairs(str(folder / name), bad=Counter())) == good


# Bad lines.


@pytest.mark.parametrize(
    "line, reason",
    [
        (b"no tab here", "no tab between two texts"),
        (b"Go.\t", "an empty side"),
        (b"\tVa.", "an empty side"),
        (b"Go.\t\xc2\xa0\xe2\x80\x8b", "an empty side"),
        (b"caf\xe9\tcoffee", "not UTF-8"),
        (b"Go.\t" + 3_000_000 * b"a", "far too long for a sentence"),
        (b"Go.\t" + 200_000 * b"a", "far too long for a sentence, or not UTF-8"),
    ],
)
def test_a_bad_line_stops_with_its_number_or_is_counted(line, reason, written):
    file = written(b"Go on.\tContinue.\n\n" + line + b"\nStop!\tArr\xc3\xaate !\n")
    with pytest.raises(ValueError, match=f"fra.txt, line 3: {reason}; mend it, or .* skip_bad=1"):
        list(read_pairs(file))
    bad = Counter()
    assert list(read_pairs(file, bad=bad)) == GO
    assert bad == {reason: 1}


@pytest.mark.parametrize(
    "line, reason",
    [
        ('{"en": "Go."', "no JSON, or only a part"),
        ('["Go.", "Va."]', "no JSON object"),
        ('{"en": "Go."}', 'no text for "fr"'),
        ('{"en": "Go.", "fr": null}', 'no text for "fr"'),
        ('{"en": "Go.", "fr": " "}', "an empty side"),
        ('{"en": "Go.", "fr": "\\ud800"}', "far too long .*, or not UTF-8"),
        (100_000 * "[", "no JSON"),
    ],
)
def test_a_bad_line_of_json_too(line, reason, written):
    good = [json.dumps({"en": source, "fr": target}) for source, target in GO]
    file = written("\n".join([good[0], line, good[1]]))
    with pytest.raises(ValueError, match=f"fra.txt, line 2: {reason}"):
        list(read_pairs(file))
    bad = Counter()
    assert list(read_pairs(file, bad=bad)) == GO
    assert bad.total() == 1


def test_files_of_unequal_length_are_no_pair(written):
    names = written("Go on.\nStop!\n", "a.en"), written("Continue.\nArrête !\nEncore.\n", "a.fr")
    for both in (names, names[::-1]):
        with pytest.raises(ValueError, match="line 3: .* they have not equally many"):
            list(read_pairs(",".join(both)))
        bad = Counter()
        assert len(list(read_pairs(",".join(both), bad=bad))) == 2 and bad.total() == 1


# What is no such file.


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"", "fra.txt is empty"),
        (b"\xef\xbb\xbf", "fra.txt is empty"),
        (bytes(range(256)), "fra.txt is no text"),
        (b"\x1f\x8b\x08\x00abc", "gzip; unpack it first"),
        (b"%PDF-1.7\n", "is a PDF"),
        ("Go.\tVa.\n".encode("utf-16"), "UTF-16; make it UTF-8"),
        (b"<!DOCTYPE html>\n<html><body>\tNot found</body></html>", "is a web page"),
        (b"\xef\xbb\xbf\n<HTML>\n", "is a web page"),
        (b"PK\x03\x04 and no more", "is a damaged zip"),
    ],
)
def test_what_is_no_text_is_said_in_a_sentence(content, sentence, written):
    with pytest.raises(ValueError, match=sentence):
        list(read_pairs(written(content)))


def test_what_is_no_file_is_said_in_a_sentence(tmp_path, written):
    with pytest.raises(FileNotFoundError, match="nowhere.txt is not there"):
        list(read_pairs(str(tmp_path / "nowhere.txt")))
    with pytest.raises(FileNotFoundError, match="is no file"):
        list(read_pairs(str(tmp_path)))
    with pytest.raises(ValueError, match="names neither one file nor two"):
        list(read_pairs("a,b,c"))


@pytest.mark.parametrize(
    "files, sentence",
    [
        ({}, r"holds no text of sentence pairs \(nothing\)"),
        ({"a.png": "x", "_about.txt": "x"}, r"no text of sentence pairs \(a.png, _about.txt\)"),
        ({"a.en": "x", "fra.txt": "x", "deu.txt": "x"}, r"several texts \(fra.txt, deu.txt\)"),
        ({"fra.txt": 11_000_000 * " "}, "11,000,000 bytes from .* a zip bomb"),
        ({"fra.txt": ""}, "fra.txt in .* is empty"),
    ],
)
def test_a_zip_without_its_one_text_is_said_in_a_sentence(files, sentence, zipped):
    with pytest.raises(ValueError, match=sentence):
        list(read_pairs(zipped(files)))


def test_an_encrypted_zip_is_said_in_a_sentence(zipped, written):
    content = bytearray(open(zipped({"fra.txt": "Go.\tVa.\n"}), "rb").read())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag in the list of contents
    with pytest.raises(ValueError, match="is encrypted: unpack it"):
        list(read_pairs(written(bytes(content))))


def test_a_zip_that_is_packed_in_a_rare_way_is_said_in_a_sentence(tmp_path):
    with zipfile.ZipFile(tmp_path / "fra.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("fra.txt", "Go.\tVa.\n")
    with pytest.raises(ValueError, match="fra.zip is packed in a rare way, or damaged: unpack it"):
        list(read_pairs(str(tmp_path / "fra.zip")))


def test_a_zip_that_hides_how_much_it_unpacks_to_is_not_believed(zipped, written):
    content = bytearray(open(zipped({"fra.txt": 1000 * "Go.\tVa.\n"}), "rb").read())
    listed = content.index(b"PK\x01\x02") + 24
    content[listed : listed + 4] = (100).to_bytes(4, "little")
    with pytest.raises(ValueError, match="is a damaged zip"):
        list(read_pairs(written(bytes(content))))


@given(st.integers(0, 2**32), st.binary(min_size=1, max_size=4))
def test_a_damaged_zip_is_read_or_refused_with_a_sentence(tmp_path_factory, place, damage):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fra.txt", "Go on.\tContinue.\nStop!\tArrête !\n")
        archive.writestr("_about.txt", "** Info **\n")
    content = bytearray(stream.getvalue())
    place %= len(content)
    content[place : place + len(damage)] = damage
    path = tmp_path_factory.mktemp("zip") / "damaged.zip"
    path.write_bytes(content)
    try:
        list(read_pairs(str(path), bad=Counter()))
    except (ValueError, OSError) as error:
        assert "damaged.zip" in str(error) and "\n" not in str(error)


# Memory.


class Endless(io.RawIOBase):
    """A stream of so many lines, made when they are read."""

    def __init__(self, lines):
        self.left = lines

    def readable(self):
        return True

    def readinto(self, buffer):
        count = min(self.left, len(buffer) // 32)
        first, self.left = self.left, self.left - count
        content = b"".join(b"%015d\t%015d\n" % (first - i, i) for i in range(count))
        buffer[: len(content)] = content
        return len(content)


@pytest.mark.parametrize("lines, most", [(5_000, 100), (20_000, 100)])
def test_memory_is_that_of_what_is_kept_however_long_the_file(lines, most, written, monkeypatch):
    stream = io.BufferedReader(Endless(lines), 1 << 16)
    monkeypatch.setattr(
        "minitransformer.text.pairs.lines_of_file", lambda path: lines_of_stream(stream, "made")
    )
    tracemalloc.start()
    try:
        dropped = Counter()
        kept = kept_pairs(read_pairs("made"), (5, 5), most, dropped)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(kept) == most and dropped.total() == lines - most
    assert peak < 500_000  # bytes; 20,000 pairs would be some 5 million


def test_a_line_without_an_end_is_not_kept_in_memory(written):
    file = written(b"a\tb\n" + 20_000_000 * b"c" + b"\nc\td\n")
    tracemalloc.start()
    try:
        assert list(read_pairs(file, bad=Counter())) == [("a", "b"), ("c", "d")]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * pairs_file.LONGEST_LINE


@given(st.lists(st.binary(max_size=5)), st.integers(1, 9))
def test_lines_end_where_they_end_whatever_the_size_of_the_blocks(lines, size):
    lines = [line.replace(b"\n", b"").replace(b"\r", b"") + b"x" for line in lines]
    content = b"y\n" + b"\n".join(lines)
    if b"\0" not in content:
        stream = io.BufferedReader(io.BytesIO(content), size)  # pyright: ignore
        assert list(lines_of_stream(stream, "lines")) == [b"y", *lines]


# Which are kept.


def pairs_of(numbers):
    return [(f"source {n}", f"target {n}") for n in numbers]


def test_a_pair_that_comes_twice_is_kept_once_in_the_order_of_the_file():
    dropped = Counter()
    assert kept_pairs(pairs_of([3, 1, 3, 2, 1]), (9, 9), 100, dropped) == pairs_of([3, 1, 2])
    assert dropped == {"duplicates": 2}


def test_sides_that_are_too_long_are_left_out_by_words():
    dropped = Counter()
    pairs = [("a b", "c d"), ("a b c", "d"), ("a", "b c d"), ("a - b !", "« c » d")]
    assert kept_pairs(pairs, (2, 2), 100, dropped) == [pairs[0], pairs[3]]
    assert dropped == {"too long": 2}


@pytest.mark.parametrize(
    "text, words", [("Va !", 1), ("I'm here.", 2), ("¡!", 0), ("a - b", 2), ("l'eau - 3,50", 2)]
)
def test_a_word_is_what_one_counts_by_eye(text, words):
    assert length_in_words(text) == words


def test_of_too_many_pairs_the_choice_is_fair_and_the_same_in_any_order():
    pairs = pairs_of(range(2_000))
    mixed = [pairs[i] for i in np.random.default_rng(0).permutation(2_000)]
    dropped = Counter()
    chosen = kept_pairs(pairs, (9, 9), 500, dropped)
    assert dropped == {"more than 500 (option most)": 1_500}
    assert sorted(kept_pairs(mixed + mixed, (9, 9), 500, Counter())) == sorted(chosen)
    first_half = sum(pair in pairs[:1_000] for pair in chosen)
    assert 200 < first_half < 300  # 250, with a deviation of about 10


def test_with_room_for_all_nothing_is_chosen():
    kept = Kept(3)
    assert [kept.add(pair, i) for i, pair in enumerate(pairs_of([1, 2, 3]))] == [None] * 3
    assert kept.pairs() == pairs_of([1, 2, 3])


def test_lines_of_a_file_are_bytes_without_their_ends(written):
    assert list(lines_of_file(Path(written("a\r\nb\n\nc")))) == [
        *(b"a", b"b", b"", b"c"),
    ]
