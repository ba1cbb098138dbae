"""Domains of hypervisors other than QEMU, as their drivers print them or their users write them: nothing to report."""

import pytest

from vfslint.api import lint_bytes
from vfslint.targets import contemporary, version

DOMAINS = {
    "xen-pv": """<domain type='xen'><name>pv</name><memory unit='MiB'>512</memory><vcpu>1</vcpu>
  <bootloader>/usr/bin/pygrub</bootloader><bootloader_args>--quiet</bootloader_args>
  <os><type arch='x86_64' machine='xenpv'>linux</type></os>
  <clock offset='utc' adjustment='reset'/>
  <devices>
    <emulator>/usr/lib/xen/bin/qemu-system-i386</emulator>
    <disk type='block' device='disk'><driver name='phy'/><source dev='/dev/vg/pv'/><target dev='xvda' bus='xen'/></disk>
    <interface type='bridge'><source bridge='xenbr0'/><script path='vif-bridge'/></interface>
    <console type='pty'><target type='xen' port='0'/></console>
    <input type='mouse' bus='xen'/><graphics type='vnc'/>
  </devices></domain>""",
    "xen-hvm": """<domain type='xen'><name>hvm</name><memory unit='MiB'>512</memory><vcpu>2</vcpu>
  <os><type arch='x86_64' machine='xenfv'>hvm</type><loader type='rom'>/usr/lib/xen/boot/hvmloader</loader>
    <boot dev='hd'/></os>
  <features><acpi/><apic/><pae/><viridian/></features>
  <devices>
    <emulator>/usr/lib/xen/bin/qemu-system-i386</emulator>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/srv/a.qcow2'/>
      <target dev='hda' bus='ide'/></disk>
    <interface type='bridge'><source bridge='xenbr0'/><model type='netfront'/></interface>
    <hostdev mode='subsystem' type='pci' managed='yes'><driver name='xen'/>
      <source><address domain='0x0000' bus='0x01' slot='0x10' function='0x1'/></source></hostdev>
    <memballoon model='xen'/>
  </devices></domain>""",
    "lxc": """<domain type='lxc' xmlns:lxc='http://libvirt.org/schemas/domain/lxc/1.0'><name>container</name>
  <memory unit='MiB'>256</memory><vcpu>1</vcpu>
  <os><type arch='x86_64'>exe</type><init>/sbin/init</init><initarg>--x</initarg><inituser>tester</inituser></os>
  <idmap><uid start='0' target='1000' count='10'/><gid start='0' target='1000' count='10'/></idmap>
  <features><privnet/><capabilities policy='default'><mknod state='on'/></capabilities></features>
  <devices>
    <emulator>/usr/libexec/libvirt_lxc</emulator>
    <filesystem type='mount'><source dir='/srv/rootfs'/><target dir='/'/></filesystem>
    <filesystem type='ram'><source usage='65536'/><target dir='/run'/></filesystem>
    <interface type='network'><source network='default'/><guest dev='eth0'/></interface>
    <console type='pty'/>
    <hostdev mode='capabilities' type='misc'><source><char>/dev/net/tun</char></source></hostdev>
  </devices>
  <lxc:namespace><lxc:sharenet type='netns' value='red'/></lxc:namespace></domain>""",
    "bhyve": """<domain type='bhyve'><name>bhyve</name><memory unit='MiB'>512</memory><vcpu>1</vcpu>
  <os><type>hvm</type></os>
  <devices>
    <emulator>bhyve</emulator>
    <disk type='file' device='disk'><driver name='file' type='raw'/><source file='/srv/freebsd.img'/>
      <target dev='sda' bus='sata'/></disk>
    <interface type='bridge'><source bridge='virbr0'/><model type='virtio'/></interface>
    <serial type='nmdm'><source master='/dev/nmdm0A' slave='/dev/nmdm0B'/></serial>
  </devices></domain>""",
    "vmware": """<domain type='vmware'><name>vmware</name><memory unit='MiB'>512</memory><vcpu>1</vcpu>
  <os><type arch='x86_64'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'><source file='[datastore] directory/Fedora11.vmdk'/>
      <target dev='sda' bus='scsi'/><address type='drive' controller='0' bus='0' target='0' unit='0'/></disk>
    <controller type='scsi' index='0' model='lsilogic'/>
    <interface type='bridge'><mac address='00:50:56:91:48:c7'/><source bridge='VM Network'/><model type='e1000'/>
    </interface>
    <video><model type='vmvga' vram='4096'/></video>
  </devices></domain>""",
    "vz": """<domain type='vz'><name>vz</name><memory unit='MiB'>512</memory><vcpu>2</vcpu>
  <os><type arch='x86_64'>hvm</type><boot dev='hd'/></os>
  <devices>
    <disk type='file' device='disk'><driver type='ploop' cache='writeback'/><source file='/vz/hdd'/>
      <target bus='sata' dev='sda'/></disk>
    <video><model type='vga' vram='32768'/></video>
    <graphics type='vnc' port='-1' autoport='yes'/>
  </devices></domain>""",
    "hyperv": """<domain type='hyperv'><name>win</name><memory unit='MiB'>512</memory><vcpu>1</vcpu>
  <os><type arch='x86_64'>hvm</type></os></domain>""",
    "cloud-hypervisor": """<domain type='kvm'><name>ch</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
  <os><type>hvm</type><kernel>/srv/hypervisor-fw</kernel></os>
  <devices>
    <emulator>/usr/local/bin/cloud-hypervisor-static</emulator>
    <disk type='file' device='disk'><source file='/srv/focal.raw'/><target dev='vda' bus='virtio'/></disk>
    <disk type='file' device='disk'><source file='/srv/seed.raw'/><target dev='hda' bus='ide'/></disk>
    <controller type='pci' index='0' model='pcie-root'/>
    <serial type='pty'/><video><model type='none'/></video>
  </devices></domain>""",
    "test": """<domain type='test'><name>test</name><memory>8192</memory><os><type>hvm</type></os></domain>""",
}


@pytest.mark.parametrize("release", ["7.0.0", "9.0.0", "11.3.0", "12.8.0"])
@pytest.mark.parametrize("name", DOMAINS)
def test_a_domain_of_another_hypervisor_is_fine(name: str, release: str) -> None:
    found = lint_bytes(DOMAINS[name].encode(), target=contemporary(version(release)))
    assert [finding.message for finding in found] == []


def test_a_real_mistake_in_one_is_reported() -> None:
    assert [found.code for found in lint_bytes(DOMAINS["bhyve"].replace("<os>", "<os><bogus/>").encode())] == ["VFS010"]


def test_the_old_name_of_vz_is_refused_by_the_schema_only() -> None:
    found = lint_bytes(DOMAINS["vz"].replace("'vz'", "'parallels'").encode())
    assert [(finding.code, finding.stage.value) for finding in found] == [("VFS012", "schema")]
