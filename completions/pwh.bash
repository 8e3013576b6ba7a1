# bash completion for pwh                                  -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
# What can stand where the cursor is, pwh itself says (pwh __complete): it has the one list of options.

# bash splits words at = and : too. Puts together, in `words`, what no space divides, and in `starts` where in
# COMP_WORDS each begins.
_pwh_words() {
    local rest=${COMP_LINE:0:COMP_POINT} word i glued
    rest=${rest#*"${COMP_WORDS[0]}"}
    for ((i = 1; i <= COMP_CWORD; i++)); do
        glued=no
        [[ $rest == [[:space:]]* || $i -eq 1 ]] || glued=yes
        rest=${rest#"${rest%%[![:space:]]*}"}
        word=${COMP_WORDS[i]}
        ((i < COMP_CWORD)) || word=$rest
        rest=${rest#"$word"}
        if [[ $glued == yes ]]; then
            words[-1]+=$word
        else
            words+=("$word")
            starts+=("$i")
        fi
    done
}

# What stands before the last = or : of the word stays in the line as it is.
_pwh_values() {
    local value=$1 kept='' word
    shift
    [[ $value == *:* && $COMP_WORDBREAKS == *:* ]] && kept=${value%"${value##*:}"}
    for word in "$@"; do
        word=${word%%$'\t'*}
        [[ $word == "$value"* ]] || continue
        printf -v word %q "${word#"$kept"}"
        COMPREPLY+=("$word")
    done
}

_pwh() {
    local program=${COMP_WORDS[0]/#\~\//$HOME/} value first kind=-f
    local -a words=() starts=() answer=()
    COMPREPLY=()
    _pwh_words
    value=${words[-1]}
    [[ $value == --*=* ]] && value=${value#*=}
    mapfile -t answer < <("$program" __complete "${words[@]}" 2>/dev/null)
    # pwh sandbox -- pwh
    while [[ ${answer[0]-} == command\ * ]]; do
        first=${answer[0]#command }
        [[ ${words[first]-} == "${COMP_WORDS[0]}" ]] && ((${#words[@]} > first + 1)) || break
        words=("${words[@]:first+1}")
        mapfile -t answer < <("$program" __complete "${words[@]}" 2>/dev/null)
    done
    case ${answer[0]-} in
        files | folders)
            [[ ${answer[0]} == folders ]] && kind=-d
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen "$kind" -- "$value")
            ;;
        command\ *)
            if declare -F _command_offset >/dev/null; then
                _command_offset "${starts[first]}"
            elif ((${#words[@]} == first + 1)); then
                mapfile -t COMPREPLY < <(compgen -c -- "$value")
            else
                compopt -o filenames
                mapfile -t COMPREPLY < <(compgen -f -- "$value")
            fi
            ;;
        values) _pwh_values "$value" "${answer[@]:1}" ;;
    esac
}

complete -F _pwh pwh
