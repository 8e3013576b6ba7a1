# bash completion for pwh                                  -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
# What can stand where the cursor is, pwh itself says (pwh __complete): it has the one list of options.

_pwh() {
    local program=${COMP_WORDS[0]/#\~\//$HOME/} rest=${COMP_LINE:0:COMP_POINT}
    local -a words=() answer=()
    local word i
    COMPREPLY=()

    # bash splits words at = and : too; put together what no space divides.
    rest=${rest#*"${COMP_WORDS[0]}"}
    for ((i = 1; i <= COMP_CWORD; i++)); do
        local glued=no
        [[ $rest == [[:space:]]* || $i -eq 1 ]] || glued=yes
        rest=${rest#"${rest%%[![:space:]]*}"}
        word=${COMP_WORDS[i]}
        ((i < COMP_CWORD)) || word=$rest
        rest=${rest#"$word"}
        if [[ $glued == yes ]]; then
            words[-1]+=$word
        else
            words+=("$word")
        fi
    done

    mapfile -t answer < <("$program" __complete "${words[@]}" 2>/dev/null)
    local current=${words[-1]} value=${words[-1]}
    [[ $value == --*=* ]] && value=${value#*=}
    case ${answer[0]-} in
        files | folders)
            local kind=-f
            [[ ${answer[0]} == folders ]] && kind=-d
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen "$kind" -- "$value")
            ;;
        command\ *)
            local first=${answer[0]#command }
            if declare -F _command_offset >/dev/null; then
                _command_offset $((COMP_CWORD - ${#words[@]} + first + 1))
            elif ((${#words[@]} == first + 1)); then
                mapfile -t COMPREPLY < <(compgen -c -- "$value")
            else
                compopt -o filenames
                mapfile -t COMPREPLY < <(compgen -f -- "$value")
            fi
            ;;
        values)
            # What stands before the last = or : of the word stays as it is.
            local kept=''
            [[ $value == *:* && $COMP_WORDBREAKS == *:* ]] && kept=${value%"${value##*:}"}
            [[ $current != "$value" && $COMP_WORDBREAKS != *=* ]] && local front=${current%"$value"}
            for word in "${answer[@]:1}"; do
                word=${word%%$'\t'*}
                [[ $word == "$value"* ]] || continue
                printf -v word %q "${word#"$kept"}"
                COMPREPLY+=("${front-}$word")
            done
            ;;
    esac
}

complete -F _pwh pwh
