"""Completion scripts for shells, made from the table of options and the rules."""

from __future__ import annotations

from vfslint.cli.help import description, rule_words, words
from vfslint.cli.options import COMMANDS, FILES, LINT, SHELLS


def script(shell: str) -> str:
    """Return the script for a shell."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]()


def _bash() -> str:
    cases = []
    for option in LINT.options:
        if words(option):
            reply = f'COMPREPLY=($(compgen -W "{" ".join(words(option))}" -- "$cur"))'
        elif option.has_value:
            is_file = option.completion == FILES
            reply = 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))' if is_file else ":"
        else:
            continue
        cases.append(f"    {'|'.join(option.flags)}) {reply}; return ;;")
    flags = " ".join(flag for option in LINT.options for flag in option.flags)
    return _BASH.format(
        cases="\n".join(cases),
        flags=flags,
        rules=" ".join(rule_words()),
        shells=" ".join(SHELLS),
        commands=" ".join(COMMANDS),
    )


_BASH = """\
# bash completion of vfslint: source <(vfslint completion bash)
_vfslint() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
  COMPREPLY=()
  if [[ $COMP_CWORD -gt 1 ]]; then
    case ${{COMP_WORDS[1]}} in
      explain) COMPREPLY=($(compgen -W "{rules}" -- "$cur")); return ;;
      completion) COMPREPLY=($(compgen -W "{shells}" -- "$cur")); return ;;
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
    for option in LINT.options:
        if words(option):
            value = f":value:({' '.join(words(option))})"
        elif option.has_value:
            value = ":file:_files" if option.completion == FILES else ":value:"
        else:
            value = ""
        specs += [f"    {_quoted(f'{flag}[{_zsh_text(description(option))}]{value}')}" for flag in option.flags]
    commands = " ".join(_quoted(f"{one.name}:{one.summary}") for one in COMMANDS.values())
    return _ZSH.format(
        specs=" \\\n".join(specs), commands=commands, rules=" ".join(rule_words()), shells=" ".join(SHELLS)
    )


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
      completion) compadd -- {shells}; return ;;
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
    lines += [f"complete -c vfslint -n {first} -a {one.name} -d {_fish_text(one.summary)}" for one in COMMANDS.values()]
    for name, values in (("explain", rule_words()), ("completion", SHELLS)):
        listed = _quoted(" ".join(values))
        lines.append(f"complete -c vfslint -f -n '__fish_seen_subcommand_from {name}' -a {listed}")
    for option in LINT.options:
        flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
        value = f" -x -a {_quoted(' '.join(words(option)))}" if words(option) else ""
        if not value and option.has_value:
            value = " -r" if option.completion == FILES else " -x"
        lines.append(f"complete -c vfslint {flags}{value} -d {_fish_text(description(option))}")
    return "\n".join(lines) + "\n"


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
