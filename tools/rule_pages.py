"""Makes the page of each rule on the site from its docstring, with the output of vfslint for its examples."""

from __future__ import annotations

import io
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests import hosts
from tests.examples import DATA, document, is_conf
from tools.doc_commands import at_home
from vfslint.cli.main import main
from vfslint.host.load import dump
from vfslint.manual import Example
from vfslint.rule import Rule
from vfslint.rules import RULES

GROUPS = {
    "0": "The document, its structure, the domain",
    "1": "Memory, NUMA and huge pages",
    "2": "Filesystems and other devices",
    "3": "virtiofsd and its options",
    "4": "An external virtiofsd",
    "5": "qemu.conf",
    "6": "The host",
    "7": "Releases and hypervisors",
    "8": "Several domains together",
    "9": "What libvirt's QEMU driver checks of other devices, processors and features",
}
SURFACES = {
    "parse": "`virsh define` rejects it, because libvirt cannot parse the domain",
    "schema": "a plain `virsh define` accepts it; `virsh define --validate` and `virsh edit` reject it",
    "define": "`virsh define` rejects it",
    "start": "`virsh start` fails",
    "guest": "the domain starts, but fails or misbehaves in the guest",
    "never": "libvirt never reports it",
}


def file_of(rule: Rule) -> str:
    """Return the name of a rule's page, from the folder of rules."""
    return f"{rule.code}.md"


def page(rule: Rule) -> str:
    """Return a rule's page."""
    manual = rule.manual
    parts = [
        f"# {rule.code} {rule.name}",
        manual.summary,
        f"**{rule.severity.word.capitalize()}** · stage [{rule.stage.value}](../findings.md#stages): "
        f"{SURFACES[rule.stage.value]}.",
        f"**Why:** {manual.why}",
    ]
    for example in manual.bad:
        parts += _bad(rule, example)
    for example in manual.good:
        parts += [*_circumstances("Good", example), _fenced(example)]
    if manual.libvirt_says:
        said = "\n".join(manual.libvirt_says)
        parts.append(f"## What libvirt says\n\n```text\n{said}\n```")
    if manual.fix:
        parts.append(f"**Fix:** {manual.fix}")
        parts += [_fenced(Example(manual.fixed, ""))] if manual.fixed else []
    parts.append(f"**See:** {manual.see}")
    return "\n\n".join(parts) + "\n"


def _bad(rule: Rule, example: Example) -> Iterator[str]:
    shown = Demonstration(example)
    yield from _circumstances("Bad", example)
    yield _fenced(example)
    yield f"```console\n$ {shown.command}\n{shown.output}```"
    if shown.diff:
        yield f"What `{shown.fix}` changes:\n\n```diff\n{shown.diff}```"
    if shown.text.strip() != example.text.strip():
        body = f"```xml\n{shown.text.rstrip()}\n```"
        yield f'??? note "The complete {shown.file}"\n\n' + re.sub(r"^(?=.)", "    ", body, flags=re.MULTILINE)


def _circumstances(title: str, example: Example) -> Iterator[str]:
    """Yield the heading of an example, and the facts or the qemu.conf that it needs."""
    given, _, conf = example.given.partition("qemu.conf:")
    words = [word.strip() for word in given.split(",") if word.strip()]
    host = next((word.split()[1] for word in words if word.startswith("host ")), None)
    words = ["on a host" if word.startswith("host ") else word for word in words]
    words += ["with a qemu.conf"] if conf else []
    listed = f" ({', '.join(words)})" if words else ""
    yield f"## {title}{listed}"
    if host:
        yield f"The facts of the host that matter here:\n\n```json\n{_facts(host, example.text)}\n```"
    if conf:
        yield f"Its qemu.conf:\n\n```ini\n{conf.strip()}\n```"


def _facts(host: str, text: str) -> str:
    """Return the facts of a host that an example needs: what is special about the host, and the example's paths."""
    facts = {
        "paths": {path: kind for path, kind in hosts.BARE["paths"].items() if f"'{path}'" in text} or None,
        "virtiofsd": [known for known in hosts.BARE["virtiofsd"] if f"'{known['path']}'" in text] or None,
        **hosts.NAMED[host],
    }
    lines = [f'  "{name}": {_listed(value)}' for name, value in facts.items() if value is not None]
    return "{\n" + ",\n".join(lines) + "\n}"


def _listed(value: object) -> str:
    """Return a fact as JSON, with one line per entry if there are several."""
    if isinstance(value, list) and len(value) > 1:
        return "[\n    " + ",\n    ".join(map(json.dumps, value)) + "\n  ]"
    return json.dumps(value)


def _fenced(example: Example) -> str:
    language = "ini" if is_conf(example.text) else "xml"
    return f"```{language}\n{example.text}\n```"


class Demonstration:
    """The output of the command for an example, in a folder with the files that the example needs."""

    def __init__(self, example: Example) -> None:
        self.text = document(example.text).decode()
        self.file = "qemu.conf" if is_conf(example.text) else "guest.xml"
        with tempfile.TemporaryDirectory() as folder, at_home(Path(folder)):
            options = list(_options(example.given))
            Path(self.file).write_text(self.text, encoding="utf-8", newline="\n")
            self.command = " ".join(["vfslint", *options, self.file])
            self.output = _printed([*options, self.file])
            self.fix = self.diff = ""
            for fix in ("--fix", "--unsafe-fixes"):
                diff = _printed([*options, fix, "--diff", "--quiet", self.file])
                if diff and not self.diff:
                    self.fix, self.diff = fix, diff


def _options(given: str) -> Iterator[str]:
    """Yield the options for the circumstances of an example; write the files that they name."""
    given, _, conf = given.partition("qemu.conf:")
    for words in (piece.split() for piece in given.split(",") if piece.strip()):
        if words[0] == "session":
            yield "--session"
        elif words[0] == "libvirt-schema":
            Path("schemas").mkdir()
            shutil.copy(DATA / "libvirt-schema" / "domain.rng", "schemas")
            yield "--libvirt-schema=schemas"
        elif words[0] == "host":
            facts = dump(hosts.host(words[1]))
            Path("host.json").write_text(json.dumps(facts), encoding="utf-8")
            yield "--host-facts=host.json"
        else:
            yield f"--{words[0]}={words[1]}"
    if conf:
        Path("the").mkdir()
        Path("the/qemu.conf").write_text(conf.strip(), encoding="utf-8")
        yield "--qemu-conf=the/qemu.conf"


def _printed(arguments: list[str]) -> str:
    out = io.StringIO()
    main(["--isolated", *arguments], io.StringIO(), out, out)
    return out.getvalue()


def index(rules: Iterable[Rule] = RULES) -> str:
    """Return the page that lists every rule."""
    rules = list(rules)
    parts = [
        "# Rules",
        f"There are {len(rules)} rules. `vfslint rules` lists them, `vfslint explain CODE` prints one page. "
        "A rule can be given by its code or its name, and several rules by a prefix of their codes: `VFS2`.",
    ]
    for digit, title in GROUPS.items():
        selected = [rule for rule in rules if rule.code[3] == digit]
        if not selected:
            continue
        parts.append(f"## {digit}xx · {title}")
        lines = ["| code | name | severity | what must hold |", "|---|---|---|---|"]
        for rule in selected:
            summary = rule.manual.summary.replace("|", "\\|")
            link = f"[{rule.code}]({file_of(rule)})"
            lines.append(f"| {link} | `{rule.name}` | {rule.severity.word} | {summary} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def messages(rules: Iterable[Rule] = RULES) -> str:
    """Return the page that maps the messages of libvirt, QEMU and virtiofsd to rules."""
    said: dict[str, list[str]] = {}
    for rule in rules:
        for message in rule.manual.libvirt_says:
            said.setdefault(message, []).append(f"[{rule.code} {rule.name}](rules/{file_of(rule)})")
    lines = ["| message | rule |", "|---|---|"]
    for message in sorted(said, key=lambda message: message.strip("'").lower()):
        shown = message.replace("|", "\\|")
        lines.append(f"| `{shown}` | {'<br>'.join(said[message])} |")
    return (
        "# Messages\n\nThe messages of libvirt, QEMU and virtiofsd, and the rules that report the mistake first. "
        '`vfslint explain "MESSAGE"` finds the rule for a message as it was printed, including its values.\n\n'
        + "\n".join(lines)
        + "\n"
    )


def navigation(rules: Iterable[Rule] = RULES) -> list[object]:
    """Return the navigation below `Rules`: the list, then a section for each hundred."""
    entries: list[object] = ["rules/index.md"]
    for digit, title in GROUPS.items():
        pages = [{f"{rule.code} {rule.name}": f"rules/{file_of(rule)}"} for rule in rules if rule.code[3] == digit]
        if pages:
            entries.append({title: pages})
    return entries
