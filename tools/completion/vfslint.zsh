#compdef vfslint
# zsh completion of vfslint: source <(vfslint completion zsh), or a file _vfslint in a folder of $$fpath
# $notice

_vfslint_rules() {
  local -a rules
  rules=(
$rules
  )
  compset -P '*,'
  compadd -a rules
}

_vfslint_formats() {
  if compset -P '*='; then
    _files
  else
    compadd -- $formats
  fi
}

_vfslint_topics() {
  _vfslint_rules
  _files
}

_vfslint_paths() {
  local -a commands
  commands=(
$described
  )
  (( CURRENT == 2 )) && _describe command commands
  _files
}

_vfslint() {
  local command=lint
  local -a specs
  if (( CURRENT > 2 )) && [[ " $commands " == *" $$words[2] "* ]]; then
    command=$$words[2]
    shift words
    (( CURRENT-- ))
  fi
  case $$command in
$specs
  esac
  _arguments -s -S $$specs
}

if [[ $$funcstack[1] == _vfslint ]]; then
  _vfslint "$$@"
else
  compdef _vfslint vfslint
fi
