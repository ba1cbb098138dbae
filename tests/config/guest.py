"""A domain with one finding, which configurations change, and what is found in it."""

from __future__ import annotations

import re

from tests.command import vfslint

LONG = "the-shared-directory-of-the-build-farm"
DOMAIN = f"""\
<domain type='kvm'>
  <name>example</name>
  <memory unit='GiB'>2</memory>
  <vcpu>8</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
  <devices>
    <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='{LONG}'/></filesystem>
  </devices>
</domain>
"""


def found(*argv: str, stdin: str = "") -> list[str]:
    """The severity and code of each finding."""
    _, out, err = vfslint("--format", "concise", *argv, stdin=stdin)
    assert err == ""
    return re.findall(r"(\w+\[\w+\])", out)


FAULTY = ["error[VFS216]"]
