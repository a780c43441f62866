"""How the site is made of what stands in the tree: docs/hooks.py without mkdocs. CI builds the site, strictly."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from .processes import TREE


def module(name: str) -> ModuleType:
    """A module of docs/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", TREE / "docs" / f"{name}.py")
    assert spec
    assert spec.loader
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found
    spec.loader.exec_module(found)
    return found


hooks = module("hooks")
README = """# it

## Use

See [how](docs/how.md#deep), [the code](code.py#L2), [below](#more) and `[not](this)`.

```sh
# no heading
```

### More

text

## Rest
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "docs" / "sub").mkdir(parents=True)
    files = {
        "README.md": README,
        "code.py": "a = 1\nb = '<'\n",
        "docs/index.md": "# home\n",
        "docs/how.md": "## Deep\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def made(tree: Path, text: str, *others: str) -> str:
    """What the site makes of a page docs/sub/page.md with this text."""
    (tree / "docs" / "sub" / "page.md").write_text(text, "utf-8")
    pages = {"docs/index.md": "index.md", "docs/how.md": "how.md", "docs/sub/page.md": "sub/page.md"}
    return hooks.Site(pages, tree).written("docs/sub/page.md")


def test_a_paragraph_that_is_a_link_to_a_section_becomes_the_section(tree: Path) -> None:
    """With links that lead from where it stands now, and no further than its end."""
    text = made(tree, "# page\n\n[Use](../../README.md#use)\n\nend, [use](../../README.md#use)\n")
    assert text == (
        "# page\n\n## Use\n\nSee [how](../how.md#deep), [the code](../source/code.py.md#L-2), [below](page.md#more) "
        "and `[not](this)`.\n\n```sh\n# no heading\n```\n\n### More\n\ntext\n\nend, [use](page.md#use)\n"
    )


def test_a_heading_that_the_page_has_already_is_not_repeated(tree: Path) -> None:
    text = made(tree, "# More\n\n[More](../../README.md#more)\n\nsee [more](../../README.md#more)\n")
    assert text == "# More\n\ntext\n\nsee [more](page.md#more)\n"


def test_the_readme_itself_is_the_first_page(tree: Path) -> None:
    assert made(tree, "[it](../../README.md)") == "[it](../index.md)"


@pytest.mark.parametrize(
    "text",
    [
        "[no section](../../README.md#gone)",
        "# page\n\n[no section](../../README.md#gone)\n",
        "[on no page](../../README.md#rest)",
        "[no file](../gone.md)",
        "# page\n\n[Use](../../README.md#use)\n\n[twice](../../README.md#more)\n",
    ],
)
def test_what_leads_nowhere_ends_the_build(text: str, tree: Path) -> None:
    with pytest.raises(hooks.LostError):
        made(tree, text)


def test_a_file_that_is_linked_to_becomes_a_page_with_an_anchor_for_each_line(tree: Path) -> None:
    page = hooks.Site({"docs/index.md": "index.md"}, tree).source("code.py")
    assert 'id="L-2"' in page
    assert "&lt;" in page


def test_every_section_of_the_readme_is_on_the_site() -> None:
    pages = {path.relative_to(TREE).as_posix(): path.name for path in (TREE / "docs").rglob("*.md")}
    site = hooks.Site(pages | hooks.ELSEWHERE)
    sections = hooks.anchors(site.readme)[1:]
    assert len(sections) > 10
    assert set(sections) == set(site.homes)


def test_the_drawings_are_what_the_script_draws() -> None:
    """Else: python docs/drawings.py. And what they name stands in the text beside them."""
    drawings = module("drawings")
    for name, picture in drawings.drawings().items():
        assert (TREE / "docs" / "images" / name).read_text("utf-8") == picture
    text = (TREE / "docs" / "architecture.md").read_text("utf-8")
    names = [word for _, _, _, code in drawings.HOPS for word in code.replace("═▶", "→").split(" → ")]
    assert not [name for name in names if f"[`{name.strip()}" not in text]
