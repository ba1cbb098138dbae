"""POSIX sh for the scripts of `vfslint setup`: steps, words that no value can break out of, and functions.

The functions run in dash, bash and busybox. Each does what is not done yet and notes what it did in a folder, so that
the script can be run again, and `--undo` takes back this and nothing else.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

_PLAIN = re.compile(rb"[A-Za-z0-9_./ -]")


class Step(NamedTuple):
    """Commands, their purpose as a comment, and the commands that take them back, in the order to run them."""

    reason: str
    commands: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()


def quoted(text: str) -> str:
    """Return a word of a shell command. Text that is not printable is written as escaped bytes."""
    if text.isprintable():
        # shellcheck takes a $ between apostrophes for a mistake.
        return shlex.quote(text) if not re.search("[$`]", text) else '"' + re.sub(r'([\\$`"])', r"\\\1", text) + '"'
    encoded = "".join(
        chr(byte) if _PLAIN.match(bytes([byte])) else f"\\0{byte:03o}" for byte in text.encode(errors="replace")
    )
    return f"\"$(printf '%b' '{encoded}')\""


def note(kind: str, *values: str) -> str:
    """Return the name of the file that notes a step: the same for the same values."""
    return f"{kind}-{sha256(repr(values).encode()).hexdigest()[:12]}"


def functions_for(commands: Iterable[str]) -> list[str]:
    """Return the functions that these commands call, and those that these call, in the order to write them."""
    text = "\n".join(commands)
    needed: list[str] = []
    # A function calls only those above it.
    for name, body in reversed(_FUNCTIONS.items()):
        if re.search(rf"(?m)(?:^|[\s;&|(!]){name}(?:[\s;]|$)", text):
            needed.insert(0, body)
            text += "\n" + body.split("{", 1)[1]
    return needed


_FUNCTIONS = {
    "as_root": """\
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}""",
    "record": """\
# record NOTE TEXT
record() {
    mkdir -p -- "$notes"
    printf '%s\\n' "$2" > "$notes/$1"
}""",
    "forget": """\
# forget NOTE
forget() {
    rm -f -- "$notes/$1"
    rmdir -- "$notes" "${notes%/*}" 2> /dev/null || :
}""",
    "is_mounted_at": """\
# is_mounted_at POINT
is_mounted_at() {
    POINT=$1 awk '$2 == ENVIRON["POINT"] { found = 1 } END { exit !found }' /proc/mounts
}""",
    "has_share": """\
# has_share FIELD FILE: whether a table of mounts has the share of that tag, which is spelled as in fstab.
has_share() {
    FIELD=$1 awk '$1 == ENVIRON["FIELD"] && $3 == "virtiofs" { found = 1 } END { exit !found }' "$2"
}""",
    "is_listening": """\
# is_listening SOCKET
is_listening() {
    sed 's/^\\([^ ]* *\\)\\{7\\}//' /proc/net/unix | grep -qxF -e "$1"
}""",
    "find_daemon": """\
# find_daemon PATH...: sets daemon to the first program of these.
find_daemon() {
    for daemon in "$@"; do
        [ ! -x "$daemon" ] || return 0
    done
    return 1
}""",
    "install": """\
# install APT DNF ZYPPER PACMAN APK: a package, by its name for each package manager.
install() {
    if command -v apt-get > /dev/null; then as_root apt-get install -y "$1"
    elif command -v dnf > /dev/null; then as_root dnf install -y "$2"
    elif command -v zypper > /dev/null; then as_root zypper --non-interactive install "$3"
    elif command -v pacman > /dev/null; then as_root pacman -S --needed --noconfirm "$4"
    elif command -v apk > /dev/null; then as_root apk add "$5"
    else
        echo "install $1 with this system's package manager" >&2
        return 1
    fi
}""",
    "restart_libvirt": """\
restart_libvirt() {
    if command -v systemctl > /dev/null; then
        systemctl try-restart virtqemud.service libvirtd.service || echo "restart libvirt's daemon" >&2
    elif command -v rc-service > /dev/null; then
        rc-service --ifstarted libvirtd restart
    else
        echo "restart libvirt's daemon" >&2
    fi
}""",
    "take_directory": """\
# take_directory NOTE PATH
take_directory() {
    [ ! -d "$2" ] || return 0
    levels=0
    above=$2
    while [ ! -d "$above" ]; do
        levels=$((levels + 1))
        above=$(dirname -- "$above")
    done
    mkdir -p -- "$2"
    record "$1" "$levels"
}""",
    "free_directory": """\
# free_directory NOTE PATH: removes the folder and those that were made above it, as far as they are empty.
free_directory() {
    [ -e "$notes/$1" ] || return 0
    levels=$(cat -- "$notes/$1")
    path=$2
    while [ "$levels" -gt 0 ] && rmdir -- "$path"; do
        levels=$((levels - 1))
        path=$(dirname -- "$path")
    done
    forget "$1"
}""",
    "take_line": """\
# take_line NOTE LINE FILE: appends a line; a last line that is not ended yet is ended first.
take_line() {
    if [ -e "$3" ] && grep -qxF -e "$2" -- "$3"; then return 0; fi
    before=ended
    if [ ! -e "$3" ]; then
        before=missing
    elif [ -s "$3" ] && [ -n "$(tail -c 1 -- "$3")" ]; then
        before=open
        echo >> "$3"
    fi
    printf '%s\\n' "$2" >> "$3"
    record "$1" "$before"
}""",
    "free_line": """\
# free_line NOTE LINE FILE: removes the line; the file stays the same file.
free_line() {
    [ -e "$notes/$1" ] || return 0
    if [ -e "$3" ] && grep -qxF -e "$2" -- "$3"; then
        rest=$(mktemp)
        grep -vxF -e "$2" -- "$3" > "$rest" || :
        before=$(cat -- "$notes/$1")
        if [ "$before" = open ] && [ "$(tail -n 1 -- "$3")" = "$2" ]; then
            # The line end before it was added, too.
            printf '%s' "$(cat -- "$rest")" > "$3"
        elif [ "$before" = missing ] && [ ! -s "$rest" ]; then
            rm -f -- "$3"
        else
            cat -- "$rest" > "$3"
        fi
        rm -f -- "$rest"
    fi
    forget "$1"
}""",
    "pool_of": """\
# pool_of KIB NODE: sets total and free, the pages in the pool of the host, or of a NUMA node if that is not empty.
pool_of() {
    pool=/sys/kernel/mm/hugepages/hugepages-${1}kB
    [ -z "$2" ] || pool=/sys/devices/system/node/node$2/hugepages/hugepages-${1}kB
    total=0
    free=0
    reserved=0
    [ ! -e "$pool/nr_hugepages" ] || total=$(cat "$pool/nr_hugepages")
    [ ! -e "$pool/free_hugepages" ] || free=$(cat "$pool/free_hugepages")
    [ ! -e "$pool/resv_hugepages" ] || reserved=$(cat "$pool/resv_hugepages")
    free=$((free - reserved))
}""",
    "take_pages": """\
# take_pages NOTE KIB SIZE NODE NEEDED: allocates the pages that are missing. virsh allocpages sets the size of the
# whole pool, so that the pages that are there are counted in.
take_pages() {
    pool_of "$2" "$4"
    boot=$(cat /proc/sys/kernel/random/boot_id)
    taken=0
    if [ -e "$notes/$1" ]; then
        read -r taken then_total then_boot < "$notes/$1"
        [ "$then_boot" = "$boot" ] || taken=0
        # If the pool is still the same, the guest for which its pages were taken is running.
        if [ "$taken" -gt 0 ] && [ "$total" -eq "$then_total" ]; then return 0; fi
    fi
    missing=$(($5 - free))
    [ "$missing" -gt 0 ] || return 0
    set -- "$@" "$((total + missing))"
    if [ -n "$4" ]; then
        as_root virsh allocpages "$3" "$6" --cellno "$4"
    else
        as_root virsh allocpages "$3" "$6"
    fi
    record "$1" "$((taken + missing)) $6 $boot"
}""",
    "free_pages": """\
# free_pages NOTE KIB SIZE NODE: returns the pages that were taken since the host was booted, if they are not in use.
free_pages() {
    [ -e "$notes/$1" ] || return 0
    read -r taken _ then_boot < "$notes/$1"
    pool_of "$2" "$4"
    [ "$taken" -le "$free" ] || taken=$free
    if [ "$taken" -gt 0 ] && [ "$then_boot" = "$(cat /proc/sys/kernel/random/boot_id)" ]; then
        if [ -n "$4" ]; then
            as_root virsh allocpages "$3" "$((total - taken))" --cellno "$4"
        else
            as_root virsh allocpages "$3" "$((total - taken))"
        fi
    fi
    forget "$1"
}""",
    "take_hugetlbfs": """\
# take_hugetlbfs NOTE SIZE FOLDER: mounts huge pages.
take_hugetlbfs() {
    as_root mkdir -p "$3"
    as_root mount -t hugetlbfs -o "pagesize=$2" hugetlbfs "$3"
    record "$1" mounted
}""",
    "take_share": """\
# take_share NOTE FIELD TAG FOLDER MODE: mounts a share, unless it is mounted somewhere, or the folder is in use.
take_share() {
    if has_share "$2" /proc/mounts || is_mounted_at "$4"; then return 0; fi
    mount -t virtiofs -o "$5" -- "$3" "$4"
    record "$1" mounted
}""",
    "free_mount": """\
# free_mount NOTE FOLDER
free_mount() {
    [ -e "$notes/$1" ] || return 0
    ! is_mounted_at "$2" || as_root umount -- "$2"
    forget "$1"
}""",
    "take_fstab": """\
# take_fstab NOTE FIELD LINE: appends a line to /etc/fstab, unless the share has one.
take_fstab() {
    if [ -e /etc/fstab ] && has_share "$2" /etc/fstab; then return 0; fi
    take_line "$1" "$3" /etc/fstab
}""",
    "take_unit": """\
# take_unit NOTE NAME LINE...: writes a unit of systemd and starts it, unless there is one of that name.
take_unit() {
    [ ! -e "/etc/systemd/system/$2" ] || return 0
    taken=$1
    unit=$2
    shift 2
    printf '%s\\n' "$@" > "/etc/systemd/system/$unit"
    record "$taken" written
    systemctl daemon-reload
    systemctl enable --now -- "$unit"
}""",
    "free_unit": """\
# free_unit NOTE NAME
free_unit() {
    [ -e "$notes/$1" ] || return 0
    systemctl disable --now -- "$2"
    rm -f -- "/etc/systemd/system/$2"
    systemctl daemon-reload
    forget "$1"
}""",
    "take_socket": """\
# take_socket NOTE SOCKET COMMAND...: starts a daemon, unless one listens on the socket.
take_socket() {
    ! is_listening "$2" || return 0
    taken=$1
    shift 2
    "$@" &
    record "$taken" "$!"
}""",
    "free_socket": """\
# free_socket NOTE SOCKET: ends the daemon, if it still is the one with that socket.
free_socket() {
    [ -e "$notes/$1" ] || return 0
    pid=$(cat -- "$notes/$1")
    if tr '\\0' '\\n' < "/proc/$pid/cmdline" 2> /dev/null | grep -qxF -e "--socket-path=$2"; then
        kill "$pid"
        rm -f -- "$2" "$2.pid"
    fi
    forget "$1"
}""",
}
