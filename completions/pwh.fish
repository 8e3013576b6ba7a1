# fish completion for pwh
# SPDX-License-Identifier: Apache-2.0
# What can stand where the cursor is, pwh itself says (pwh __complete): it has the one list of options.

function __pwh_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer ($words[1] __complete $words[2..] "$current" 2>/dev/null)
    set -l front (string match -r -- '^--[^=]*=' $current)
    set -l value (string replace -r -- '^--[^=]*=' '' $current)
    switch "$answer[1]"
        case files
            string replace -r -- '^' "$front" (__fish_complete_path "$value")
        case folders
            string replace -r -- '^' "$front" (__fish_complete_directories "$value")
        case 'command *'
            set -l first (math (string replace 'command ' '' -- $answer[1]) + 2)
            complete -C (string join ' ' -- (string escape -- $words[$first..]) "$current")
        case values
            string replace -r -- '^' "$front" $answer[2..]
    end
end

complete -c pwh -f -k -a '(__pwh_complete)'
