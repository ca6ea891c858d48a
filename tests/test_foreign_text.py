"""Foreign text, made harmless: what each place shows of what it is given."""

import csv
import io
import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_assets.foreign_text import (
    LONGEST,
    file_name,
    named,
    quoted,
    shown,
    spreadsheet_cell,
    visible,
    visible_lines,
    without_links,
)

TITLE = "\x1b]0;owned\x07\x1b[2J\x1b[H4 of 4 tenants done"


def test_a_number_is_shown_by_its_digits() -> None:
    given_numbers = ("0E-8", "1E-8", "1E+20", "-1.50", "NaN")
    assert [shown(Decimal(one)) for one in given_numbers] == [
        *("0.00000000", "0.00000001", "100000000000000000000", "-1.50", "NaN")
    ]


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("Willowmere Water", "Willowmere Water"),
        ("Žižkov Šťáva 水道局", "Žižkov Šťáva 水道局"),
        ("क\u094d\u200cष", "क\u094d\u200cष"),
        (TITLE, r"\x1b]0;owned\x07\x1b[2J\x1b[H4 of 4 tenants done"),
        ("one\r\ntwo\tthree", r"one\r\ntwo\tthree"),
        ("pay\u202e05.21", r"pay\u202e05.21"),
        ("\u2066a\u2069\ufeff\x85\u2028", r"\u2066a\u2069\ufeff\x85\u2028"),
        ("\x9b31m\x7f", r"\x9b31m\x7f"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_is_not_seen_is_written_as_an_escape(given_text: str, expected: str) -> None:
    assert visible(given_text) == expected


@given(st.text())
def test_visible_text_is_one_line_that_a_terminal_prints_as_it_is(text: str) -> None:
    seen = visible(text)
    assert not [one for one in seen if unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp")]
    assert visible(seen) == seen
    assert visible_lines(text).count("\n") == text.count("\n")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (41, "41"),
        (Decimal("-12.50"), "-12.50"),
        ("bill_of_other_tenant", "bill_of_other_tenant"),
        ("2025-01-31 10:20:30", "2025-01-31 10:20:30"),
        ("INV-2025/7", "INV-2025/7"),
        (None, "None"),
        ("Reversed ", '"Reversed "'),
        ("", '""'),
        ('all "good". Run it again', "\"all 'good'. Run it again\""),
        ("a\nERROR b", r'"a\nERROR b"'),
    ],
)
def test_foreign_text_in_a_sentence_is_quoted(value: object, expected: str) -> None:
    assert quoted(value) == expected


def test_long_text_is_cut() -> None:
    assert shown("x" * 1_000) == "x" * (LONGEST - 1) + "…"
    assert len(quoted("x y" * 1_000)) == LONGEST + 2
    hostile = shown("\x1b" * 1_000)
    assert len(hostile) == LONGEST
    assert shown(hostile) == hostile


def test_a_tenant_is_named_by_its_key_and_its_quoted_name() -> None:
    assert named("7", 'a "b"\n') == "7 \"a 'b'\\n\""


@pytest.mark.parametrize(
    "text",
    [
        "![x](http://127.0.0.1:3000/graphql?query=mutation)",
        "[a](javascript:alert(1))",
        "[a][b] [b]: http://evil.example",
        "<img src=x onerror=alert(1)> <!channel> <https://evil.example|pay here>",
        "https://evil.example www.evil.example someone@evil.example @channel @all &lt;b&gt; #general",
    ],
)
def test_a_message_has_no_link_image_or_mention(text: str) -> None:
    inert = without_links(text)
    for found in ("://", "](", "][", "]:", "![", "www.", "@c", "@a", "@e", "&l", "#g"):
        assert found not in inert
    assert inert.replace("\u200b", "") == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-1+1", "'-1+1"),
        ("  =1", "  '=1"),
        ("\t=1", r"\t=1"),
        ("a;=1+1", "a;'=1+1"),
        ("\uff1d1", "'\uff1d1"),
        ("-12.50", "-12.50"),
        ("1e5", "1e5"),
        ("Willowmere", "Willowmere"),
        (Decimal("-1.00"), Decimal("-1.00")),
        (None, None),
    ],
)
def test_a_cell_cannot_become_a_formula(value: object, expected: object) -> None:
    assert spreadsheet_cell(value) == expected


@given(st.text(min_size=1))
def test_no_cell_of_a_csv_file_begins_as_a_formula(text: str) -> None:
    file = io.StringIO()
    csv.writer(file).writerow([spreadsheet_cell(text)])
    (cell,) = next(csv.reader(io.StringIO(file.getvalue())))
    assert not cell.startswith(("=", "@", "\t", "\r")), cell


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x/../../../outside", "x_outside"),
        ("3f2a9c1e-aa", "3f2a9c1e-aa"),
        ("..", "_"),
        ("", "_"),
        ("con:\x00\n", "con_"),
        ("é" * 300, "_"),
    ],
)
def test_a_file_name_stays_in_its_folder(text: str, expected: str) -> None:
    assert file_name(text) == expected
