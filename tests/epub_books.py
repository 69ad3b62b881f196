"""EPUBs of a few files, written by hand, and what is read of them."""

import io
import zipfile

from cpullm.readers import epub
from cpullm.records import Document

LONG = "The rain fell on the harbour and on the hill behind it, and nobody came out to look. " * 6
CONTAINER = """<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0">
<rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""


def xhtml(body: str) -> str:
    return f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>{body}</body></html>'


def opf(names: list[str], *, extra: str = "", attributes: dict[str, str] | None = None, after: str = "") -> str:
    attributes = attributes or {}
    items = "".join(
        f'<item id="i{n}" href="{name}" media-type="application/xhtml+xml"/>' for n, name in enumerate(names)
    )
    refs = "".join(f'<itemref idref="i{n}" {attributes.get(name, "")}/>' for n, name in enumerate(names))
    return (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/" version="2.0">'
        f"<metadata><dc:title>The Rain</dc:title></metadata><manifest>{items}{extra}</manifest>"
        f'<spine toc="ncx">{refs}</spine>{after}</package>'
    )


def ncx(points: list[tuple[str, str]]) -> str:
    """An EPUB 2 navigation; a title that begins with spaces goes below the one before."""
    written, depth = "", 0
    for title, src in points:
        level = (len(title) - len(title.lstrip())) // 2 + 1
        written += "</navPoint>" * (depth - level + 1)
        depth = level
        written += f"<navPoint><navLabel><text>{title.strip()}</text></navLabel><content src='{src}'/>"
    return f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap>{written}{"</navPoint>" * depth}</navMap></ncx>'


NCX_ITEM = '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
NAV_ITEM = '<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>'


def book(files: dict[str, str | bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"META-INF/container.xml": CONTAINER, **files}.items():
            archive.writestr(name, content)
    return made.getvalue()


def cut_book(n_files: int, n_words: int = 20) -> bytes:
    """A book of one paragraph that is cut into so many files."""
    piece = xhtml("<p>" + "and on " * n_words + "</p>")
    names = [f"{n}.html" for n in range(n_files)]
    return book({"OEBPS/book.opf": opf(names), **{f"OEBPS/{name}": piece for name in names}})


def epub2(chapters: dict[str, str], points: list[tuple[str, str]], **options: str) -> Document:
    files = {f"OEBPS/{name}": xhtml(body) for name, body in chapters.items()}
    package = opf(list(chapters), extra=NCX_ITEM, **options)
    return epub.parse(book({**files, "OEBPS/book.opf": package, "OEBPS/toc.ncx": ncx(points)}), "book")


def headings(document: Document) -> list[tuple[int, str]]:
    return [(mark.level, document.text[mark.start : mark.end]) for mark in document.marks]


def epub3(nav: str, chapters: dict[str, str]) -> Document:
    files = {f"OEBPS/{name}": xhtml(body) for name, body in chapters.items()}
    nav_page = f'<html xmlns:epub="http://www.idpf.org/2007/ops"><body>{nav}</body></html>'
    package = opf(["nav.xhtml", *chapters], extra=NAV_ITEM)
    return epub.parse(book({**files, "OEBPS/book.opf": package, "OEBPS/nav.xhtml": nav_page}), "book")
