"""Completion scripts for shells, made from the parser and the rules."""

from __future__ import annotations

from argparse import Action
from collections.abc import Callable, Iterator
from typing import NamedTuple

from vfslint.cli.parser import COMMANDS, lint_parser
from vfslint.report import FORMATS
from vfslint.rules import RULES
from vfslint.targets import NAMED


class Option(NamedTuple):
    """One option: its spellings, what it is for, the words it takes, and whether it takes a file."""

    flags: tuple[str, ...]
    help: str
    words: tuple[str, ...]
    takes_file: bool
    takes_value: bool


def _rule_words() -> tuple[str, ...]:
    return tuple(word for rule in RULES for word in (rule.code, rule.name))


def options() -> Iterator[Option]:
    """Yield every option of the command that lints."""
    for action in lint_parser()._actions:
        if action.option_strings:
            words = _words(action)
            yield Option(
                tuple(action.option_strings),
                action.help or "",
                words,
                action.metavar == "FILE",
                action.nargs != 0,
            )


def _words(action: Action) -> tuple[str, ...]:
    special: dict[str, Callable[[], tuple[str, ...]]] = {
        "select": _rule_words,
        "ignore": _rule_words,
        "target": lambda: tuple(NAMED),
        "format": lambda: tuple(FORMATS),
    }
    if action.dest in special:
        return special[action.dest]()
    return tuple(action.choices or ())


def script(shell: str) -> str:
    """Return the script for a shell."""
    return SHELLS[shell]()


def _bash() -> str:
    cases = []
    for option in options():
        if option.words:
            reply = f'COMPREPLY=($(compgen -W "{" ".join(option.words)}" -- "$cur"))'
        elif option.takes_value:
            reply = 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))' if option.takes_file else ":"
        else:
            continue
        cases.append(f"    {'|'.join(option.flags)}) {reply}; return ;;")
    flags = " ".join(flag for option in options() for flag in option.flags)
    return _BASH.format(
        cases="\n".join(cases),
        flags=flags,
        rules=" ".join(_rule_words()),
        commands=" ".join(name for name, _, _ in COMMANDS),
    )


_BASH = """\
# bash completion of vfslint: source <(vfslint completion bash)
_vfslint() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
  COMPREPLY=()
  if [[ $COMP_CWORD -gt 1 ]]; then
    case ${{COMP_WORDS[1]}} in
      explain) COMPREPLY=($(compgen -W "{rules}" -- "$cur")); return ;;
      completion) COMPREPLY=($(compgen -W "bash zsh fish" -- "$cur")); return ;;
    esac
  fi
  case $prev in
{cases}
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "{flags}" -- "$cur"))
    return
  fi
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen -f -- "$cur"))
  [[ $COMP_CWORD -eq 1 ]] && COMPREPLY+=($(compgen -W "{commands}" -- "$cur"))
}}
complete -F _vfslint vfslint
"""


def _zsh() -> str:
    specs = []
    for option in options():
        if option.words:
            value = f":value:({' '.join(option.words)})"
        elif option.takes_value:
            value = ":file:_files" if option.takes_file else ":value:"
        else:
            value = ""
        specs += [f"    {_quoted(f'{flag}[{_zsh_text(option.help)}]{value}')}" for flag in option.flags]
    commands = " ".join(_quoted(f"{name}:{about}") for name, _, about in COMMANDS)
    return _ZSH.format(specs=" \\\n".join(specs), commands=commands, rules=" ".join(_rule_words()))


def _zsh_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


_ZSH = """\
#compdef vfslint
# zsh completion of vfslint: source <(vfslint completion zsh)
_vfslint_paths() {{
  local -a commands
  commands=({commands})
  (( CURRENT == 2 )) && _describe command commands
  _files
}}
_vfslint() {{
  if (( CURRENT > 2 )); then
    case $words[2] in
      explain) compadd -- {rules}; return ;;
      completion) compadd -- bash zsh fish; return ;;
    esac
  fi
  _arguments -S \\
{specs} \\
    '*:path:_vfslint_paths'
}}
compdef _vfslint vfslint
"""


def _fish() -> str:
    lines = ["# fish completion of vfslint: vfslint completion fish | source"]
    first = "__fish_use_subcommand"
    lines += [f"complete -c vfslint -n {first} -a {name} -d {_fish_text(about)}" for name, _, about in COMMANDS]
    rules = " ".join(_rule_words())
    lines.append(f"complete -c vfslint -f -n '__fish_seen_subcommand_from explain' -a {_quoted(rules)}")
    shells = "'bash zsh fish'"
    lines.append(f"complete -c vfslint -f -n '__fish_seen_subcommand_from completion' -a {shells}")
    for option in options():
        flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
        values = f" -x -a {_quoted(' '.join(option.words))}" if option.words else ""
        if not values and option.takes_value:
            values = " -r" if option.takes_file else " -x"
        lines.append(f"complete -c vfslint {flags}{values} -d {_fish_text(option.help)}")
    return "\n".join(lines) + "\n"


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS: dict[str, Callable[[], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
