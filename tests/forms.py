"""Little made-up books in many forms and languages with the truth about their headings.

`python -m tests.forms` prints a table form by form, `… layouts` how many of them are right in other layouts, and
`… corpora` the shared corpora in these layouts.
"""

from __future__ import annotations

import random
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from cpullm.splitters import sequence
from cpullm.splitters.headings import Heading, candidates

ROMAN = (
    "I II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI XVII XVIII XIX XX XXI XXII XXIII XXIV XXV XXVI XXVII XXVIII"
).split()
_WORDS = {
    "latin": "the grey boat left early while rain fell on quiet roofs and someone counted bread near an old door",
    "german": "das Boot fuhr früh ab während für jemanden Regen über Dächer fiel und eine Tür schön im Grünen zählte",
    "cyrillic": "серая лодка вышла рано пока дождь падал на тихие крыши и кто то считал хлеб у старой двери",
    "greek": "η βάρκα έφυγε νωρίς ενώ βροχή έπεφτε στις ήσυχες στέγες και κάποιος μετρούσε ψωμί κοντά στην πόρτα",
    "arabic": "خرج القارب باكرا بينما نزل المطر على السطوح الهادئة وعد رجل الخبز قرب باب قديم",
    "hebrew": "הסירה יצאה מוקדם בזמן שגשם ירד על גגות שקטים ומישהו ספר לחם ליד דלת ישנה",
    "devanagari": "नाव जल्दी निकली जब बारिश शांत छतों पर गिरी और किसी ने पुराने दरवाजे के पास रोटी गिनी",
    "hangul": "배는 일찍 떠났고 비가 조용한 지붕에 내렸으며 누군가 낡은 문 곁에서 빵을 세었다",
}
_CHINESE = "灰色的船很早就走了雨落在安靜的屋頂上有人在舊門旁邊數麵包孩子們看著河水慢慢流過"
TITLES = (
    "The Empty Quay;A Lamp at Noon;Bread and Salt;The Road Inland;What the Clerk Counted;Low Water;The Second Key;"
    "A Visit to the Mill;Snow on the Roofs;The Long Supper;News from the North;The Last Ferry;A Debt Is Paid;Old Maps;"
    "The Glass House;Three Letters;Under the Bridge;The Quiet Street;Market Day;An Open Window;Fog;The Return;Ash;Home"
).split(";")


@dataclass(frozen=True, slots=True)
class Truth:
    """One heading that is there: its line, whether it only holds others, its kind."""

    line: int
    level: bool = False
    kind: str = "body"


@dataclass(slots=True)
class Book:
    """A text being written, and its headings so far."""

    script: str = "latin"
    above: int = 2
    below: int = 1
    indent: int = 0
    words: int = 220
    lines: list[str] = field(default_factory=list)
    truth: list[Truth] = field(default_factory=list)
    seed: random.Random = field(default_factory=lambda: random.Random(3))

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    def put(self, *lines: str) -> Book:
        """Lines as they are, and a blank one."""
        self.lines += [*lines, ""]
        return self

    def room(self, blank: int) -> Book:
        """At least so many blank lines before what comes."""
        while self.lines and not self.lines[-1]:
            self.lines.pop()
        self.lines += [""] * (blank if self.lines else 0)
        return self

    def head(self, *lines: str, level: bool = False, kind: str = "body") -> Book:
        """A heading that is one, with the room the book leaves round headings."""
        self.room(self.above)
        self.truth.append(Truth(len(self.lines) + 1, level, kind))
        self.lines += [" " * self.indent + line if line else "" for line in lines] + [""] * self.below
        return self

    def prose(self, words: int = 0, paragraphs: int = 3) -> Book:
        """Wrapped paragraphs of about so many words."""
        for _ in range(paragraphs):
            self.put(*textwrap.wrap(self.sentences((words or self.words) // paragraphs), 68))
        return self

    def sentences(self, words: int) -> str:
        """Made-up sentences of about so many words."""
        done: list[str] = []
        while words > 0:
            length = self.seed.randint(6, 12)
            words -= length
            if self.script == "chinese":
                done.append("".join(self.seed.choices(_CHINESE, k=length * 2)) + "。")
            else:
                picked = self.seed.choices(_WORDS[self.script].split(), k=length)
                done.append(" ".join(picked).capitalize() + ".")
        return ("" if self.script == "chinese" else " ").join(done)

    def units(self, heads: Iterable[str | Sequence[str]]) -> Book:
        """Chapters one after the other, each with its prose."""
        for head in heads:
            self.head(*([head] if isinstance(head, str) else head)).prose()
        return self


@dataclass(frozen=True, slots=True)
class Form:
    """A made-up book of one form."""

    name: str
    text: str
    truth: tuple[Truth, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """Headings found against those that are there; `levels` and `kinds` count the right ones among the latter."""

    found: int
    expected: int
    right: int
    levels: int
    kinds: int

    @property
    def perfect(self) -> bool:
        return self.found == self.expected == self.right == self.levels == self.kinds


def headings_of(text: str, start: int = 0, end: int | None = None) -> list[tuple[Heading, int | None]]:
    """The headings of a text but its tables of contents, each with its depth."""
    chosen = sequence.headings(text, candidates(text, start, len(text) if end is None else end))
    pairs = zip(chosen, sequence.levels(text, chosen), strict=True)
    return [(heading, depth) for heading, depth in pairs if heading.kind != "contents"]


def score(form: Form) -> Score:
    """How the rules do on one book."""
    found = {heading.line: (depth is not None, heading.kind) for heading, depth in headings_of(form.text)}
    truth = {unit.line: (unit.level, unit.kind) for unit in form.truth}
    right = found.keys() & truth.keys()
    levels = sum(found[line][0] == truth[line][0] for line in right)
    return Score(len(found), len(truth), len(right), levels, sum(found[line][1] == truth[line][1] for line in right))


def forms() -> Iterator[Form]:
    """All made-up books."""
    from tests.form_books import BOOKS
    from tests.form_layouts import LAYOUTS
    from tests.form_patterns import PATTERNS, SPELLED
    from tests.form_traps import TRAPS

    for name, script, pattern in PATTERNS:
        heads = [pattern.format(r=r, n=n, t=t) for n, (r, t) in enumerate(zip(ROMAN, TITLES, strict=False), start=1)]
        yield _form(name, Book(script).units(heads))
    for name, script, pattern, words in SPELLED:
        yield _form(name, Book(script).units(pattern.format(w=word.replace("_", " ")) for word in words.split()))
    for name, layout in (LAYOUTS | TRAPS | BOOKS).items():
        yield _form(name, layout())


def _form(name: str, book: Book) -> Form:
    return Form(name, book.text, tuple(book.truth))


def main(arguments: Sequence[str]) -> None:
    """Prints one line for each made-up book, or the tables of other layouts."""
    from tests import form_changes

    if arguments:
        {"layouts": form_changes.print_forms, "corpora": form_changes.print_corpora}[arguments[0]]()
        return
    print(f"{'form':40} {'found':>6} {'expected':>8} {'precision':>9} {'recall':>7} {'levels':>6} {'kinds':>6}")
    perfect = 0
    every = list(forms())
    for form in every:
        result = score(form)
        perfect += result.perfect
        precision, recall = result.right / max(1, result.found), result.right / max(1, result.expected)
        figures = (
            f"{result.found:6} {result.expected:8} {precision:9.3f} {recall:7.3f} {result.levels:6} {result.kinds:6}"
        )
        print(f"{form.name:40} {figures}{'' if result.perfect else '  *'}")
    print(f"{perfect} of {len(every)} perfect")


if __name__ == "__main__":
    from tests.forms import main as table

    table(sys.argv[1:])
