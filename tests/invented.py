"""Names and numbers of summaries that their text has not: `python -m tests.invented summaries.parquet BOOK.txt`.

Independent of what cpullm checks by: the book is read as cpullm reads it, all else is plain regular expressions. Every
capitalised word that does not begin a sentence and every number of a chapter's summary must stand in the chapter, or
in its headings; of another level's in the book. Each that does not is printed; the command ends with 1 if there is any.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_BEGINS = re.compile(
    r"(?:^|\n|(?<!\bMr)(?<!\bMrs)(?<!\bDr)(?<!\bSt)(?<!\b[A-Z])[.!?:;…][\"'”’»)\]*_]*\s+|[“\"‘«(\[—–*_#>]\s*|\s-\s*|\s')$"
)
_ENDING = re.compile(r"(?:ians?|e?ans?|ns?|e?s|ish|ese|ic)?$")
_COUNTED = (
    "three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty"
).split()
_ORDINALS = (
    "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth "
    "seventeenth eighteenth nineteenth twentieth"
).split()
_TENS = "thirty forty fifty sixty seventy eighty ninety".split()
_VALUES = {word: str(value) for words in (_COUNTED, _ORDINALS) for value, word in enumerate(words, 3)}
_VALUES |= {word: str(10 * value) for value, ten in enumerate(_TENS, 3) for word in (ten, ten[:-1] + "ieth")}
_PASS = {"I", "I'm", "I'll", "I've", "I'd", "OK"}


def plain(text: str) -> str:
    """In small letters, without accents, with one kind of apostrophe."""
    apart = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return "".join(char for char in apart if not unicodedata.combining(char))


class Text:
    """The words and numbers that a text has."""

    def __init__(self, text: str) -> None:
        found = {plain(word) for word in _WORD.findall(text)}
        self.words = found | {part for word in found for part in word.split("'")}
        self.stems = {_stem(word) for word in self.words}
        self.numbers = {_digits(number) for number in _NUMBER.findall(text)}
        self.numbers |= {_VALUES[word] for word in self.words if word in _VALUES}

    def has(self, word: str) -> bool:
        """Whether the word, or a form of it (Russians of Russia), is there."""
        bare = re.sub(r"'s?$", "", plain(word))
        return bare in self.words or (len(bare) > 3 and _stem(bare) in self.stems)


def misses(summary: str, text: Text) -> Iterator[str]:
    """What the summary names and the text has not, in order."""
    for match in re.finditer(rf"{_WORD.pattern}|{_NUMBER.pattern}", summary):
        found = match.group()
        if found[0].isdigit():
            missing = _digits(found) not in text.numbers
        elif found.lower() in _VALUES:
            missing = found.lower() not in text.words and _VALUES[found.lower()] not in text.numbers
        else:
            capital = found[0].isupper() and found.replace("’", "'") not in _PASS
            begins = _BEGINS.search(summary, max(0, match.start() - 9), match.start())
            missing = capital and not begins and not text.has(found)
        if missing:
            yield found


def check(rows: list[dict[str, Any]], book: str) -> list[tuple[dict[str, Any], str]]:
    """Every miss with its row; rows without a summary have none."""
    whole = Text(book)
    found = []
    for row in rows:
        own = whole
        if row.get("level", "chapter") == "chapter":
            levels = row.get("levels")  # an array, from parquet
            headings = [*(() if levels is None else levels), row.get("title") or ""]
            own = Text("\n".join([*headings, book[row["start"] : row["end"]]]))
        found += [(row, miss) for miss in misses(row["summary"] or "", own)]
    return found


def main(arguments: list[str]) -> int:
    """Print each miss and how many; 1 if there is any, 2 if the command is not understood."""
    import pandas as pd

    from cpullm.readers import read

    if len(arguments) != 2:
        print("usage: python -m tests.invented summaries.parquet BOOK.txt", file=sys.stderr)
        return 2
    rows = [dict(row) for _, row in pd.read_parquet(arguments[0]).iterrows()]
    found = check(rows, read(arguments[1]).text)
    for row, miss in found:
        print(f"{row['document_id']} {row.get('level', 'chapter')} {row['index']}: {miss}")
    print(f"{len(found)} invented in {len({id(row) for row, _ in found})} of {len(rows)} summaries")
    return 1 if found else 0


def _stem(word: str) -> str:
    return _ENDING.sub("", word, count=1).rstrip("aeiouy")


def _digits(number: str) -> str:
    return re.sub(r"[.,](?=\d{3}(?!\d))", "", number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
