# fish completion of vfslint: vfslint completion fish | source
# $notice

function __vfslint_first
    test (count (commandline -opc)) -eq 1
end

function __vfslint_is -d "Whether the command line is one of this command"
    set -l words (commandline -opc)
    set -l command lint
    if set -q words[2]; and contains -- $$words[2] $commands
        set command $$words[2]
    end
    test $$command = $$argv[1]
end

function __vfslint_value -d "The word before the cursor, without an option before it"
    commandline -ct | string replace -r -- '^--[^=]*=' ''
end

function __vfslint_rule_list
    string match -ra -- '\S+' '
$rules
    '
end

function __vfslint_rules
    set -l before (string match -r -- '^.*,' (__vfslint_value))
    printf '%s\n' "$$before"(__vfslint_rule_list)
end

function __vfslint_formats
    set -l given (string split -m 1 = -- (__vfslint_value))
    if set -q given[2]
        set -l paths $$given[2]*
        for path in $$paths
            test -d $$path; and set path $$path/
            printf '%s=%s\n' $$given[1] $$path
        end
    else
        printf '%s\n' $formats
    end
end

$lines
