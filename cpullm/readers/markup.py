"""Characters of HTML, XHTML and XML → a tree, in time linear in their number and whatever they are."""

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import Any

import regex

from cpullm.errors import InputError
from cpullm.readers.blocks import NO_TEXT

# What no page shows, and control characters, at which libxml2 may stop.
INVISIBLE = re.compile("[\0-\x08\x0b\x0e-\x1f\x7f\u00ad\u200b\u2060\ufeff\ufffe\uffff]")

_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)([A-Za-z][A-Za-z0-9]{0,30});")
_DEEP_BLOCK = re.compile(
    r"</?(?:div|section|article|blockquote|center|ul|ol|li|dl|dd|dt|table|tbody|tr|td)\b[^<>]*>", re.I
)
_DEEP_INLINE = re.compile(
    r"</?(?:a|abbr|b|big|cite|code|del|em|font|i|ins|kbd|mark|q|s|small|span|strike|strong|sub|sup|tt|u)\b[^<>]*>", re.I
)


# libxml2 takes time that grows with the square of a tag's attributes.
_TAG = regex.compile(r"""<[a-zA-Z](?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+')?+)*+""")
_QUOTED = re.compile(r"""=\s*(?:"[^"]*"|'[^']*')""")
_LONGEST_TAG = 2000


def etree() -> Any:
    """The module lxml.etree, once it is needed; the formats that do have checked that it is installed."""
    from lxml import etree as module

    return module


def tree(text: str) -> Any:
    """The root element of a page, read as XHTML if it is well-formed, else as HTML; InputError if there is none."""
    text = _plain(text)
    root = _well_formed(text) if _is_xhtml(text) else None
    if root is None:
        root, too_deep = _lenient(text)
        if too_deep:
            root, too_deep = _lenient(_DEEP_BLOCK.sub("<p>", _DEEP_INLINE.sub("", text)))
        if too_deep:
            raise InputError("nests its elements too deep to be read; save it anew, as plain text for instance.")
    if root is None:
        raise InputError(NO_TEXT)
    return root


def xml(text: str) -> Any:
    """The root element of an XML file, read as far as it can be; None if there is none. Entities are not expanded."""
    lxml = etree()
    parser = lxml.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, recover=True, remove_pis=True)
    try:
        return lxml.fromstring(_plain(text).lstrip().encode("utf-8", "replace"), parser)
    except (lxml.XMLSyntaxError, ValueError):
        return None


def title(root: Any) -> str:
    """What the page's `title` element says, white space collapsed; empty if there is none."""
    return next((line(element) for element in root.iter("{*}title")), "")


def line(element: Any) -> str:
    """All text in the element, white space collapsed."""
    text: str = "".join(element.itertext())
    return " ".join(text.split())


def name(element: Any) -> str:
    """The element's name in lower case, without namespace or prefix; empty for what is no element."""
    tag: Any = element.tag
    return _local(tag) if isinstance(tag, str) else ""


@lru_cache(maxsize=1024)
def _local(tag: str) -> str:
    return tag.rpartition("}")[2].rpartition(":")[2].lower()


def _is_xhtml(text: str) -> bool:
    # Entities of a document's own can be made to expand without bound; the HTML parser knows none.
    start = text[:2000].lstrip()
    return (start.startswith("<?xml") or "http://www.w3.org/1999/xhtml" in start) and "<!ENTITY" not in text


def _plain(text: str) -> str:
    plain: str = _TAG.sub(_bounded, INVISIBLE.sub("", text))
    return plain


def _bounded(tag: regex.Match[str]) -> str:
    whole: str = tag[0]
    if len(whole) <= _LONGEST_TAG or len(_QUOTED.sub("", whole)) <= _LONGEST_TAG:
        return whole
    return whole.split(None, 1)[0][:_LONGEST_TAG]


def _well_formed(text: str) -> Any:
    lxml = etree()
    parser = lxml.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True, remove_pis=True
    )
    try:
        return lxml.fromstring(_ENTITY.sub(_character, text.lstrip()).encode("utf-8", "replace"), parser)
    except (lxml.XMLSyntaxError, ValueError):
        return None


def _character(entity: re.Match[str]) -> str:
    character = html.unescape(entity[0])
    return f"&amp;{entity[1]};" if character == entity[0] else html.escape(character)


def _lenient(text: str) -> tuple[Any, bool]:
    """The root or None, and whether the parser gave up at too deep a nesting."""
    lxml = etree()
    parser = lxml.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = lxml.fromstring(text.encode("utf-8", "replace"), parser)
    except (lxml.XMLSyntaxError, lxml.ParserError, ValueError):
        root = None
    return root, any("depth" in entry.message for entry in parser.error_log.filter_from_fatals())
