# Completion of confjob in bash 4.4 or later, as `confjob completion bash` prints it.
# `:` and `=` break words in bash, so the line is handed over as it is typed, and what
# comes back is the part behind the last break, quoted, with the space that belongs to it.

_confjob_completion() {
    local program reply line
    COMPREPLY=()
    program=$(type -P -- "$1") || program=confjob
    reply=$(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_BREAKS="$COMP_WORDBREAKS" \
        _CONFJOB_COMPLETE=bash_complete "$program" 2>/dev/null </dev/null)
    while IFS= read -r line; do
        case $line in
            plain,*) COMPREPLY+=("${line#plain,}") ;;
            file,*) compopt +o nospace -o default ;;
            dir,*) compopt +o nospace -o dirnames ;;
        esac
    done <<<"$reply"
}

complete -o nospace -o nosort -F _confjob_completion confjob
