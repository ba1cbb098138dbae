"""Makes the documentation: `python -m tools.make_docs` builds the site in strict mode, into site/.

The site has the pages in docs/ and generated ones: one for each rule, from its docstring, the Python interface,
CONTRIBUTING and the changelog. They are assembled in build/site, because Zensical has no hooks.

--refresh       rewrite the generated tables inside docs/*.md
--pages-only    assemble the pages without building the site
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import vfslint
from tools import rule_pages
from tools.doc_tables import refreshed
from vfslint.rules import RULES

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
BUILD = ROOT / "build" / "site"

# Where files that CONTRIBUTING.md and CHANGELOG.md link to are on the site.
_MOVED = {"docs/": "", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changes.md"}


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name and text of every generated page."""
    for rule in RULES:
        yield f"rules/{rule_pages.file_of(rule)}", rule_pages.page(rule)
    yield "rules/index.md", rule_pages.index()
    yield "messages.md", rule_pages.messages()
    for page in ("coverage.md", "libvirt-checks.md"):
        yield page, linked((DOCS / page).read_text(encoding="utf-8"))
    yield "api.md", interface()
    yield "contributing.md", moved((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    yield "changes.md", moved((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))


def moved(page: str) -> str:
    """Return a page from the root of the repository, with its links adapted to the site."""

    def link(found: re.Match[str]) -> str:
        target = found[1]
        for before, after in _MOVED.items():
            target = target.replace(before, after)
        return f"]({target})"

    return re.sub(r"\]\((?!http)([^)]+)\)", link, page)


def linked(page: str) -> str:
    """Return a page with each code linked to its rule."""
    return re.sub(r"(?<!\[)\b(VFS\d{3})\b(?!\])", r"[\1](rules/\1.md)", page)


def interface() -> str:
    """Return the page of the Python interface, from docs/api.md and the docstrings."""
    parts = [(DOCS / "api.md").read_text(encoding="utf-8").rstrip()]
    for name in vfslint.__all__:
        if name.startswith("_"):
            continue
        thing = getattr(vfslint, name)
        parts += [f"## {name}", *_described(name, thing)]
    return "\n\n".join(parts) + "\n"


def _described(name: str, thing: Any) -> Iterator[str]:
    yield f"```python\n{_declared(name, thing)}\n```"
    yield inspect.getdoc(thing) or ""
    for member, value in vars(thing).items() if isinstance(thing, type) else ():
        if isinstance(value, property) and not member.startswith("_"):
            yield f"`.{member}`: {inspect.getdoc(value)}"


def _declared(name: str, thing: Any) -> str:
    if inspect.isfunction(thing):
        return f"{name}{_spelled(inspect.signature(thing))}"
    if issubclass(thing, Enum):
        members = (f"    {member.name} = {member.value!r}" for member in thing)
    else:
        members = (f"    {field}: {_kind(kind)}" for field, kind in inspect.get_annotations(thing).items())
    base = "NamedTuple" if issubclass(thing, tuple) else thing.__bases__[0].__name__
    return "\n".join([f"class {name}({base}):", *members])


def _spelled(signature: inspect.Signature) -> str:
    text = re.sub(r"'([\w.| \[\]]+)'", r"\1", str(signature))
    return re.sub(r"= Target\(.*?\)\)", "= NEWEST", text)


def _kind(kind: object) -> str:
    return getattr(kind, "__forward_arg__", None) or str(kind)


def assemble(build: Path = BUILD) -> Path:
    """Assemble the pages and the configuration for Zensical in a folder; return the configuration's path."""
    import yaml

    shutil.rmtree(build, ignore_errors=True)
    shutil.copytree(DOCS, build / "docs")
    for name, text in pages():
        path = build / "docs" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    configuration = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    for entry in configuration["nav"]:
        if "Rules" in entry:
            entry["Rules"] = rule_pages.navigation()
    made = build / "mkdocs.yml"
    made.write_text(yaml.safe_dump(configuration, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return made


def build() -> int:
    """Build the site in strict mode; return Zensical's exit status."""
    if importlib.util.find_spec("zensical") is None:
        sys.exit("make_docs requires Zensical, which requires Python 3.11 or newer: python3 dev.py docs")
    made = assemble()
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "--config-file", str(made)]
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    if not status:
        shutil.rmtree(ROOT / "site", ignore_errors=True)
        shutil.move(made.parent / "site", ROOT / "site")
    return status


def refresh() -> None:
    """Rewrite the generated tables inside the pages of docs/."""
    for path in sorted(DOCS.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        fresh = refreshed(page)
        if fresh != page:
            path.write_text(fresh, encoding="utf-8", newline="\n")


def main(arguments: list[str]) -> int:
    """Run the task that the options select."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--refresh", action="store_true")
    parser.add_argument("--pages-only", action="store_true")
    options = parser.parse_args(arguments)
    if options.refresh:
        refresh()
        return 0
    if options.pages_only:
        assemble()
        return 0
    return build()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
