"""Made-up books of other kinds than novels, and novels with what looks like a heading but is none."""

from __future__ import annotations

from tests.form_layouts import Layout, chapters, listed
from tests.forms import ROMAN, TITLES, Book


def decimals() -> Book:
    book = Book(above=2)
    for chapter in range(1, 5):
        book.head(f"{chapter} {TITLES[chapter]}", level=True).prose()
        for section in range(1, 4):
            inner = section == 2
            book.head(f"{chapter}.{section} {TITLES[4 * chapter + section]}", level=True).prose()
            if inner:
                book.units(f"{chapter}.{section}.{n} {TITLES[n + 6]}" for n in range(1, 4))
    return book


def law() -> Book:
    book, number = Book(words=60), 0
    for chapter in range(3):
        book.head(f"CHAPTER {ROMAN[chapter]}", TITLES[chapter].upper(), level=True)
        for _ in range(6):
            number += 1
            book.head(f"Article {number}").put(
                f"1. {book.sentences(25)}", f"2. {book.sentences(25)}", f"3. {book.sentences(9)}"
            )
    return book


def holy_books() -> Book:
    book = Book(above=2)
    for name in ("Almon", "Berith", "Carmel", "Dothan"):
        for chapter in range(1, 6):
            book.head(f"{name} {chapter}")
            book.lines += [f"{chapter}:{verse} {book.sentences(12)}" for verse in range(1, 16)] + [""]
    return book


def lists_inside() -> Book:
    book = Book()
    for head in chapters():
        book.head(head).prose(paragraphs=2).put("1. apples").put("2. pears").put("3. plums").prose(paragraphs=2)
    return book


def lists_inside_numbers() -> Book:
    book = Book(above=3)
    for number in range(1, 9):
        book.head(f"{number}.").prose(paragraphs=2).put("1. apples and bread", "2. pears", "3. plums").prose(
            paragraphs=2
        )
    return book


def dates_and_talk_inside() -> Book:
    book = Book()
    for head in chapters():
        book.head(head).prose(paragraphs=2).put("May 3, 1871.").put("I.").put("When I left, Chapter 9 was gone.")
        book.put("Chapter 4 was torn out of it.").put('"Two men."').put("[Illustration]").put("[1] See page 3.")
        book.put("M. Brown came in.").put("First Clerk.").prose(paragraphs=2)
    return book


def misprints() -> Book:
    return Book().units(f"CHAPTER {number}" for number in "I II III VI V VI VII VII IX X".split())


def missing_number() -> Book:
    return Book().units(f"CHAPTER {number}" for number in "I II III V VI VII VIII X XI".split())


def doubled_heading() -> Book:
    book = Book()
    for place, head in enumerate(chapters()):
        book.head(head)
        if place == 3:
            book.put(head)
        book.prose()
    return book


def short_units() -> Book:
    book = Book()
    for place, head in enumerate(chapters(10)):
        book.head(head)
        book.put("So it was.") if place == 6 else book.prose()
    return book


def sections_in_stories() -> Book:
    book = Book(above=4).put("A MADE-UP BOOK")
    book = listed(book, "CONTENTS", TITLES[:8])
    for place, title in enumerate(TITLES[:8]):
        book.head(title).prose()
        if place == 3:
            book.room(1)
            for number in ("I.", "II.", "III."):
                book.put(number).prose(paragraphs=2)
    return book


def footnotes() -> Book:
    book = Book()
    for head in chapters():
        book.head(head).prose().put("[1] See the first part.").put("[2] As before.").put("* A note of the printer.")
    return book


def page_numbers() -> Book:
    """Chapters over many pages, a number under each page in the middle of a sentence."""
    book, page = Book(above=2), 0
    for head in chapters():
        book.head(head)
        for _ in range(6):
            page += 1
            book.prose(paragraphs=1)
            book.lines.pop()
            book.put(book.sentences(20).rstrip(".")[:60]).put(f"{page}")
            book.put("and went on along the road.")
    return book


def endnotes() -> Book:
    book = Book().units(chapters()).head("NOTES", kind="back")
    for number in range(1, 30):
        book.put(f"{number}. {book.sentences(9 if number % 3 else 30)}")
    return book


def footnote_marks() -> Book:
    return Book().units(
        f"{word} HOOFDSTUK[{n}]" for n, word in enumerate("EERSTE TWEEDE DERDE VIERDE VIJFDE".split(), start=1)
    )


def odes() -> Book:
    """Poems under titles of which some come again, the year under each."""
    book = Book(above=3)
    for title in (
        "A PRAYER",
        "TO THE SEA",
        "A PRAYER",
        "ON A DEATH",
        "MORNING",
        "A PRAYER",
        "THE HAPPY HOUSE",
        "GRACE",
        "NIGHT",
    ):
        book.head(title)
        for _ in range(6):
            book.put(*[book.sentences(7) for _ in range(4)])
        book.put("1775")
    return book


def two_works() -> Book:
    book = Book(above=4).put("A STUDY").room(3)
    for count in (6, 9):
        book = listed(
            book, "INDEX OF CHAPTERS", [f"  {r}     Pag.   {7 * n}" for n, r in enumerate(ROMAN[:count], start=1)]
        )
        book.units(f"{r}." for r in ROMAN[:count])
    return book


def no_headings(*between: str) -> Book:
    book = Book()
    for line in between or ("",):
        book.prose().put(line) if line else book.prose()
    return book.prose()


def recipe() -> Book:
    book = Book().prose()
    book.put("You need:", "2 eggs", "3 cups of flour").put("1. Mix the eggs and the flour.").put("2. Bake it.")
    return book.put("3. Eat it while it is warm.").put("4. Wash the plates.").prose()


def interview() -> Book:
    book = Book()
    for _ in range(12):
        book.put("MR. BROWN: " + book.sentences(12)).put("THE CLERK: " + book.sentences(60))
    return book


def alphabet() -> Book:
    """A word list under the letters."""
    book = Book(above=3)
    for letter in "ABCDEFGH":
        book.head(letter)
        for _ in range(8):
            book.put(f"{letter}{book.sentences(12).lower()}")
    return book


def verses() -> Book:
    book = Book(above=2)
    for number in ROMAN[:12]:
        book.head(f"{number}.")
        for _ in range(3):
            book.put(*[book.sentences(7).rstrip(".") for _ in range(4)])
    return book


def diary() -> Book:
    days = ("3 May.", "5 May.", "9 May.", "14 May.", "2 June.", "7 June.", "19 June.", "1 July.", "4 July.")
    return Book(words=150).units(days)


def diary_long_dates() -> Book:
    days = ("Monday, January 1, 1900", "Tuesday, January 2, 1900", "Friday, January 5, 1900", 
        "Sunday, February 4, 1900",
            "Monday, February 5, 1900", "Thursday, March 1, 1900")  # fmt: skip
    return Book(words=150).units(days)


def play(act: str, scene: str, speakers: tuple[str, str]) -> Book:
    """Acts and scenes, the speeches under speakers' names; two speakers are numbered."""
    book = Book(above=2)
    acts = "I II III IV".split() if "{r}" in act else "Erster Zweiter Dritter Vierter".split()
    scenes = "I II III".split() if "{r}" in scene else "Erste Zweite Dritte".split()
    for number in acts:
        book.head(act.format(r=number, w=number), level=True)
        for place in scenes:
            book.head(scene.format(r=place, w=place))
            for turn in range(12):
                book.put(speakers[turn % 2], book.sentences(20))
                book.put("THE CLERK.", book.sentences(30))
    return book


def cantos_with_argument() -> Book:
    book = Book(above=3)
    for number in ROMAN[:6]:
        book.head(f"CANTO {number}").put("ARGUMENT").put(book.sentences(20))
        book.put(*["  " + book.sentences(7) for _ in range(60)])
    return book


def letters_dated() -> Book:
    book = Book()
    for number in ROMAN[:7]:
        book.head(f"LETTER {number}").put("To Mrs. Brown, England.").put(f"{number and 'Dec. 11th, 17--'}.").prose()
    return book


TRAPS: dict[str, Layout] = {
    "page numbers": page_numbers,
    "numbered notes at the end": endnotes,
    "footnote marks on headings": footnote_marks,
    "poems, titles that come again": odes,
    "two works in one volume": two_works,
    "word list under letters": alphabet,
    "no headings": no_headings,
    "no headings, stars": lambda: no_headings("* * *", "* * *", "* * *"),
    "no headings, names and dates": lambda: no_headings(
        "John Brown", "May 3, 1871.", "I.", "Two men.", "First, the boat."
    ),
    "no headings, a recipe": recipe,
    "no headings, an interview": interview,
    "play, en": lambda: play("ACT {r}", "SCENE {r}. A street.", ("FIRST CLERK.", "SECOND CLERK.")),
    "play, fr": lambda: play("ACTE {r}", "SCÈNE {r}", ("PREMIER VALET", "SECOND VALET")),
    "play, de": lambda: play("{w} Aufzug", "{w} Szene", ("Erster Bürger.", "Zweiter Bürger.")),
    "cantos with arguments": cantos_with_argument,
    "letters with addresses": letters_dated,
    "diary, days": diary,
    "diary, long dates": diary_long_dates,
    "1, 1.1, 1.1.1": decimals,
    "law: chapters and articles": law,
    "books of chapters by name": holy_books,
    "numbered lists inside": lists_inside,
    "numbered lists in numbered chapters": lists_inside_numbers,
    "dates and talk inside": dates_and_talk_inside,
    "misprinted numbers": misprints,
    "missing numbers": missing_number,
    "a heading printed twice": doubled_heading,
    "a unit of three words": short_units,
    "sections inside a story": sections_in_stories,
    "footnotes": footnotes,
    "poems by number": verses,
}
