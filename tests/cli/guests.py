"""Two domains for the command: a sound one, and one with a single finding."""

from __future__ import annotations

LONG = "the-shared-directory-of-the-build-farm"
SOUND = """\
<domain type='kvm'>
  <name>example</name>
  <memory unit='GiB'>2</memory>
  <vcpu>8</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
  <devices>
    <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>
  </devices>
</domain>
"""
FAULTY = SOUND.replace("data", LONG)
FINDING = f"error[VFS216] mount-tag-too-long: mount tag '{LONG}' is 38 bytes long, but the limit is 36\n"
