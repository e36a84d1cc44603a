# Installs Debian packages that are missing. Sourced by the tools; it starts no service and stops none.
#
# Each argument is COMMAND-OR-FILE=PACKAGE: the package is wanted when the command isn't found.

# A program in sbin counts as there, although an ordinary user's PATH doesn't name it.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

install_missing() {
    local wanted=() pair name
    for pair in "$@"; do
        name="${pair%%=*}"
        if [[ "$name" == /* ]]; then
            [[ -e "$name" ]] || wanted+=("${pair#*=}")
        else
            command -v "$name" >/dev/null || wanted+=("${pair#*=}")
        fi
    done
    ((${#wanted[@]})) || return 0
    if [[ "$(id -u)" -ne 0 ]]; then
        echo "Missing, and only root can install it: apt-get install ${wanted[*]}" >&2
        return 1
    fi
    echo "Installing ${wanted[*]}" >&2
    _without_starting_services apt-get update -qq
    _without_starting_services apt-get install -y -qq --no-install-recommends "${wanted[@]}"
}

# Debian starts a service as soon as its package is installed, unless this policy says no.
_without_starting_services() {
    local policy=/usr/sbin/policy-rc.d code=0 ours=no
    if [[ ! -e "$policy" ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        ours=yes
    fi
    DEBIAN_FRONTEND=noninteractive "$@" </dev/null >&2 || code=$?
    [[ "$ours" == no ]] || rm -f "$policy"
    return "$code"
}
