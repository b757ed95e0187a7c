# Completion of confjob in fish 3.4 or later, as `confjob completion fish` prints it.

function __confjob_completion
    set -lx COMP_WORDS (commandline -opc | string collect)
    set -lx COMP_CWORD (commandline -ct | string collect)
    set -lx _CONFJOB_COMPLETE fish_complete
    for line in (confjob 2>/dev/null </dev/null)
        set -l parts (string split -m 1 , -- $line)
        switch $parts[1]
            case plain
                printf '%s\n' $parts[2]
            case file
                __fish_complete_path (commandline -ct)
            case dir
                __fish_complete_directories (commandline -ct)
        end
    end
end

complete --no-files --keep-order --command confjob --arguments '(__confjob_completion)'
