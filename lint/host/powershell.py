"""What `vfslint setup` prints for a Windows guest: PowerShell that mounts its shares with WinFsp.

The service VirtioFsSvc of virtio-win mounts one share. For several, WinFsp's launcher starts virtiofs.exe once for each
(virtio-win, guest tools, "Virtiofs: Shared file system").
"""

from __future__ import annotations

from collections.abc import Sequence

# Characters that need no escape between apostrophes. PowerShell takes typographic apostrophes for plain ones.
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 !#%&()*+,-./:;<=>?@[]^_{|}~")
_LETTERS = "ZYXWVUTSRQPONMLKJIHGFE"

_PREPARATION = """\
$ErrorActionPreference = 'Stop'
$WinFsp = "${env:ProgramFiles(x86)}\\WinFsp\\bin"
if (-not (Test-Path $WinFsp)) {
    winget install --id WinFsp.WinFsp --exact --silent --accept-package-agreements --accept-source-agreements
}
$Service = Get-CimInstance Win32_Service -Filter "Name = 'VirtioFsSvc'"
if (-not $Service) { throw 'Install virtio-win-guest-tools.exe from the ISO image of virtio-win first.' }"""

_ONE = """\
Set-Service VirtioFsSvc -StartupType Automatic
Start-Service VirtioFsSvc"""

_ONE_UNDONE = """\
Stop-Service VirtioFsSvc
Set-Service VirtioFsSvc -StartupType Manual"""

_SEVERAL = """\
# VirtioFsSvc would take one of the shares.
Stop-Service VirtioFsSvc
Set-Service VirtioFsSvc -StartupType Disabled
$Program = $Service.PathName.Trim('"')
& "$WinFsp\\fsreg.bat" virtiofs $Program '-t %1 -m %2'
$Launch = "$WinFsp\\launchctl-x64.exe"
"""

_SEVERAL_UNDONE = """\
& "$WinFsp\\fsreg.bat" -u virtiofs
Set-Service VirtioFsSvc -StartupType Automatic
Start-Service VirtioFsSvc"""

_TASK = "virtiofs shares"


def quoted(text: str) -> str:
    """Return a PowerShell expression for a text, in plain ASCII."""
    pieces: list[str] = []
    run = ""
    for sign in text:
        if sign in _PLAIN:
            run += sign
            continue
        if run:
            pieces.append(f"'{run}'")
            run = ""
        units = sign.encode("utf-16-be", "replace")
        pieces += [f"[char]0x{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2)]
    if run or not pieces:
        pieces.append(f"'{run}'")
    return pieces[0] if len(pieces) == 1 and pieces[0][0] == "'" else f"('' + {' + '.join(pieces)})"


def script(tags: Sequence[str], *, undo: bool) -> str:
    """Return the lines of PowerShell that mount the shares with these tags, or with `undo` that release them."""
    if len(tags) == 1:
        mounted = f"# The share {quoted(tags[0])} becomes drive Z:.\n{_ONE}"
        return "\n".join([_PREPARATION, _ONE_UNDONE if undo else mounted])
    started = [
        (f"virtiofs{number}", quoted(tag), f"{_LETTERS[number]}:") for number, tag in enumerate(tags[: len(_LETTERS)])
    ]
    if undo:
        lines = [f"& $Launch stop virtiofs {name}" for name, _, _ in started]
        lines.append(f"Unregister-ScheduledTask '{_TASK}' -Confirm:$false")
        return "\n".join([_PREPARATION, '$Launch = "$WinFsp\\launchctl-x64.exe"', *lines, _SEVERAL_UNDONE])
    lines = [_PREPARATION, _SEVERAL.rstrip(), "$Actions = @()"]
    for name, tag, drive in started:
        lines += [
            f"$Tag = {tag}",
            f"if (-not (Test-Path {drive})) {{ & $Launch start virtiofs {name} $Tag {drive} }}",
            f"$Arguments = 'start virtiofs {name} \"' + $Tag + '\" {drive}'",
            "$Actions += New-ScheduledTaskAction -Execute $Launch -Argument $Arguments",
        ]
    lines += [
        "# The launcher forgets them when Windows is restarted.",
        "$Start = New-ScheduledTaskTrigger -AtStartup",
        f"Register-ScheduledTask '{_TASK}' -Action $Actions -Trigger $Start -User SYSTEM -RunLevel Highest -Force",
    ]
    return "\n".join(lines)
