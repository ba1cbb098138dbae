"""`vfslint explain`: the pages of rules, or the causes of messages, for one domain if it is given."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TextIO

from vfslint.cli.help import WIDTH, rule_words
from vfslint.config.profile import Resolver
from vfslint.engine import Engine
from vfslint.explain.answers import answers
from vfslint.explain.page import write_json, write_text
from vfslint.files import open_input
from vfslint.findings import Finding
from vfslint.rule_page import named, write_manual
from vfslint.rules import RULES
from vfslint.sources import read_source
from vfslint.terminal import Codes, width
from vfslint.usage import UsageError, did_you_mean

# Of a longer log, the end has the reason.
MAXIMUM_LOG = 1_000_000


def explain(options: SimpleNamespace, stdin: TextIO, stdout: TextIO) -> None:
    """Write the pages of the rules that the operands name, or what is known about the messages in them."""
    operands = options.operands
    rules = named(" ".join(operands).split())
    if rules:
        if getattr(options, "for"):
            raise UsageError("--for requires a message; the pages of rules are the same for every domain")
        write_manual(stdout, rules, options.format, width(stdout, WIDTH), options.hyperlinks)
        return
    text = _text(operands, stdin)
    found = answers(text)
    if len(found) == 1 and len(found[0].rules) == 1 and not (found[0].symptoms or found[0].is_guess):
        write_manual(stdout, found[0].rules, options.format, width(stdout, WIDTH), options.hyperlinks)
        return
    is_word = len(text.split()) < 2
    if not any(answer.symptoms or (answer.rules and not (answer.is_guess and is_word)) for answer in found):
        raise UsageError(_unknown(text))
    if options.format == "markdown":
        raise UsageError("--format markdown requires rules; the causes of a message are text or json")
    findings = _findings(options)
    if options.format == "json":
        write_json(stdout, found, findings)
    else:
        write_text(stdout, found, findings, width(stdout, WIDTH), Codes(stdout, options.hyperlinks))


def _text(operands: list[str], stdin: TextIO) -> str:
    """Return the messages: the operands, or what a file or standard input contains."""
    if operands == ["-"]:
        return stdin.read()[-MAXIMUM_LOG:]
    if len(operands) == 1 and os.path.isfile(operands[0]):
        try:
            with open_input(operands[0]) as file:
                file.seek(max(os.path.getsize(operands[0]) - MAXIMUM_LOG, 0))
                return file.read(MAXIMUM_LOG).decode("utf-8", "replace")
        except OSError as error:
            raise UsageError(f"cannot read {operands[0]}: {error.strerror or error}") from None
    return " ".join(operands)


def _unknown(text: str) -> str:
    shown = text.strip()
    meant = did_you_mean(shown, rule_words()) or "; run vfslint rules for a list of all rules"
    return f"no rule or message matches {shown[:80] + '…' if len(shown) > 80 else shown!r}{meant}"


def _findings(options: SimpleNamespace) -> list[Finding] | None:
    """Return what is found in the domain of --for; None without this option."""
    path = getattr(options, "for")
    if path is None:
        return None
    resolver = Resolver(options)
    context = resolver.context(resolver.configurations.of(path))
    return list(Engine(RULES, context).check_xml(read_source(path)).findings)
