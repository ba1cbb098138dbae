"""Real shells in a terminal: what is in the command line after some keys were pressed."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# How each shell starts without the user's files, and what makes Control-X 9 write its command line to a file.
START = {
    "bash": (
        ["bash", "--noprofile", "--norc", "-i"],
        r"""bind -x '"\C-x9": printf "%s\n" "$READLINE_LINE" > line.new; mv line.new line'""",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        "autoload -Uz compinit; compinit -u -D; "
        "save() { print -r -- $BUFFER > line.new; mv line.new line }; zle -N save; bindkey '^X9' save",
    ),
    "fish": (
        ["fish", "--no-config", "-i"],
        r"""bind \cx9 'commandline > line.new; mv line.new line'""",
    ),
}
# A slow machine needs seconds until a shell has started; a shell that never answers must not block the tests.
SECONDS = 60


class Shell:
    """An interactive shell with a completion script."""

    def __init__(self, name: str, script: Path, terminal: int) -> None:
        self.name = name
        self.terminal = terminal
        self._run(START[name][1])
        self._run(f"source {script}")

    def completed(self, typed: str) -> str:
        """Return the command line after typing this and the Tab key."""
        line = self._after(f"{typed}\t")
        self._send("\x15")  # Control-U clears the line
        return line

    def _run(self, command: str) -> None:
        self._send(f"{command}; : > ready\r")
        self._wait_for("ready")

    def _after(self, keys: str) -> str:
        self._send(f"{keys}\x189")
        self._wait_for("line")
        return self._text.rstrip("\n")

    def _send(self, keys: str) -> None:
        os.write(self.terminal, keys.encode())

    def _wait_for(self, file: str) -> None:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            # A terminal whose output nobody reads blocks the shell.
            if select.select([self.terminal], [], [], 0.02)[0]:
                os.read(self.terminal, 65536)
            if Path(file).exists():
                self._text = Path(file).read_text()
                Path(file).unlink()
                return
        pytest.fail(f"{self.name} has not written {file}")


@contextmanager
def started(name: str, script: Path) -> Iterator[Shell]:
    """Start a shell in the current folder; skips the test if it is not installed."""
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update(TERM="xterm", HOME=os.getcwd(), PS1="> ", XDG_DATA_HOME=os.getcwd())
        os.execvp(START[name][0][0], START[name][0])
    try:
        yield Shell(name, script, terminal)
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(terminal)
