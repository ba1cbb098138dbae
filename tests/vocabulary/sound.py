"""A domain with nothing wrong in it, and what can be put into its place."""

import copy
import random

from lxml import etree

from vfslint.vocabulary.check import suspects

NEWEST = (12, 8, 0)

SHARE = """
<filesystem type='mount' accessmode='passthrough'>
  <driver type='virtiofs' queue='1024'/>
  <binary path='/usr/libexec/virtiofsd' xattr='on'>
    <cache mode='always'/>
    <sandbox mode='namespace'/>
    <lock posix='on' flock='off'/>
    <thread_pool size='16'/>
    <openfiles max='4096'/>
  </binary>
  <source dir='/srv/data'/>
  <target dir='data'/>
  <idmap><uid start='0' target='1000' count='10'/><gid start='0' target='1000' count='10'/></idmap>
  <readonly/>
  <boot order='1'/>
  <alias name='ua-data'/>
  <address type='pci' domain='0x0000' bus='0x00' slot='0x1d' function='0x0'/>
</filesystem>"""

SOUND = f"""
<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web</name>
  <uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>
  <metadata><app:note xmlns:app='http://example.org/app' any='thing'>free<inner/></app:note></metadata>
  <memory unit='GiB'>2</memory>
  <maxMemory slots='16' unit='GiB'>8</maxMemory>
  <memoryBacking>
    <hugepages><page size='2' unit='M' nodeset='0'/></hugepages>
    <source type='memfd'/>
    <access mode='shared'/>
    <allocation mode='immediate' threads='4'/>
  </memoryBacking>
  <vcpu placement='static'>4</vcpu>
  <cpu mode='host-passthrough' check='none'>
    <topology sockets='1' dies='1' cores='4' threads='1'/>
    <numa><cell id='0' cpus='0-3' memory='2' unit='GiB' memAccess='shared'/></numa>
  </cpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/><hyperv mode='custom'><relaxed state='on'/></hyperv></features>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>{SHARE}
    <interface type='vhostuser'>
      <source type='unix' path='/run/switch.sock' mode='client'/>
      <model type='virtio'/>
    </interface>
    <disk type='vhostuser' device='disk'>
      <driver name='qemu' type='raw'/>
      <source type='unix' path='/run/disk.sock'><reconnect enabled='yes' timeout='10'/></source>
      <target dev='vda' bus='virtio'/>
    </disk>
    <memory model='virtio-mem' access='shared'>
      <target dynamicMemslots='yes'>
        <size unit='GiB'>2</size><node>0</node>
        <block unit='MiB'>2</block><requested unit='GiB'>1</requested>
      </target>
    </memory>
    <memballoon model='virtio' freePageReporting='on'/>
  </devices>
  <qemu:commandline><qemu:arg value='-s'/></qemu:commandline>
</domain>"""


def parse(text):
    return etree.fromstring(text, etree.XMLParser(resolve_entities=False))


def domain(old="", new=""):
    assert old in SOUND
    return parse(SOUND.replace(old, new, 1))


def mutated(seed):
    """A sound domain with one or two things done to it."""
    chance = random.Random(seed)
    root = domain()
    for _ in range(chance.choice((1, 1, 2))):
        elements = [e for e in root.iter(etree.Element) if e.getparent() is not None]
        element = chance.choice(elements)
        deed = chance.randrange(6)
        if deed == 0:
            element.getparent().remove(element)
        elif deed == 1:
            element.addnext(copy.deepcopy(element))
        elif deed == 2:
            element.tag = chance.choice(("bogus", "Source", "memory", "cache", "targett", "a"))
        elif deed == 3:
            element.set(
                chance.choice(("type", "mode", "bogus", "dir", "unit")),
                chance.choice(("", "x", "1", "/x", " on ")),
            )
        elif deed == 4:
            element.text = chance.choice(("", " ", "x", "1", "/x"))
        else:
            chance.choice(elements).append(copy.deepcopy(element))
    return root


def fits(root, release):
    """Whether the pass finds nothing that needs to be explained."""
    return suspects(root, release) == []
