"""Made-up books as libraries have them: plays in one volume, lessons, diaries, notes and contents at the end."""

from __future__ import annotations

from tests.form_layouts import Layout, chapters, listed
from tests.forms import ROMAN, TITLES, Book


def contents_at_end() -> Book:
    heads = [f"CHAPITRE {number} {title}" for number, title in zip(("PREMIER", *ROMAN[1:9]), TITLES, strict=False)]
    book = Book(above=4).units(heads).room(4)
    return listed(book, "TABLE DES MATIÈRES", [f"{head} {'.' * 9} {11 * n}" for n, head in enumerate(heads)])


def stories_contents_at_end() -> Book:
    book = Book(above=4).put("UN LIVRE").units(title.upper() for title in TITLES[:9]).room(4)
    return listed(book, "TABLE", [f"{title.upper()} {'.' * 20} {11 * n}" for n, title in enumerate(TITLES[:9])])


def contents_of_verse() -> Book:
    """Sections of poems, both listed; a stanza is not prose."""
    book, poems = Book(above=4), [title.upper() for title in TITLES[:18]]
    entries = [
        line for n, poem in enumerate(poems) for line in ([f"PART OF {n}S:", ""] * (n % 6 == 0) + [f"  {poem}  {n}"])
    ]
    listed(book.put("VERSES"), "CONTENTS", entries)
    for place, poem in enumerate(poems):
        if place % 6 == 0:
            book.head(f"PART OF {place}S", level=True)
        book.head(poem)
        for _ in range(4):
            book.put(*["  " + book.sentences(7)[:40] for _ in range(4)])
    return book


def notes_by_chapter() -> Book:
    book = Book(above=3).units(chapters()).head("NOTES", kind="back")
    for head in chapters():
        book.room(3).put(head)
        for number in range(1, 6):
            book.put(f"[{number}] {book.sentences(12)}")
    return book.head("INDEX", kind="back").put(*[f"{title}, {n}" for n, title in enumerate(TITLES)])


def notes_by_title() -> Book:
    titles = [title.upper() for title in TITLES[:8]]
    book = listed(Book(above=4).put("A MADE-UP BOOK"), "CONTENTS", [*titles, "NOTES"]).units(titles)
    book.head("NOTES", kind="back")
    for title in titles:
        book.room(2).put(title).prose(words=80)
    return book


def lessons() -> Book:
    book = Book(above=3)
    for number, title in zip(ROMAN[:12], TITLES, strict=False):
        book.head(f"LESSON {number}.").put("boat rain roof", "door quay bread").put(f"{title.upper()}.")
        for item in range(1, 9):
            book.put(f"{item}. {book.sentences(8 if item % 3 else 30)}")
    return book


def decimals_of_common_words() -> Book:
    book = Book(above=2)
    for chapter, title in enumerate(("Letter and Answer", "Night Work", "Story Time", "Morning Mist"), start=1):
        book.head(f"{chapter}. {title}", level=True).prose()
        book.units(f"{chapter}.{n} {word} Paper" for n, word in enumerate(("Evening", "Letter", "Article"), start=1))
    return book


def plays_in_one_volume() -> Book:
    book = Book(above=4).put("TWO PLAYS").head("INTRODUCTION", kind="front").prose()
    for title, name in (("THE EMPTY QUAY", "Ellen, a widow"), ("LOW WATER", "Jane, a miller")):
        book.head(title, level=True).put(f"[{name}]").put("A DRAMA IN THREE ACTS").room(4)
        book.put("DRAMATIS PERSONAE").put(f"  {name.upper()}.", f"  HER CLERK, who loves {name}.").units(
            f"ACT {r}" for r in ROMAN[:3]
        )
    return book


def parts_by_title() -> Book:
    """Parts without a number, right above chapters that count on."""
    titles, parts = (
        [title.upper() for title in TITLES[:15]],
        ("THE NEAR SHORE", "THE HEART OF THE LAND", "FARTHEST OUT"),
    )
    entries: list[str] = []
    for place, title in enumerate(titles):
        entries += ["", parts[place // 5], ""] * (place % 5 == 0) + [f"{ROMAN[place]:>6} {title:50} {9 * place}"]
    book = listed(Book(above=4).put("A MADE-UP BOOK"), "CONTENTS", entries)
    for place, title in enumerate(titles):
        if place % 5 == 0:
            book.head(parts[place // 5], level=True)
        book.head(f"CHAPTER {ROMAN[place]}", "", title).prose()
    return book


def parts_with_year() -> Book:
    ages, entries = (
        (("FIRST", "1703", "JOHN GREY"), ("SECOND", "1715", "ANN BLACK"), ("THIRD", "1724", "THE CLERK")),
        list[str](),
    )
    for age, year, name in ages:
        entries += [
            "",
            f"EPOCH THE {age}, {year}.",
            f"{name}.",
            "",
            *(f"{r:>9}. {t} {9}" for r, t in zip(ROMAN, TITLES[:6], strict=False)),
        ]
    book = listed(Book(above=3), "CONTENTS.", entries)
    for age, year, name in ages:
        book.head(f"EPOCH THE {age}.", "", f"{year}.", "", f"{name}.", level=True)
        book.units((f"CHAPTER {r}.", "", f"{t}.") for r, t in zip(ROMAN, TITLES[:6], strict=False))
    return book


def stories_with_umlauts() -> Book:
    book = Book("german", above=4).put("NEUN NOVELLEN")
    return listed(book, "Inhalt", [f"{t} {'.' * 20} {9 * n}" for n, t in enumerate(TITLES[:9])]).units(TITLES[:9])


def interludes_in_the_count() -> Book:
    book = Book(above=3)
    for number in range(1, 13):
        book.head(f"Chapter {number}: {TITLES[number]}").prose()
        if number % 5 == 0:
            book.head("Interlude").prose()
    return book


def told_by_several() -> Book:
    book = Book(above=4, words=320).put("FOUR VOICES")
    return book.units(("ANNA", "TOM", "ELEANOR", "BEN")[n % 4 if n % 5 else 0] for n in range(24))


def diary_months() -> Book:
    book = Book(above=3).put("A DIARY")
    for month in "JANUARY FEBRUARY MARCH APRIL MAY JUNE JULY".split():
        book.head(f"{month} 1661")
        for day, end in ((1, "st"), (2, "nd"), (3, "rd"), (4, "th"), (7, "th"), (12, "th")):
            book.put(f"{day}{end}. {book.sentences(8 if day < 4 else 40)}")
    return book


def songs() -> Book:
    """Titles in capitals and small letters, a stop after each; a preface after the title page."""
    book = Book(above=4).put("THE").put("LITTLE MINSTREL.").head("PREFACE.", kind="front").prose().room(4)
    book.put("THE").put("LITTLE MINSTREL.")
    for place, title in enumerate(TITLES[1:16]):
        book.head(f"{title if ' ' in title and place % 3 else title.upper()}.").put("Words by J. Brown.").put("[Music]")
        for _ in range(4):
            book.put(*[book.sentences(7)[:40] for _ in range(4)])
    return book


def subtitles() -> Book:
    book = Book(above=4).put("A PAPER").room(4)
    for title in TITLES[:9]:
        book.head(f"{title.upper()}.").put("THE SECOND PART OF IT.").prose()
    return book


def quoted_titles() -> Book:
    titles = [f'"{title.upper()}."' for title in TITLES[:8]]
    return listed(Book(above=4).put("TALES"), "CONTENTS", [f"  {t}   {9 * n}" for n, t in enumerate(titles)]).units(
        titles
    )


def about_the_author() -> Book:
    heads = [f"Chapter {n}: {t}" for n, t in enumerate(TITLES[:8], start=1)]
    book = listed(Book(above=2), "Table of Contents", [*heads, "About the Author"]).units(heads)
    return book.head("About the Author", kind="back").prose(words=60)


BOOKS: dict[str, Layout] = {
    "contents at the end": contents_at_end,
    "titles only, contents at the end": stories_contents_at_end,
    "titles only, listed poems in sections": contents_of_verse,
    "titles only, listed, umlauts": stories_with_umlauts,
    "titles only, in quotes": quoted_titles,
    "titles only, with a stop": songs,
    "titles only, another title under each": subtitles,
    "titles only, names come again": told_by_several,
    "notes by chapter": notes_by_chapter,
    "notes by title": notes_by_title,
    "lessons of numbered sentences": lessons,
    "1. Letter, 1.1 Evening": decimals_of_common_words,
    "two plays in one volume": plays_in_one_volume,
    "parts without number, chapters count on": parts_by_title,
    "EPOCH THE FIRST, a year, a title": parts_with_year,
    "interludes amid the count": interludes_in_the_count,
    "diary, months": diary_months,
    "about the author": about_the_author,
}
