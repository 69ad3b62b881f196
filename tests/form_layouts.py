"""Made-up books with parts, contents, front and back matter, misprints and distractors, each with its truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.forms import ROMAN, TITLES, Book

Layout = Callable[[], Book]


def chapters(count: int = 8) -> list[str]:
    """Headings of so many chapters."""
    return [f"CHAPTER {number}" for number in ROMAN[:count]]


def listed(book: Book, word: str, entries: Iterable[str]) -> Book:
    """A table of contents of such entries."""
    book.put(word).room(2)
    book.lines += list(entries)
    return book.room(4)


def spacing(above: int, below: int) -> Book:
    return Book(above=above, below=below).units(chapters())


def indented() -> Book:
    return Book(indent=24).units(chapters())


def title_next_line() -> Book:
    return Book().units((f"CHAPTER {r}", t.upper()) for r, t in zip(ROMAN, TITLES[:8], strict=False))


def title_after_blank() -> Book:
    return Book(above=3).units((f"CHAPTER {r}", "", t) for r, t in zip(ROMAN, TITLES[:8], strict=False))


def number_then_title() -> Book:
    return Book(above=3).units((f"{n}", "", t) for n, t in enumerate(TITLES[:8], start=1))


def number_then_sentence() -> Book:
    """A number, a blank line, a title with a stop; the contents have both on one line, two titles are the same."""
    titles = [f"{title.capitalize()}." for title in (*TITLES[:9], TITLES[1], TITLES[9])]
    book = Book(above=4).put("UN LIVRE").room(3)
    book = listed(book, "Table des matières", [f"{r}  {t}" for r, t in zip(ROMAN, titles, strict=False)])
    return book.units((r, "", t, "") for r, t in zip(ROMAN, titles, strict=False))


def wrapped_titles() -> Book:
    tail = "in which a great deal is said about the weather\nand very little is done before the evening".split("\n")
    return Book().units((f"CHAPTER {r}. {t},", *tail) for r, t in zip(ROMAN, TITLES[:8], strict=False))


def no_blank_lines() -> Book:
    book = Book(above=0, below=0)
    for heading in chapters():
        book.head(heading).prose()
        book.lines = [line for line in book.lines if line]
    return book


def contents(word: str, *, dots: bool = False, indent: str = "") -> Book:
    heads = [f"CHAPTER {r}. {t}" for r, t in zip(ROMAN, TITLES[:9], strict=False)]
    book = Book(above=3).put("A MADE-UP BOOK").put("by Nobody").room(3)
    entries = [f"{indent}{head}{' ' + '.' * 20 if dots else '  '} {7 + 11 * n}" for n, head in enumerate(heads)]
    return listed(book, word, entries).units(heads)


def contents_reflowed() -> Book:
    book = Book().put("CONTENTS")
    book.put("CHAPTER I. The Quay CHAPTER II. Bread CHAPTER III. The", "Mill CHAPTER IV. Snow CHAPTER V. Ash")
    return book.units(
        f"CHAPTER {r}. {t}" for r, t in zip(ROMAN, ("The Quay", "Bread", "The Mill", "Snow", "Ash"), strict=False)
    )


def titles_with_contents(above: int) -> Book:
    book = Book(above=above).put("A MADE-UP BOOK").room(2)
    return listed(book, "CONTENTS", [f"  {title}   {9 * n}" for n, title in enumerate(TITLES[:12], start=1)]).units(
        TITLES[:12]
    )


def titles_with_capital_contents() -> Book:
    book = Book(above=1).put("A MADE-UP BOOK").room(2)
    return listed(book, "Contents", [title.upper() for title in TITLES[:12]]).units(TITLES[:12])


def titles_by_room() -> Book:
    book = Book(above=4).put("A MADE-UP BOOK")
    return book.units(TITLES[:10])


def capital_titles_single_blank() -> Book:
    return Book(above=1).units(title.upper() for title in TITLES[:10])


def no_contents_heading() -> Book:
    book = Book(above=2).put("A MADE-UP BOOK").room(2)
    book.lines += TITLES[:10]
    return book.room(3).units(TITLES[:10])


def parts_restart() -> Book:
    book = Book(above=3)
    for name in ("ONE", "TWO", "THREE"):
        book.head(f"PART {name}", level=True).units(chapters(5))
    return book


def parts_continue() -> Book:
    book, heads = Book(above=3), chapters(12)
    for part in range(3):
        book.head(f"PART {ROMAN[part]}", level=True).units(heads[part * 4 : part * 4 + 4])
    return book


def three_levels() -> Book:
    book = Book(above=3)
    for part in ("I", "II"):
        book.head(f"PART {part}", level=True)
        for number in ("ONE", "TWO", "THREE"):
            book.head(f"BOOK {number}", level=True).units(chapters(4))
    return book


def roman_under_parts() -> Book:
    book = Book("cyrillic", above=3)
    for name in ("ПЕРВАЯ", "ВТОРАЯ", "ТРЕТЬЯ"):
        book.head(f"ЧАСТЬ {name}", level=True).units(ROMAN[:6])
    return book


def lone_part() -> Book:
    return Book(above=3).head("PART ONE", level=True).units(chapters(8))


def volumes_fr() -> Book:
    book = Book(above=3)
    for name in ("PREMIER", "DEUXIÈME"):
        book.head(f"LIVRE {name}", level=True).units(f"{r}. {t}" for r, t in zip(ROMAN, TITLES[:6], strict=False))
    return book


def parts_without_chapters() -> Book:
    return Book(above=3, words=600).units(["Part One", "Part Two", "Part Three"])


def prologue_epilogue() -> Book:
    book = Book().head("PREFACE", kind="front").prose().head("PROLOGUE").prose().units(chapters())
    return book.head("EPILOGUE").prose().head("APPENDIX", kind="back").prose()


def matter(front: str, heads: Iterable[str], back: str, script: str = "latin") -> Book:
    return Book(script).head(front, kind="front").prose().units(heads).head(back, kind="back").prose()


def interludes() -> Book:
    book = Book()
    for part, name in enumerate(("ONE", "TWO", "THREE")):
        book.head(f"PART {name}", level=True).units(chapters(4))
        if part < 2:
            book.head("INTERLUDE").prose()
    return book


def chinese_volumes() -> Book:
    book, number = Book("chinese", above=2), 0
    digits = "一 二 三 四 五 六 七 八 九 十 十一 十二".split()
    for volume in range(3):
        book.head(f"第{digits[volume]}卷", level=True)
        for _ in range(4):
            book.head(f"第{digits[number]}章　安靜的屋頂").prose()
            number += 1
    return book


def parts_listed_only() -> Book:
    """Contents that list what stands before the book and its parts, but no chapters."""
    parts = [f"PART {r}. {t.upper()}." for r, t in zip(ROMAN[:3], TITLES, strict=False)]
    book = listed(
        Book(above=2).put("A MADE-UP BOOK"),
        "Contents",
        [" THE PRINTER TO THE READER.", *(f" {part}" for part in parts)],
    )
    book.head("THE PRINTER TO THE READER.", kind="front").prose()
    for part in parts:
        book.head(part, level=True)
        for head in chapters(4):
            book.head(f"{head}.").put(*[f"_{book.sentences(11)}_" for _ in range(2)]).prose()
    return book


def last_part() -> Book:
    book, heads = Book(above=2), [f"{r}. {t.upper()}." for r, t in zip(ROMAN, TITLES, strict=False)]
    for part, name in enumerate(("FIRST PART.", "SECOND PART.", "THIRD PART.", "FOURTH AND LAST PART.")):
        book.head(name, level=True).units(heads[part * 5 : part * 5 + 5])
    return book


LAYOUTS: dict[str, Layout] = {
    "contents of parts only": parts_listed_only,
    "FOURTH AND LAST PART": last_part,
    "one blank line above": lambda: spacing(1, 1),
    "three blank lines above": lambda: spacing(3, 2),
    "no blank line under the heading": lambda: spacing(2, 0),
    "centred headings": indented,
    "title on the next line": title_next_line,
    "title after a blank line": title_after_blank,
    "number, blank line, title": number_then_title,
    "number, blank line, sentence": number_then_sentence,
    "titles over three lines": wrapped_titles,
    "no blank lines at all": no_blank_lines,
    "contents in the same words": lambda: contents("CONTENTS"),
    "contents with dots, indented": lambda: contents("Table of Contents", dots=True, indent="    "),
    "contents, de": lambda: contents("Inhalt"),
    "contents, es": lambda: contents("ÍNDICE"),
    "contents, fr": lambda: contents("TABLE DES MATIÈRES"),
    "contents run together": contents_reflowed,
    "titles only, in the contents, 3 blank": lambda: titles_with_contents(3),
    "titles only, in the contents, 1 blank": lambda: titles_with_contents(1),
    "titles only, contents in capitals": titles_with_capital_contents,
    "titles only, list without a name": no_contents_heading,
    "titles only, by room": titles_by_room,
    "titles only, capitals, 1 blank": capital_titles_single_blank,
    "parts, numbers restart": parts_restart,
    "parts, numbers go on": parts_continue,
    "part, book, chapter": three_levels,
    "ЧАСТЬ ПЕРВАЯ + I": roman_under_parts,
    "one part over everything": lone_part,
    "LIVRE PREMIER + I. Title": volumes_fr,
    "parts without chapters": parts_without_chapters,
    "preface to appendix": prologue_epilogue,
    "front and back, de": lambda: matter("VORWORT", [f"{n}. Kapitel" for n in range(1, 9)], "ANMERKUNGEN"),
    "front and back, fr": lambda: matter("PRÉFACE", [f"CHAPITRE {r}" for r in ROMAN[:8]], "NOTES"),
    "front and back, es": lambda: matter("PRÓLOGO", [f"CAPÍTULO {r}" for r in ROMAN[:8]], "NOTAS"),
    "front and back, ru": lambda: matter("ПРЕДИСЛОВИЕ", [f"Глава {n}" for n in range(1, 9)], "ПРИМЕЧАНИЯ", "cyrillic"),
    "front and back, zh": lambda: matter("序言", [f"第{n}章" for n in "一二三四五六七八"], "后记", "chinese"),
    "front and back, pl": lambda: matter("PRZEDMOWA", [f"ROZDZIAŁ {r}" for r in ROMAN[:8]], "PRZYPISY"),
    "transcriber's notes at the end": lambda: matter("INTRODUCTION", chapters(), "TRANSCRIBER'S NOTES"),
    "interludes between parts": interludes,
    "zh 卷 and 章": chinese_volumes,
}
