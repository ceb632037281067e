# offered.zsh FOLDER LINE: what zsh offers for a command line, with the completion functions of FOLDER on its fpath.
# One match a line, then a tab and the text that is shown for it.
if [[ $1 == --inside ]]; then
  PROMPT=
  stty -echo -onlcr cols 1000 rows 200 # nothing is cut to the width of the terminal
  fpath=($2 $fpath)
  autoload -Uz compinit
  compinit -D -u
  bindkey '^I' complete-word
  compadd() {
    # Calls that only compute are no offers.
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
    local -a hits shown
    local i at=${@[(i)-d]}
    if (( at <= $# )); then
      if [[ ${@[at+1]} == \(* ]]; then eval "shown=${@[at+1]}"; else shown=("${(@P)@[at+1]}"); fi
    fi
    builtin compadd -A hits -D shown "$@"
    for (( i = 1; i <= $#hits; i++ )); do print -r -- "$hits[i]"$'\t'"$shown[i]"; done
    builtin compadd "$@"
  }
  begin() { print __BEGIN__ }
  finish() { print __DONE__; exit }
  compprefuncs=(begin)
  comppostfuncs=(finish)
  print __READY__
  return
fi
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "source ${(q)0:A} --inside ${(q)1}"
zpty -r z out '*__READY__*'
zpty -w -n z "$2"$'\t'
zpty -r z out '*__DONE__*'
print -r -- "${${out##*__BEGIN__}%%__DONE__*}"
