"""The editors read every line of the concise format with what docs/editors.md says, and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.command import vfslint
from tests.paths import ROOT
from tools.doc_commands import blocks

PAGE = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
FILES = {block.title: block.body for block in blocks(PAGE) if block.title}

FAULTY = (ROOT / "examples" / "faulty" / "mapped-access.xml").read_text()
WARNED = (ROOT / "examples" / "sound" / "memfd.xml").read_text()
WARNED = WARNED.replace("</name>", "</name><unknown/>")
OTHER = "<foo/>\n"


class Seen(NamedTuple):
    file: str
    line: int
    column: int
    severity: str
    text: str


@pytest.fixture
def printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The report about files with errors, warnings and notes, one of which has an unusual name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my größe: guest.xml").write_text(FAULTY)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "warned.xml").write_text(WARNED)
    (tmp_path / "other.xml").write_text(OTHER)
    out = vfslint("--isolated", "--format=concise", "my größe: guest.xml", "sub/warned.xml", "other.xml")[1]
    (tmp_path / "printed").write_text(f"vfslint: cannot read gone.xml: No such file or directory\n{out}")
    return out


def expected(printed: str) -> list[Seen]:
    """What the report is about, read independently of the format."""
    names = ("my größe: guest.xml", "sub/warned.xml", "other.xml")
    report = json.loads(vfslint("--isolated", "--format=json", *names)[1])
    return [
        Seen(
            finding["file"],
            finding["start"]["line"],
            finding["start"]["column"],
            finding["severity"],
            f"{finding['name']}: {finding['message']}",
        )
        for finding in report["findings"]
    ]


def test_the_report_has_each_severity(printed: str) -> None:
    assert {seen.severity for seen in expected(printed)} == {"error", "warning", "note"}
    assert len(expected(printed)) == len(printed.splitlines())


def test_visual_studio_code(printed: str) -> None:
    [task] = json.loads(FILES["tasks.json"])["tasks"]
    pattern = task["problemMatcher"]["pattern"]
    seen = []
    for line in Path("printed").read_text().splitlines():
        found = re.match(pattern["regexp"], line)
        if found:
            seen.append(
                Seen(
                    found[pattern["file"]],
                    int(found[pattern["line"]]),
                    int(found[pattern["column"]]),
                    found[pattern["severity"]],
                    found[pattern["message"]],
                )
            )
            assert re.fullmatch(r"VFS\d{3}", found[pattern["code"]])
    assert seen == expected(printed)
    assert vfslint(*task["args"], "--isolated")[0] == 1


def run(*command: str, **environment: str) -> None:
    subprocess.run(command, check=True, timeout=120, env={**os.environ, **environment}, stdin=subprocess.DEVNULL)


def has_quickfix() -> bool:
    vim = shutil.which("vim")
    listed = subprocess.run([vim, "--version"], capture_output=True, text=True, check=False).stdout if vim else ""
    return "+quickfix" in listed and "+eval" in listed


@pytest.mark.skipif(not has_quickfix(), reason="a Vim with +quickfix and +eval is not installed")
def test_vim(printed: str, tmp_path: Path) -> None:
    (tmp_path / "compiler").mkdir()
    (tmp_path / "compiler" / "vfslint.vim").write_text(FILES["compiler/vfslint.vim"])
    entry = "{'file': bufname(v:val.bufnr), 'entry': v:val}"
    (tmp_path / "script.vim").write_text(
        f"set encoding=utf-8\nset runtimepath^={tmp_path}\ncompiler vfslint\ncgetfile printed\n"
        f"call writefile([json_encode(map(filter(getqflist(), 'v:val.valid'), \"{entry}\"))], 'seen')\n"
        "call writefile([&makeprg], 'makeprg')\nqall!\n"
    )
    run("vim", "-N", "-u", "NONE", "-i", "NONE", "-n", "-es", "-S", "script.vim", LC_ALL="C.UTF-8")
    severities = {"e": "error", "w": "warning", "n": "note"}
    read: list[dict[str, Any]] = json.loads((tmp_path / "seen").read_text())
    seen = [
        Seen(
            each["file"],
            each["entry"]["lnum"],
            each["entry"]["col"],
            severities[each["entry"]["type"].lower()],
            each["entry"]["text"].split("] ", 1)[1],
        )
        for each in read
    ]
    assert seen == expected(printed)
    assert (tmp_path / "makeprg").read_text() == "vfslint --format=concise\n"


def emacs(folder: Path, program: str) -> Any:
    """Return what an Emacs program with the snippet writes, as JSON, to the file `seen`."""
    if not shutil.which("emacs"):
        pytest.skip("emacs is not installed")
    (folder / "vfslint.el").write_text(FILES["vfslint.el"])
    (folder / "bin").mkdir()
    command = folder / "bin" / "vfslint"
    command.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m vfslint --isolated \"$@\"\n")
    command.chmod(0o755)
    (folder / "program.el").write_text(f"(require 'json)\n{program}\n")
    paths = os.pathsep.join((str(command.parent), os.environ["PATH"]))
    run("emacs", "-Q", "--batch", "-L", str(folder), "-l", "vfslint", "-l", "program.el", PATH=paths, LC_ALL="C.UTF-8")
    return json.loads((folder / "seen").read_text())


def test_emacs_compilation(printed: str, tmp_path: Path) -> None:
    """`next-error` goes from finding to finding."""
    seen = emacs(
        tmp_path,
        """
        (let ((output (get-buffer-create "*compilation*"))
              (compilation-skip-threshold 0)
              (folder default-directory)
              (seen nil))
          (with-current-buffer output
            (insert-file-contents "printed")
            (compilation-mode)
            (compilation--ensure-parse (point-max)))
          (setq next-error-last-buffer output)
          (while (ignore-errors (next-error) t)
            (set-buffer (window-buffer))
            (push (vector (file-relative-name buffer-file-name folder)
                          (line-number-at-pos)
                          (1+ (- (point) (line-beginning-position)))
                          (with-current-buffer output
                            (compilation--message->type (get-text-property (point) 'compilation-message))))
                  seen))
          (with-temp-file "seen" (insert (json-encode (vconcat (nreverse seen))))))
        """,
    )
    types = {2: "error", 1: "warning", 0: "note"}
    read = [(file, line, column, types[kind]) for file, line, column, kind in seen]
    assert read == [(each.file, each.line, each.column, each.severity) for each in expected(printed)]


def test_emacs_flymake(printed: str, tmp_path: Path) -> None:
    seen = emacs(
        tmp_path,
        """
        (find-file "my größe: guest.xml")
        (let (done)
          (vfslint-flymake
           (lambda (found)
             (setq done t)
             (with-temp-file "seen"
               (insert
                (json-encode
                 (vconcat
                  (mapcar (lambda (each)
                           (with-current-buffer (flymake-diagnostic-buffer each)
                             (vector (line-number-at-pos (flymake-diagnostic-beg each))
                                   (flymake-diagnostic-type each)
                                   (flymake-diagnostic-text each))))
                         found)))))))
          (while (not done) (accept-process-output nil 1)))
        """,
    )
    about = [each for each in expected(printed) if each.file.startswith("my")]
    assert [(line, kind) for line, kind, _ in seen] == [(each.line, each.severity) for each in about]
    for (_, _, text), each in zip(seen, about, strict=True):
        assert text.endswith(each.text)
        assert re.match(r"error\[VFS\d{3}\] ", text)


def test_emacs_reads_no_warning_in_the_snippet(tmp_path: Path) -> None:
    """The byte compiler knows every function and variable that it uses."""
    if not shutil.which("emacs"):
        pytest.skip("emacs is not installed")
    (tmp_path / "vfslint.el").write_text(FILES["vfslint.el"])
    fails = "(setq byte-compile-error-on-warn t)"
    run("emacs", "-Q", "--batch", "--eval", fails, "-f", "batch-byte-compile", str(tmp_path / "vfslint.el"))
