# bash completion of vfslint: source <(vfslint completion bash)
# $notice

# Each function adds what begins like $$value to COMPREPLY. $$before is the part of bash's own word that precedes it.

_vfslint_words() {
  local word
  while IFS= read -r word; do
    COMPREPLY+=("$$before$$word")
  done < <(compgen -W "$$1" -- "$$value")
}

_vfslint_files() {
  local file
  # readline completes these as file names: it quotes them, and adds a slash to a folder.
  compopt -o filenames 2>/dev/null
  # An open quote is not part of the name.
  while IFS= read -r file; do
    COMPREPLY+=("$$before$$file")
  done < <(compgen -f -- "$${value#[\"\']}")
}

_vfslint_rules() {
  if [[ $$value == *,* ]]; then
    before+=$${value%,*},
    value=$${value##*,}
  fi
  _vfslint_words '
$rules
  '
}

_vfslint_formats() {
  if [[ $$value != *=* ]]; then
    _vfslint_words '$formats'
    return
  fi
  [[ $$COMP_WORDBREAKS == *=* ]] || before+=$${value%%=*}=
  value=$${value#*=}
  _vfslint_files
}

_vfslint() {
  local command=lint flags= option= value before= word line=() i
  COMPREPLY=()
  # By default, bash splits words at "=".
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=$${COMP_WORDS[i]}
    if ((i > 1)) && [[ $$word == =* || ($${COMP_WORDS[i - 1]} == *= && $${line[$${#line[@]} - 1]} == *=) ]]; then
      line[$${#line[@]} - 1]+=$$word
    else
      line+=("$$word")
    fi
  done
  value=$${line[$${#line[@]} - 1]}
  ((i = $${#line[@]} - 1))
  case " $commands " in
    *" $${line[0]} "*) ((i > 0)) && command=$${line[0]} ;;
  esac
  case $$command in
$flags
  esac
  if [[ $$value == --*=* ]]; then
    option=$${value%%=*}
    [[ $$COMP_WORDBREAKS == *=* ]] || before=$$option=
    value=$${value#*=}
  elif ((i > 0)); then
    option=$${line[i - 1]}
  fi
  if [[ $$option == --* && $$option != *=* ]]; then
    case $$command:$$option in
$values
      *) option= ;;
    esac
    [[ $$option ]] && return
  fi
  if [[ $$value == -* ]]; then
    _vfslint_words "$$flags"
    return
  fi
  case $$command in
    lint)
      ((i == 0)) && _vfslint_words '$commands'
      _vfslint_files
      ;;
$operands
  esac
}

complete -F _vfslint vfslint
