
# What the package bash-completion has, for shells without it.
if ! declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
    # Sets cur, prev, words and cword; what is in the characters after -n does not end
    # a word.
    _get_comp_words_by_ref()
    {
        local keep="" i word joined=""
        [[ $1 == -n ]] && keep=$2
        words=() cword=0
        for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
            word=${COMP_WORDS[i]}
            if ((${#words[@]} > 0)) && [[ -n $joined || ( -n $word && -z ${word//[$keep]/} ) ]] && __orch_adjoins "$i"; then
                words[${#words[@]}-1]+=$word
            else
                words+=("$word")
            fi
            joined=""
            [[ -n $word && -z ${word//[$keep]/} ]] && joined=1
            ((i == COMP_CWORD)) && cword=$((${#words[@]} - 1))
        done
        cur=${words[cword]}
        prev=""
        ((cword > 0)) && prev=${words[cword-1]}
        return 0
    }

    # Says whether no blank is in front of a word on the line.
    __orch_adjoins()
    {
        local i rest=$COMP_LINE
        for ((i = 0; i <= $1; i++)); do
            if ((i == $1)); then
                [[ $rest != [[:blank:]]* ]]
                return
            fi
            rest=${rest#"${rest%%[![:blank:]]*}"}
            rest=${rest#"${COMP_WORDS[i]}"}
        done
    }
fi
if ! declare -F __ltrim_colon_completions >/dev/null 2>&1; then
    __ltrim_colon_completions() { __orch_ltrim : "$1"; }
fi

# Takes off what bash has already in front of a character that ends a word.
__orch_ltrim()
{
    [[ $2 == *"$1"* && $COMP_WORDBREAKS == *"$1"* ]] || return 0
    local prefix=${2%"${2##*"$1"}"} i
    for ((i = 0; i < ${#COMPREPLY[@]}; i++)); do
        COMPREPLY[i]=${COMPREPLY[i]#"$prefix"}
    done
}

__orch_start()
{
    __start_orch
    local cur prev words cword
    _get_comp_words_by_ref -n =: cur prev words cword
    [[ $cur == -*=* ]] && cur=${cur#*=}
    __orch_ltrim = "$cur"
}
if [[ $(type -t compopt) = "builtin" ]]; then
    complete -o default -F __orch_start orch
else
    complete -o default -o nospace -F __orch_start orch
fi
