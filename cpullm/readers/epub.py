"""EPUB 2 and 3 → Document: the files of the spine in order as one text, its headings as the navigation ranks them.

After OPF 2.0.1 and OCF 2.0.1 (idpf.org/epub/20) and EPUB 3.3 (w3.org/TR/epub-33).
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cpullm.errors import InputError
from cpullm.readers import archive, formats, html, markup, navigation, rendering
from cpullm.readers.markup import name
from cpullm.readers.navigation import Part, Point
from cpullm.readers.rendering import Block
from cpullm.records import Document

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FONT_OBFUSCATION = frozenset(("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"))
_NCX = "application/x-dtbncx+xml"
_NO_TEXT = re.compile(r"(?:image|audio|video|font)/|application/(?:pdf|javascript|x-font|vnd\.ms-opentype)|text/css")
_MOST_FALLBACKS = 8
_COVER_LETTERS = 400
_OPEN_END = re.compile(r"[\w,;–—-]")


@dataclass(frozen=True, slots=True)
class _Item:
    """An entry of the manifest, its path within the archive."""

    path: str
    kind: str
    properties: frozenset[str]
    fallback: str


@dataclass(frozen=True, slots=True)
class _Package:
    """What the OPF says: title, reading order, where the navigation is, which files are cover or contents only."""

    title: str
    spine: list[str]
    nav: str
    ncx: str
    apart: dict[str, str]


class _Files:
    """The archive's files, found also where the case of a path is wrong."""

    def __init__(self, opened: zipfile.ZipFile) -> None:
        self._archive = opened
        self._names = {each.lower(): each for each in reversed(opened.namelist())}
        self._exact = set(opened.namelist())

    def has(self, path: str) -> bool:
        return self.found(path) in self._exact

    def found(self, path: str) -> str:
        """The path as the archive writes it; as it is if the archive lacks it."""
        return path if path in self._exact else self._names.get(path.lower(), path)

    def text(self, path: str) -> str:
        return html.decoded(archive.member(self._archive, self.found(path), "EPUB"))


def parse(data: bytes, id_: str) -> Document:
    """The text of the book; InputError if it is damaged, encrypted, or any file of its reading order is missing."""
    formats.require(formats.EPUB)
    with archive.opened(data, "EPUB") as opened:
        files = _Files(opened)
        package = _package(files)
        _refuse_encrypted(files, set(package.spine))
        # A file named in several cases is one: read for each, a small book could fill the memory.
        paths: dict[str, str] = {}
        for path in package.spine:
            paths.setdefault(files.found(path), path)
        parts = [(path, _blocks(files, path)) for path in paths.values()]
        points = _points(files, package)
    kept = [(path, blocks) for path, blocks in parts if not _is_apart(blocks, package.apart.get(path, ""))]
    into: dict[str, list[Point]] = {}
    for point in points:
        into.setdefault(point.path.lower(), []).append(point)
    marked = navigation.marked([_part(blocks, into.get(path.lower(), ())) for path, blocks in kept])
    return html.document(_run_on(marked), id_, package.title)


def _package(files: _Files) -> _Package:
    container = _xml(files, _CONTAINER)
    path = next((each.get("full-path") for each in container.iter() if name(each) == "rootfile"), None)
    if not path:
        raise InputError(f"is a damaged EPUB: {_CONTAINER!r} names no package; get it again.")
    path = navigation.target("", path)[0]
    root = _xml(files, path)
    items = {each.get("id", ""): _item(each, path) for each in root.iter() if name(each) == "item" and each.get("href")}
    spine = next((each for each in root.iter() if name(each) == "spine"), None)
    title = next((markup.line(each) for each in root.iter() if name(each) == "title"), "")
    if spine is None:
        raise InputError(f"is a damaged EPUB: {path!r} has no reading order (spine); get it again.")
    ncx = items.get(spine.get("toc", "")) or next((item for item in items.values() if item.kind == _NCX), None)
    nav = next((item.path for item in items.values() if "nav" in item.properties), "")
    apart = {nav: "toc"} if nav else {}
    for each in (each for each in root.iter() if name(each) == "reference"):
        if each.get("type", "").lower() in ("toc", "cover") and "#" not in each.get("href", "#"):
            apart.setdefault(navigation.target(path, each.get("href"))[0], each.get("type").lower())
    return _Package(title, _spine(spine, items), nav, ncx.path if ncx else "", apart)


def _item(element: Any, base: str) -> _Item:
    properties = frozenset(element.get("properties", "").split())
    kind = element.get("media-type", "").lower()
    return _Item(navigation.target(base, element.get("href"))[0], kind, properties, element.get("fallback", ""))


def _spine(spine: Any, items: dict[str, _Item]) -> list[str]:
    paths: dict[str, None] = {}
    for reference in (each for each in spine.iter() if name(each) == "itemref"):
        if reference.get("linear", "yes").lower() == "no":
            continue
        id_ = reference.get("idref", "")
        item = items.get(id_)
        if item is None:
            raise InputError(f"is a damaged EPUB: its reading order names {id_!r}, which it lacks; get it again.")
        for _ in range(_MOST_FALLBACKS):
            if _NO_TEXT.match(item.kind) and item.fallback in items:
                item = items[item.fallback]
        if not _NO_TEXT.match(item.kind):
            paths[item.path] = None
    return list(paths)


def _xml(files: _Files, path: str) -> Any:
    root = markup.xml(files.text(path))
    if root is None:
        raise InputError(f"is a damaged EPUB: {path!r} is no XML; get it again, or save it anew.")
    return root


def _refuse_encrypted(files: _Files, spine: set[str]) -> None:
    if not files.has(_ENCRYPTION):
        return
    for entry in (each for each in _xml(files, _ENCRYPTION).iter() if name(each) == "encrypteddata"):
        methods = {each.get("Algorithm", "") for each in entry.iter() if name(each) == "encryptionmethod"}
        uris = {each.get("URI", "") for each in entry.iter() if name(each) == "cipherreference"}
        if not methods <= _FONT_OBFUSCATION and {navigation.target("", uri)[0] for uri in uris} & spine:
            raise InputError("is an encrypted EPUB (DRM); give one without.")


def _blocks(files: _Files, path: str) -> list[Block]:
    text = files.text(path)
    if not text.strip():
        return []
    try:
        return rendering.blocks(markup.tree(text))
    except InputError as error:
        raise InputError(f"is a damaged EPUB: {path!r} {error}") from error


def _points(files: _Files, package: _Package) -> list[Point]:
    """The navigation's points: EPUB 3's document, else the NCX; none if they are missing or damaged."""
    if package.nav and files.has(package.nav):
        root = markup.xml(files.text(package.nav))
        points = navigation.nav_points(root, package.nav) if root is not None else []
        if points:
            return points
    if package.ncx and files.has(package.ncx):
        root = markup.xml(files.text(package.ncx))
        return navigation.ncx_points(root, package.ncx) if root is not None else []
    return []


def _is_apart(blocks: Sequence[Block], kind: str) -> bool:
    """Whether the file is the cover or the contents its package calls it, and does not hold the book as well."""
    unlinked = sum(block.letters - block.linked for block in blocks)
    letters = sum(block.letters for block in blocks)
    return (kind == "toc" and 2 * unlinked <= letters + _COVER_LETTERS) or (
        kind == "cover" and letters <= _COVER_LETTERS
    )


def _part(blocks: list[Block], points: Sequence[Point]) -> Part:
    anchors: dict[str, int] = {}
    for index, block in enumerate(blocks):
        for anchor in block.anchors:
            anchors.setdefault(anchor, index)
    return Part(blocks, [(anchors.get(point.fragment, 0), point) for point in points if blocks])


def _run_on(parts: Sequence[list[Block]]) -> list[Block]:
    """All blocks in order; a paragraph that was cut where a file ends is one again."""
    runs: list[list[Block]] = []
    for blocks in filter(None, parts):
        if runs and _is_cut(runs[-1][-1], blocks[0]):
            runs[-1].append(blocks[0])
            blocks = blocks[1:]
        runs.extend([block] for block in blocks)
    return [_joined(run) for run in runs]


def _joined(run: Sequence[Block]) -> Block:
    """The pieces of one paragraph as one block; a hyphen at the end of one joins it to the next."""
    pieces = [block.text if block.text.endswith("-") else f"{block.text} " for block in run[:-1]]
    return replace(run[0], text="".join([*pieces, run[-1].text]))


def _is_cut(before: Block, after: Block) -> bool:
    if before.level or after.level or before.table or after.table:
        return False
    return _OPEN_END.match(before.text[-1:]) is not None and after.text[:1].islower()
