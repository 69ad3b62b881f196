"""Small files of each format, made by the libraries of their fields or, where those are too honest, by hand."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'

SENTENCES = (
    "The ferry left the eastern landing at six and nobody on the quay looked up to see it go.",
    "Between the two sheds a narrow lane ran down to the water, paved with stones from an older harbour.",
    "She counted the lamps along the mole, found one missing, and wrote its number in the margin of her book.",
    "It had rained since noon.",
    "Whoever wanted coal had to fetch it himself, for the carter would not drive his horses down the slope.",
    "In the office a clerk was copying letters with a steel pen that scratched like a mouse behind a panel.",
)


def prose(n_sentences: int, first: int = 0) -> str:
    """A paragraph of so many sentences, another one for another `first`."""
    return " ".join(SENTENCES[(first + number) % len(SENTENCES)] for number in range(n_sentences))


@dataclass(frozen=True)
class Placed:
    """A text drawn on a page at `x`, `y` (points, upwards)."""

    x: float
    y: float
    text: str
    size: float = 10
    font: str = "Helvetica"


def pdf(
    pages: Iterable[Sequence[Placed]],
    *,
    title: str = "",
    outline: Sequence[tuple[int, str, int]] = (),
    password: str | None = None,
) -> bytes:
    """A PDF with these texts in this order; `outline` gives level from 0, title and page from 0."""
    from reportlab.pdfgen.canvas import Canvas

    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(400, 600), encrypt=password, invariant=1)
    canvas.setTitle(title or "untitled")
    for number, page in enumerate(pages):
        for key in (str(key) for key, entry in enumerate(outline) if entry[2] == number):
            canvas.bookmarkPage(key)
        for placed in page:
            canvas.setFont(placed.font, placed.size)
            canvas.drawString(placed.x, placed.y, placed.text)
        canvas.showPage()
    for key, (level, entry, _) in enumerate(outline):
        canvas.addOutlineEntry(entry, str(key), level)
    canvas.save()
    return file.getvalue()


def pdf_book(
    chapters: Sequence[tuple[str, Sequence[str]]],
    *,
    columns: int = 1,
    head: str = "",
    outline: bool = False,
    heading_size: float = 18,
) -> bytes:
    """A typeset PDF of chapters with paragraphs, each chapter on a new page; `head` and a page number on each page."""
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import BaseDocTemplate, Frame, PageBreak, PageTemplate, Paragraph
    from reportlab.platypus.flowables import Flowable

    class Book(BaseDocTemplate):
        def afterFlowable(self, flowable: Flowable) -> None:
            if outline and getattr(flowable, "style", None) is large:
                key = f"heading {self.seq.nextf('heading')}"
                self.canv.bookmarkPage(key)
                self.canv.addOutlineEntry(flowable.getPlainText(), key, 0)

    body = ParagraphStyle("body", fontName="Times-Roman", fontSize=10, leading=12, firstLineIndent=14, alignment=4)
    large = ParagraphStyle("heading", fontSize=heading_size, leading=1.2 * heading_size, spaceAfter=12)
    file = io.BytesIO()
    book = Book(file, pagesize=(400, 600), title="A Book", invariant=1)
    width = (400 - 2 * 50 - 20 * (columns - 1)) / columns
    frames = [Frame(50 + column * (width + 20), 50, width, 490, 0, 0, 0, 0) for column in range(columns)]

    def furniture(canvas: Any, page: BaseDocTemplate) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(50, 570, head)
        canvas.drawString(200, 25, str(page.page))

    book.addPageTemplates([PageTemplate(frames=frames, onPage=furniture)])
    story: list[Flowable] = []
    for heading, paragraphs in chapters:
        story += [Paragraph(heading, large), *(Paragraph(text, body) for text in paragraphs)]
        story.append(PageBreak())
    book.build(story)
    return file.getvalue()


def pdf_objects(objects: Sequence[bytes], info: bytes = b"") -> bytes:
    """A PDF of these objects, the first being the catalog; nothing about them is checked."""
    out = b"%PDF-1.5\n"
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    entries = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    table = b"xref\n0 %d\n0000000000 65535 f \n%b" % (len(objects) + 1, entries)
    trailer = b"trailer\n<</Size %d/Root 1 0 R%b>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, info, len(out))
    return out + table + trailer


def pdf_stream(entries: bytes, content: bytes) -> bytes:
    """A compressed stream object."""
    packed = zlib.compress(content, 9)
    return b"<<%b/Filter/FlateDecode/Length %d>>\nstream\n%b\nendstream" % (entries, len(packed), packed)


def pdf_page(content: bytes, resources: bytes = b"", more: Sequence[bytes] = ()) -> bytes:
    """A PDF with one page; object 5 is its font `/F`, `more` are objects from 6."""
    return pdf_objects(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 600]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>%b>>>>"
            % resources,
            pdf_stream(b"", content),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            *more,
        ]
    )


def pdf_bomb(levels: int = 9, width: int = 10) -> bytes:
    """A PDF of 2 kB that draws one text `width ** levels` times, form within form."""
    forms = []
    for level in range(levels):
        form = b"/Type/XObject/Subtype/Form/BBox[0 0 400 600]/Resources<</Font<</F 5 0 R>>/XObject<</X %d 0 R>>>>"
        last = level == levels - 1
        content = b"BT /F 12 Tf 10 10 Td (once more) Tj ET" if last else b"/X Do " * width
        forms.append(pdf_stream(form % (7 + level), content))
    return pdf_page(b"/X Do " * width, b"/XObject<</X 6 0 R>>", forms)


def pdf_scan(n_pages: int) -> bytes:
    """A PDF of pages that hold one image each."""
    from PIL import Image
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(400, 600), invariant=1)
    for _ in range(n_pages):
        canvas.drawImage(ImageReader(Image.new("L", (40, 60), 200)), 0, 0, 400, 600)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def docx(*paragraphs: tuple[str, str], title: str = "") -> bytes:
    """A DOCX of `(style, text)` paragraphs; the style `table` takes rows of cells, parted by lines and bars."""
    import docx

    document = docx.Document()
    document.core_properties.title = title
    for style, text in paragraphs:
        if style == "table":
            rows = [line.split("|") for line in text.splitlines()]
            table = document.add_table(len(rows), len(rows[0]))
            for row, cells in zip(table.rows, rows, strict=True):
                for cell, said in zip(row.cells, cells, strict=True):
                    cell.text = said
        else:
            document.add_paragraph(text, style)
    file = io.BytesIO()
    document.save(file)
    with zipfile.ZipFile(file) as saved:
        return zip_of({name: saved.read(name) for name in saved.namelist()})


def docx_body(body: str, parts: Mapping[str, str] | None = None, doctype: str = "") -> bytes:
    """A DOCX whose document.xml holds this body, with further or other parts by name."""
    document = f"<?xml version='1.0'?>{doctype}<w:document {W}><w:body>{body}</w:body></w:document>"
    changed = {name: part.encode() for name, part in {"word/document.xml": document, **(parts or {})}.items()}
    with zipfile.ZipFile(io.BytesIO(docx(("Normal", "")))) as whole:
        return zip_of({**{name: whole.read(name) for name in whole.namelist()}, **changed})


def zip_of(members: Mapping[str, bytes]) -> bytes:
    """A zip archive of these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in members.items():
            out.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def epub() -> bytes:
    """A small EPUB of three chapters with both kinds of navigation."""
    xhtml = (
        '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{0}</title></head><body><h1>{0}</h1>{1}</body></html>'
    )
    chapters = {
        f"c{number}.xhtml": xhtml.format(f"Chapter {number}", f"<p id='p'>{prose(4, number)}</p><p>{prose(2)}</p>")
        for number in range(1, 4)
    }
    items = "".join(f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in chapters)
    spine = "".join(f'<itemref idref="{name}"/>' for name in chapters)
    points = "".join(
        f'<navPoint id="n{k}"><navLabel><text>Chapter {k}</text></navLabel><content src="{name}#p"/></navPoint>'
        for k, name in enumerate(chapters, 1)
    )
    links = "".join(f'<li><a href="{name}">Chapter {k}</a></li>' for k, name in enumerate(chapters, 1))
    nav = f'<nav xmlns:epub="http://www.idpf.org/2007/ops" epub:type="toc"><ol>{links}</ol></nav>'
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:title>A Tale</dc:title><dc:language>en</dc:language></metadata><manifest>"
        '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        f'{items}</manifest><spine toc="ncx">{spine}</spine></package>'
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
        '<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    ncx = f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/" version="2005-1"><navMap>{points}</navMap></ncx>'
    texts = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": container,
        "book.opf": package,
        "toc.ncx": ncx,
        "nav.xhtml": xhtml.format("Contents", nav),
        **chapters,
    }
    return zip_of({name: text.encode() for name, text in texts.items()})


def html() -> bytes:
    """A web page with menus, headings, a list, a table, entities and a script."""
    return f"""<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>A Tale</title>
<style>p {{}}</style></head><body><nav><ul><li><a href="#a">Menu</a><li>More</ul></nav>
<main><h1>A Tale</h1><h2 id="a">Chapter 1</h2><p>{prose(4)} &amp; caf&eacute; &#8220;so&#x201d;<br>next</p>
<h2>Chapter 2</h2><p>{prose(3, 2)}<p>{prose(3, 4)}<ul><li>coal<li>rope</ul>
<table><tr><th>what<th>how many<tr><td>lamps<td>31</table><pre>  as it   is</pre>
<script>var no = "text";</script></main><footer>Imprint</footer></body></html>""".encode()


def markdown() -> bytes:
    """A Markdown text with headings of both kinds, lists, a quote, code, a table and links."""
    return f"""# A Tale

Chapter 1
---------
{prose(4)} *So* **it** [went](http://example.org "on"), `code`.

## Chapter 2
> {prose(2)}
> > deeper

- coal
  1. rope

| what | how many |
|------|----------|
| lamps | 31 |

```
as it   is
```
<div>{prose(3, 3)}</div>
""".encode()


def text() -> bytes:
    """A plain text with chapters."""
    return "\n\n\n".join(f"CHAPTER {n}\n\n{prose(6, 1)}\n\n{prose(5, 2)}" for n in ("I", "II", "III")).encode()


def tables() -> dict[str, bytes]:
    """One table of two texts in each of its formats, by the name of a file."""
    import pandas as pd

    table = pd.DataFrame({"id": ["a", "b"], "text": [prose(4), prose(3, 3)]})
    parquet = io.BytesIO()
    table.to_parquet(parquet)
    return {
        "it.csv": table.to_csv(index=False).encode(),
        "it.tsv": table.to_csv(index=False, sep="\t").encode(),
        "it.jsonl": table.to_json(orient="records", lines=True).encode(),
        "it.json": table.to_json(orient="records").encode(),
        "it.parquet": parquet.getvalue(),
    }
