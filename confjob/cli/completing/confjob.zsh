#compdef confjob
# Completion of confjob in zsh, as `confjob completion zsh` prints it. It may be sourced
# after compinit, or lie as `_confjob` in a folder of $fpath.

_confjob() {
    local program=${(Q)words[1]} type value shown
    local -a reply ends_texts ends_shown open_texts open_shown
    program=${program/#\~\//$HOME/}
    (( $+commands[$program] )) || [[ -x $program ]] || program=confjob
    reply=("${(@f)$(COMP_WORDS="${(pj:\n:)${(@Q)words[1,CURRENT-1]}}" COMP_CWORD="$PREFIX" \
        COLUMNS=$COLUMNS _CONFJOB_COMPLETE=zsh_complete $program 2>/dev/null </dev/null)}")
    for type value shown in "${reply[@]}"; do
        case $type in
            (plain) ends_texts+=("$value"); ends_shown+=("$shown") ;;
            (open) open_texts+=("$value"); open_shown+=("$shown") ;;
            (file) _files ;;
            (dir) _files -/ ;;
        esac
    done
    (( $#ends_texts )) && compadd -U -l -V confjob -d ends_shown -a ends_texts
    (( $#open_texts )) && compadd -U -S '' -l -V confjob -d open_shown -a open_texts
    (( $#ends_texts + $#open_texts ))
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _confjob "$@"
else
    compdef _confjob confjob
fi
