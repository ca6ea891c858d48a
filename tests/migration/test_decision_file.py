"""Files of decisions, as spreadsheets and people write them."""

from datetime import date, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from openpyxl import Workbook, load_workbook

from meter_assets.errors import InvalidDecisions, UnreadableDecisions
from meter_assets.migration.decisions import file as decision_file
from meter_assets.migration.decisions.file import GivenDecision, read_decisions

SEVEN = GivenDecision(2, "7", meter_id="20", decided_by="Ann", note="by phone, Žižkov")
ROW = '7,20,Ann,"by phone, Žižkov"'
NO_METER = "line 1: there is no column meter_id (nor meter_number, nor meter)"
HEADINGS = "payment_id,meter_id,decided_by,note"


def csv_file(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "decisions.CSV"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADINGS}\n{ROW}\n",
        f"\ufeff{HEADINGS}\r\n{ROW}\r\n",
        f"{HEADINGS}\r{ROW}",
        'note,Decided by,other,METER_ID,"Payment ID"\n"by phone, Žižkov",Ann,x,20,7\n',
        "meter_id;payment;note;decided_by\n20;7;by phone, Žižkov;Ann\n",
        "meter_id\tpayment\tnote\tdecided_by\n20\t 7 \tby phone, Žižkov\tAnn\n",
        f"{HEADINGS}\n{ROW}\n\n,,,\n".encode("utf-16"),
        'meter_id;payment;"a, b, c, d, e";note;decided_by\n20;\'7;;by phone, Žižkov;Ann\n',
    ],
    ids=["plain", "mark and CRLF", "CR", "reordered", "semicolons", "tabs", "UTF-16", "other separators in a heading"],
)
def test_csv_is_read_however_it_was_written(tmp_path: Path, content: str | bytes) -> None:
    found = read_decisions(csv_file(tmp_path, content))
    assert found.decisions == (SEVEN,)
    assert found.undecided == 0


@pytest.mark.parametrize("start", ["sep=;\r\n", '"sep=;"\n', ";;;\n\n ; ;;\n", "SEP=;\n;;;\n"])
def test_what_precedes_the_headings_of_csv_is_skipped(tmp_path: Path, start: str) -> None:
    found = read_decisions(csv_file(tmp_path, f"{start}payment_id;meter_id\n7;20\n"))
    (one,) = found.decisions
    assert (one.payment, one.meter_id, found.undecided) == ("7", "20", 0)
    assert one.line == 2 + start.count("\n")


def test_rows_without_a_decision_are_counted(tmp_path: Path) -> None:
    content = f"{HEADINGS}\n1,,,\n2,,,no answer yet\n3,,Ann,\n4,keep,,\n5,'-5,,'=x\n6\n"
    found = read_decisions(csv_file(tmp_path, content))
    assert found.decisions == (
        GivenDecision(4, "3", decided_by="Ann"),
        GivenDecision(5, "4", meter_id="keep"),
        GivenDecision(6, "5", meter_id="-5", note="=x"),
    )
    assert found.undecided == 3
    assert [one.keeps for one in found.decisions] == [True, True, False]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("7,by phone, 20,21", "the row has more cells than the first row"),
        ("7,by phone,20,,x", "the row has more cells than the first row"),
        ("7;by phone;20", "the row is not separated as the first row is"),
        ("7\tby phone\t20", "the row is not separated as the first row is"),
    ],
)
def test_a_row_whose_cells_may_be_of_other_columns_is_invalid(tmp_path: Path, row: str, why: str) -> None:
    with pytest.raises(InvalidDecisions) as caught:
        read_decisions(csv_file(tmp_path, f"payment,note,meter\n6,,20,,\n,,,,\n{row}\n"))
    (problem,) = caught.value.problems
    assert problem.startswith(f"line 4: the cell in the column payment may be another one: {why}")


def test_a_line_is_that_where_the_row_starts(tmp_path: Path) -> None:
    content = 'payment,meter,note\n1,20,"one\r\ntwo\nthree"\n2,21,its\n'
    assert [one.line for one in read_decisions(csv_file(tmp_path, content)).decisions] == [2, 5]


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (
            "",
            [
                "line 1: there is no column payment_id",
                "line 1: there is no column meter_id (nor meter_number, nor meter)",
            ],
        ),
        ("payment_id,note\n1,x\n", ["line 1: there is no column meter_id (nor meter_number, nor meter)"]),
        ("meter,payment,payment_id\n1,1,1\n", ["line 1: there are 2 columns payment"]),
    ],
)
def test_the_columns_must_be_there_once(tmp_path: Path, content: str, problems: list[str]) -> None:
    with pytest.raises(InvalidDecisions) as caught:
        read_decisions(csv_file(tmp_path, content))
    assert list(caught.value.problems) == problems
    assert caught.value.exit_status == 1


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("d.csv", b"payment,meter\n1,\xe9\n", "line 2 is not text in UTF-8"),
        ("d.csv", b'payment,meter\n1,"x\n', "it is not CSV: unexpected end of data"),
        ("d.csv", b'payment,meter\n1,"x"y\n', "it is not CSV"),
        ("d.csv", b"payment,meter\n1,\0", "it has characters that no text has"),
        ("d.xls", b"", r"its name ends neither in \.csv nor in \.xlsx"),
        ("d.xlsx", b"PK not really", r"it is no workbook of Excel \(BadZipFile\)"),
        ("d.csv", b"x" * 200, "it has more than 100 bytes; import it in parts"),
        ("d.csv", None, "No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read(
    tmp_path: Path, name: str, content: bytes | None, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decision_file, "MOST_BYTES", 100)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableDecisions, match=problem) as caught:
        read_decisions(tmp_path / name)
    assert caught.value.exit_status == 2


def workbook(tmp_path: Path, *rows: tuple[Any, ...]) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "decisions.xlsx")
    return tmp_path / "decisions.xlsx"


def test_a_workbook_is_read_as_it_looks(tmp_path: Path) -> None:
    headings = ("note", "Meter ID", None, "payment_id", "decided by")
    path = workbook(
        tmp_path,
        (),
        headings,
        ("'+by phone", 20, "x", 7.0, "Ann"),
        (None, None, None, 8, None),
        (),
        (None, "keep", None, "9", None),
    )
    found = read_decisions(path)
    assert found.decisions == (
        GivenDecision(3, "7", meter_id="20", decided_by="Ann", note="+by phone"),
        GivenDecision(6, "9", meter_id="keep"),
    )
    assert found.undecided == 1


def test_a_formula_has_no_clear_value(tmp_path: Path) -> None:
    path = workbook(tmp_path, ("payment", "meter"), (1, "=A2+1"), (2, "#REF!"))
    with pytest.raises(InvalidDecisions) as caught:
        read_decisions(path)
    assert list(caught.value.problems) == [
        "line 2: the cell in the column meter is a formula; enter its value",
        'line 3: the cell in the column meter has the error "#REF!"',
    ]


def test_numbers_of_a_workbook_are_read_as_they_look(tmp_path: Path) -> None:
    path = workbook(
        tmp_path,
        ("payment", "meter_number", "note"),
        (1, 7, True),
        (10**15, "8", None),
        (2, 10.0**17, None),
        (3, "1234567890123456", date(2024, 3, 9)),
        (4, -2.5, datetime(2024, 3, 9, 1)),
    )
    book = load_workbook(path)
    book.active["B2"].number_format = "00000"
    book.save(path)
    with pytest.raises(InvalidDecisions) as caught:
        read_decisions(path)
    too_long = "is a number of more than 15 digits, of which a workbook does not keep all; enter it as text"
    assert list(caught.value.problems) == [
        f"line 3: the cell in the column payment {too_long}",
        f"line 4: the cell in the column meter_number {too_long}",
    ]
    book.active.delete_rows(3, 2)
    book.save(path)
    assert [(one.payment, one.meter_number, one.note) for one in read_decisions(path).decisions] == [
        ("1", "00007", "TRUE"),
        ("3", "1234567890123456", "2024-03-09"),
        ("4", "-2.5", "2024-03-09 01:00:00"),
    ]


FORMATS = {
    "General": "7",
    "@": "7",
    "0.00": "7",
    "#,##0": "7",
    "0.00E+00": "7",
    "00000;-0": "00007",
    "[$-409]000_)": "007",
    "000.0": "007",
    '"M-"0': None,
    "00-00": None,
    "0,000": None,
    "0,": None,
    "0%": None,
}
"""Formats of the number 7, and what is read; None where a person may see another number."""


def test_the_format_of_a_number_says_what_is_seen(tmp_path: Path) -> None:
    path = workbook(tmp_path, ("payment", "meter_number"), *[(number, 7) for number in range(len(FORMATS))])
    book = load_workbook(path)
    for line, form in enumerate(FORMATS, start=2):
        book.active[f"B{line}"].number_format = form
    book.save(path)
    unclear = [line for line, read in enumerate(FORMATS.values(), start=2) if read is None]
    with pytest.raises(InvalidDecisions) as caught:
        read_decisions(path)
    assert [one.partition(":")[0] for one in caught.value.problems] == [f"line {line}" for line in unclear]
    assert (
        "meter_number is the number 7, shown in the format \"'M-'0\"; enter as text what it" in caught.value.problems[0]
    )
    book.active.delete_rows(unclear[0], len(unclear))
    book.save(path)
    assert [one.meter_number for one in read_decisions(path).decisions] == list(filter(None, FORMATS.values()))


def test_cells_that_are_merged_over_rows_have_no_clear_value(tmp_path: Path) -> None:
    """Below the first row they are empty, and with a name in decided_by an empty meter would mean to keep it."""
    path = workbook(
        tmp_path,
        ("payment", "meter", "decided_by", "note"),
        (1, 20, "Ann", None),
        (2, None, "Ann", "x"),
        (3, 21, "Ann"),
    )
    book = load_workbook(path)
    book.active.merge_cells("C4:D4")
    book.save(path)
    assert [one.meter for one in read_decisions(path).decisions] == ["20", "", "21"]
    book.active.merge_cells("B2:B3")
    book.save(path)
    with pytest.raises(InvalidDecisions) as caught:
        read_decisions(path)
    assert list(caught.value.problems) == [
        "line 3: the cell in the column meter is merged with one above; enter a value in each row"
    ]


def test_the_sheet_with_payments_is_read_whatever_it_says_of_its_size(tmp_path: Path) -> None:
    path = workbook(tmp_path, ("payment", "meter"), (1, 20), (2, 21))
    book = load_workbook(path)
    book.create_sheet("Read me", 0).append(("Fill in the meters.",))
    book.save(path)
    shrunk = tmp_path / "shrunk.xlsx"
    with ZipFile(path) as whole, ZipFile(shrunk, "w") as written:
        for name in whole.namelist():
            written.writestr(name, whole.read(name).replace(b'<dimension ref="A1:B3"', b'<dimension ref="A1:B2"'))
    for one in (path, shrunk):
        assert [each.meter for each in read_decisions(one).decisions] == ["20", "21"]
    book.create_sheet("More").append(("Payment ID", "meter"))
    book.save(path)
    with pytest.raises(UnreadableDecisions, match="the sheets Sheet and More each have a column payment_id; keep one"):
        read_decisions(path)
