"""Makes one site of docs/ and of what stands elsewhere in the tree, so that nothing is written twice.

- A paragraph that is nothing but a link to a section of the README is replaced by that section; its heading is left out
  on a page that has the same.
- PROTOCOL.md, SECURITY.md and the changelog are pages.
- A file that a page links to, source as a rule, becomes a page too, with its lines numbered.
- Links are written as they work in the tree, and led to the page that has their target.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import Any

TREE = Path(__file__).resolve().parent.parent
README = "README.md"
ELSEWHERE = {"CHANGELOG.md": "changelog.md", "SECURITY.md": "security.md", "messages/PROTOCOL.md": "protocol.md"}

FENCED = re.compile(r"^(?P<fence>`{3,}).*?^(?P=fence)[ ]*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?P<text>\]\()(?!\w+:)(?P<target>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?(?=\))")
INCLUDED = re.compile(rf"(?<=\n\n)\[[^\]\n]+\]\((?:\.\./)*{README}#(?P<anchor>[\w-]+)\)(?=\n(?:\n|\Z))")


class LostError(Exception):
    """A link or a section leads nowhere; the text says which, and on which page."""


def slug(heading: str) -> str:
    """The anchor of a heading, as hosts of repositories and the site both make it."""
    return re.sub(r"[^\w-]", "", heading.strip().lower().replace(" ", "-"))


def plain(text: str) -> str:
    """The same text, and as long, with no line in its code that reads as a heading."""
    return FENCED.sub(lambda code: re.sub(r"^#", " ", code[0], flags=re.MULTILINE), text)


def anchors(text: str) -> list[str]:
    """The anchors of all headings of a page."""
    return [slug(heading) for heading in re.findall(r"^#+ (.*)$", plain(text), re.MULTILINE)]


def section(text: str, anchor: str) -> str:
    """What stands under a heading, with it, up to the next one of its level."""
    code_free = plain(text)
    for heading in re.finditer(r"^(#+) (.*)$", code_free, re.MULTILINE):
        if slug(heading[2]) == anchor:
            end = re.compile(rf"^#{{1,{len(heading[1])}}} ", re.MULTILINE).search(code_free, heading.end())
            return text[heading.start() : end.start() if end else None].rstrip()
    raise LostError(f"{README} has no section #{anchor}.")


@dataclass
class Site:
    """Which file of the tree is which page, and on which page each section of the README stands."""

    pages: dict[str, str]  # path in the tree → page
    tree: Path = TREE
    homes: dict[str, str] = field(default_factory=dict)  # anchor in the README → path of the file that includes it
    sources: set[str] = field(default_factory=set)  # paths of the files that pages link to

    def __post_init__(self) -> None:
        self.readme = (self.tree / README).read_text("utf-8")
        for path in self.pages:
            for link in INCLUDED.finditer((self.tree / path).read_text("utf-8")):
                for anchor in anchors(section(self.readme, link["anchor"])):
                    if anchor in self.homes:
                        raise LostError(f"#{anchor} of {README} is in both {self.homes[anchor]} and {path}.")
                    self.homes[anchor] = path
        for path in self.pages:
            self.written(path)  # what it links to is known from then on

    def written(self, path: str) -> str:
        """A page's Markdown, as the site wants it."""
        text = (self.tree / path).read_text("utf-8")
        parts, end = [], 0
        for link in INCLUDED.finditer(text):
            parts += [self._led(text[end : link.start()], path, path)]
            found = section(self.readme, link["anchor"])
            if link["anchor"] in anchors(text):  # the page has that heading already
                found = found.partition("\n")[2].lstrip("\n")
            parts += [self._led(found, README, path)]
            end = link.end()
        return "".join([*parts, self._led(text[end:], path, path)])

    def _led(self, text: str, origin: str, path: str) -> str:
        """The same with links that lead to pages; they are written as from `origin`, and the text is on page `path`."""
        parts, end = [], 0
        for code in FENCED.finditer(text):  # links are not looked for in code
            parts += [self._links(text[end : code.start()], origin, path), code[0]]
            end = code.end()
        return "".join([*parts, self._links(text[end:], origin, path)])

    def _links(self, text: str, origin: str, path: str) -> str:
        def lead(link: re.Match[str]) -> str:
            target = normpath(join(dirname(origin), link["target"])) if link["target"] else origin
            page, anchor = self._place(target, link["anchor"] or "", path)
            return link["text"] + relpath(page, dirname(self.pages[path]) or ".") + (f"#{anchor}" if anchor else "")

        return LINK.sub(lead, text)

    def _place(self, target: str, anchor: str, path: str) -> tuple[str, str]:
        """The page and the anchor on it that stand for a file of the tree."""
        if target == README:
            if anchor and anchor not in self.homes:
                raise LostError(f"{path} links to #{anchor} of {README}, which is on no page.")
            return self.pages[self.homes.get(anchor, "docs/index.md")], anchor
        if target in self.pages:
            return self.pages[target], anchor
        if not (self.tree / target).is_file():
            raise LostError(f"{path} links to {target}, which is no file.")
        if target.startswith("docs/images/"):
            return target.removeprefix("docs/"), anchor
        self.sources.add(target)
        return f"source/{target}.md", re.sub(r"^L(\d+)$", r"L-\1", anchor)

    def source(self, path: str) -> str:
        """The page of a file: all of it, its lines numbered, and not looked through by the search.

        It is HTML already: of the anchors in a block of code mkdocs knows nothing, and so could not check the links.
        """
        from pygments import highlight
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import TextLexer, get_lexer_for_filename
        from pygments.util import ClassNotFound

        text = (self.tree / path).read_text("utf-8")
        try:
            lexer = get_lexer_for_filename(path)
        except ClassNotFound:
            lexer = TextLexer()
        looks = HtmlFormatter(linenos="inline", lineanchors="L", anchorlinenos=True, wrapcode=True)
        return f"---\nsearch: {{exclude: true}}\nhide: [toc]\n---\n# {path}\n\n{highlight(text, lexer, looks)}"


# --- what mkdocs calls ----------------------------------------------------------------------------------------------

site: Site


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that do not stand in docs/."""
    from mkdocs.structure.files import File

    global site
    inside = {f"docs/{file.src_uri}": file.src_uri for file in files.documentation_pages()}
    site = Site(inside | ELSEWHERE)
    for path, page in ELSEWHERE.items():
        files.append(File.generated(config, page, abs_src_path=str(TREE / path)))
    for path in sorted(site.sources):
        files.append(File.generated(config, f"source/{path}.md", content=site.source(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Give each page the text that the site wants."""
    path = next((path for path, uri in site.pages.items() if uri == page.file.src_uri), None)
    return site.written(path) if path else markdown
