"""A domain with one finding that has a fix, and the domain without it."""

from __future__ import annotations

UNUSED = "<!-- vfslint: ignore[mount-tag-too-long] not any more -->"

DOMAIN = f"""\
<domain type='kvm'>
  <name>example</name>
  <memory unit='GiB'>2</memory>
  <vcpu>8</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
  <devices>
    {UNUSED}
    <filesystem type='mount'>
      <driver type='virtiofs'/>
      <source dir='/srv'/>
      <target dir='data'/>
    </filesystem>
  </devices>
</domain>
"""
FIXED = DOMAIN.replace(f"    {UNUSED}\n", "")
