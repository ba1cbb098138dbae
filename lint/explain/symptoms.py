"""The messages that people see when a share does not work, with their likely causes, the most likely one first.

One message can have many causes, and one cause many messages. What a rule's manual quotes as libvirt's message is not
repeated here unless it has more causes than the rule. Sources: the starts of tests/data/starts.jsonl and
host-starts.jsonl, the sources of virtiofsd 1.13 and of QEMU's hw/virtio/vhost-user.c, and what users reported.
"""

from __future__ import annotations

from typing import NamedTuple

DAEMON_LOG = "sudo tail -n 50 /var/log/libvirt/qemu/NAME-fs0-virtiofsd.log"


class Cause(NamedTuple):
    """One reason for a message: what is wrong, what to look at, commands that decide, and the rules that report it."""

    what: str
    look: str
    commands: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


class Symptom(NamedTuple):
    """A message: a pattern for it, who prints it and when, what it means, and its causes."""

    pattern: str
    who: str
    meaning: str
    causes: tuple[Cause, ...]


NOT_SHARED = Cause(
    "the guest's memory is private, so another process cannot map it",
    "<memoryBacking>: it needs <access mode='shared'/>, or every NUMA cell memAccess='shared'",
    ("virsh dumpxml NAME | grep -A5 memoryBacking",),
    ("VFS101",),
)
NO_DAEMON = Cause(
    "no virtiofsd is installed, or its description is not where libvirt looks",
    "the JSON files in the vhost-user folders; a <binary path='…'/> makes libvirt independent of them",
    ("ls /usr/share/qemu/vhost-user /etc/qemu/vhost-user", "command -v virtiofsd /usr/libexec/virtiofsd"),
    ("VFS606", "VFS309"),
)
DAEMON_OPTION = Cause(
    "this virtiofsd does not know an option that the share sets",
    "its log, which ends with the option; <lock>, <sandbox>, <thread_pool>, <openfiles> and <readonly/> depend on "
    "its version",
    (DAEMON_LOG, "/usr/libexec/virtiofsd --version"),
    ("VFS302", "VFS607", "VFS222"),
)
DAEMON_SOURCE = Cause(
    "virtiofsd cannot use the directory: it is a file, a symbolic link, or '/' with the namespace sandbox",
    "the directory of the share on the host",
    ("stat -c '%F %N' /THE/DIRECTORY",),
    ("VFS601", "VFS602", "VFS213"),
)
DAEMON_SANDBOX = Cause(
    "virtiofsd cannot set up its sandbox",
    "its log; in a container or as an ordinary user, only <sandbox mode='namespace'/> with user namespaces works",
    (DAEMON_LOG, "sysctl user.max_user_namespaces kernel.unprivileged_userns_clone"),
    ("VFS308",),
)
DAEMON_IDMAP = Cause(
    "the id map cannot be set: virtiofsd runs as root, or the range is outside of /etc/subuid and /etc/subgid",
    "<idmap>, and the ranges of the user that starts the guest",
    ('grep "^$USER:" /etc/subuid /etc/subgid', "command -v newuidmap newgidmap"),
    ("VFS321", "VFS609", "VFS320", "VFS324"),
)
DAEMON_BINARY = Cause(
    "<binary path> is not a virtiofsd: a directory, a wrapper that loses its arguments, or another program",
    'the path in <binary>; a wrapper must end with exec virtiofsd "$@"',
    ("/THE/BINARY --print-capabilities",),
    ("VFS605", "VFS608", "VFS301"),
)
DAEMON_CONFINED = Cause(
    "AppArmor or SELinux does not allow virtiofsd to run, or to use the directory or the socket",
    "the denials in the host's log",
    ("sudo journalctl -k -g 'apparmor=\"DENIED\"'", "sudo ausearch -m avc -ts recent"),
)
DAEMON_FILES = Cause(
    "virtiofsd may not open as many files as it wants",
    "its log, and <openfiles max='…'/> in <binary>, from libvirt 10.6.0",
    (DAEMON_LOG, "sysctl fs.nr_open"),
    ("VFS306",),
)
SOCKET_NOT_SERVED = Cause(
    "no external virtiofsd listens on <source socket='…'/>: it was not started, or it ended with the last guest",
    "the process and its socket; it serves one guest, and exits when that guest stops",
    ("pgrep -a virtiofsd", "ss -xl | grep THE-SOCKET"),
    ("VFS603", "VFS604"),
)
SOCKET_PATH = Cause(
    "the path of the socket is not the one that the daemon was started with, is relative, or is longer than 107 bytes",
    "<source socket='…'/> and the daemon's --socket-path",
    ("pgrep -a virtiofsd",),
    ("VFS603", "VFS403", "VFS404"),
)
SOCKET_TWICE = Cause(
    "another device or guest already uses this socket; a virtiofsd serves only one",
    "every domain with this socket",
    ("grep -l THE-SOCKET /etc/libvirt/qemu/*.xml",),
    ("VFS406", "VFS801"),
)
SOCKET_FORBIDDEN = Cause(
    "QEMU's user may not connect to the socket",
    "owner and mode of the socket and of the folders above it; user and group in qemu.conf",
    ("namei -l THE-SOCKET", "grep -E '^(user|group)' /etc/libvirt/qemu.conf"),
)
FEW_PAGES = Cause(
    "the host has too few free huge pages of this size",
    "the pool; virsh allocpages sets its absolute size",
    ("grep -i huge /proc/meminfo", "virsh freepages --all"),
    ("VFS610", "VFS810", "VFS612"),
)
WHOLE_PAGES = Cause(
    "the guest's memory is not a multiple of the size of its huge pages",
    "<memory> and <page size='…'/>",
    ("virsh dumpxml NAME | grep -E '<memory |<page '",),
    ("VFS159",),
)
NO_HUGETLBFS = Cause(
    "no hugetlbfs with this page size is mounted, or libvirt was started before it was",
    "the mounts, and hugetlbfs_mount in qemu.conf; then restart libvirt",
    ("mount -t hugetlbfs", "grep hugetlbfs_mount /etc/libvirt/qemu.conf"),
    ("VFS611", "VFS531", "VFS612"),
)
MEMORY_FILE_FULL = Cause(
    "the directory for memory files has no room for the guest's memory",
    "memory_backing_dir in qemu.conf, and the free space there",
    ("grep memory_backing_dir /etc/libvirt/qemu.conf", "df -h /var/lib/libvirt/qemu/ram"),
    ("VFS614", "VFS613", "VFS811"),
)
MEMORY_FILE_FORBIDDEN = Cause(
    "QEMU's user may not create files in the directory for memory files",
    "owner and mode of memory_backing_dir, and of the hugetlbfs for huge pages",
    ("namei -l /var/lib/libvirt/qemu/ram",),
)
HOST_MEMORY = Cause(
    "the host has less free memory than the guest",
    "free memory, and the limits of the cgroup",
    ("free -m", "virsh dumpxml NAME | grep -E '<memory |<hard_limit'"),
    ("VFS615",),
)
GUEST_TAG = Cause(
    "the name in the mount command or in fstab is not the share's mount tag",
    "<target dir='…'/> of the share; the name is the tag, not a path",
    ("virsh dumpxml NAME | grep -A8 '<filesystem'", "cat /sys/fs/virtiofs/*/tag    # in the guest, Linux 6.9 or newer"),
    ("VFS211", "VFS218", "VFS219", "VFS233"),
)
GUEST_KERNEL = Cause(
    "the guest's kernel has no virtio-fs: it is older than 5.4, or the module is not installed or loaded",
    "the guest's kernel and its modules",
    ("uname -r    # in the guest", "modprobe virtiofs; grep virtiofs /proc/filesystems    # in the guest"),
)
GUEST_9P = Cause(
    "the share is 9p rather than virtio-fs",
    "<driver type='virtiofs'/>; without it, mount with -t 9p -o trans=virtio",
    ("virsh dumpxml NAME | grep -A3 '<filesystem'",),
    ("VFS225",),
)
GUEST_NOT_ATTACHED = Cause(
    "the running guest does not have the share yet: it was added to the definition only",
    "the running domain; shut it down and start it again",
    ("virsh dumpxml NAME | grep -c virtiofs", "lspci | grep -i virtio    # in the guest"),
)
WINDOWS_SERVICE = Cause(
    "WinFsp or the VirtioFsSvc service is missing or stopped; several shares need WinFsp.Launcher",
    "the service in the guest, and the queue size 1024 of the share",
    ("sc query VirtioFsSvc    # in the guest",),
    ("VFS232",),
)
SCHEMA = Cause(
    "an element, an attribute or a value is not in libvirt's schema, at this place or in this release",
    "the file; libvirt names only the element around it",
    ("vfslint NAME.xml", "virt-xml-validate NAME.xml domain"),
    ("VFS010", "VFS011", "VFS012", "VFS016", "VFS015"),
)
WRONG_UNIT = Cause(
    "the size has a unit that libvirt does not know",
    "the unit: b, KiB, MiB, GiB, TiB, or KB, MB, GB for powers of ten",
    (),
    ("VFS062", "VFS064", "VFS065"),
)
PORT_IN_USE = Cause(
    "another guest or program uses the address",
    "what listens there",
    ("ss -tlnp",),
)
IMAGE_LOCKED = Cause(
    "another guest or program has the disk image open",
    "running guests with the same image; <shareable/> is only for raw images and cluster file systems",
    ("sudo lsof /THE/IMAGE",),
)
SELINUX_SOCKET = Cause(
    "SELinux does not let QEMU connect to a socket of a process that libvirt did not start",
    "the label of the daemon and of its socket",
    ("ps -eZ | grep virtiofsd; ls -Z THE-SOCKET",),
)

SYMPTOMS = (
    Symptom(
        r"Unable to find a satisfying virtiofsd|Cannot find 'virtiofsd' in path|Could not start 'virtiofsd'",
        "libvirt, when the domain starts",
        "The share names no binary that libvirt can use, and libvirt found no virtiofsd by itself.",
        (NO_DAEMON, DAEMON_BINARY),
    ),
    Symptom(
        r"virtiofsd binary '.*' is not executable|--print-capabilities\) unexpected exit status|"
        r"cannot execute binary .*virtiofsd",
        "libvirt, when the domain starts",
        "libvirt asked the virtiofsd of the share for its capabilities and got no answer.",
        (DAEMON_BINARY, NO_DAEMON, DAEMON_CONFINED),
    ),
    Symptom(
        r"virtiofsd died unexpectedly|virtiofsd died and reported",
        "libvirt, when the domain starts",
        "virtiofsd exited before QEMU was connected. The reason is in virtiofsd's own log.",
        (DAEMON_OPTION, DAEMON_SOURCE, DAEMON_SANDBOX, DAEMON_IDMAP, DAEMON_BINARY, DAEMON_FILES, DAEMON_CONFINED),
    ),
    Symptom(
        r"Failed to connect to '.*fs\d+-fs\.sock': (Connection refused|No such file)|"
        r"fs\d+-fs\.sock.*Connection refused",
        "QEMU, when the domain starts",
        "The virtiofsd that libvirt started for this guest was already gone. The reason is in virtiofsd's own log.",
        (DAEMON_OPTION, DAEMON_SOURCE, DAEMON_IDMAP, DAEMON_SANDBOX, DAEMON_BINARY, DAEMON_FILES, DAEMON_CONFINED),
    ),
    Symptom(
        r"Failed to connect to '.*': No such file or directory|unable to connect .*sock.*No such file",
        "QEMU, when the domain starts",
        "There is no socket at the path.",
        (SOCKET_NOT_SERVED, SOCKET_PATH),
    ),
    Symptom(
        r"Failed to connect to '.*': Connection refused|[Cc]onnection refused",
        "QEMU or libvirt, when the domain starts",
        "The socket exists, but no process listens on it.",
        (SOCKET_NOT_SERVED, DAEMON_OPTION, DAEMON_SOURCE, DAEMON_IDMAP, DAEMON_SANDBOX, DAEMON_BINARY),
    ),
    Symptom(
        r"Failed to connect to '.*': Permission denied",
        "QEMU, when the domain starts",
        "QEMU may not connect to the socket.",
        (SOCKET_FORBIDDEN, SELINUX_SOCKET, DAEMON_CONFINED),
    ),
    Symptom(
        r"Failed to write msg\. Wrote -1 instead of \d+|vhost_backend_init failed|"
        r"vhost_dev_init failed: (Operation not permitted|Protocol error)|Failed to read msg header",
        "QEMU, when the domain starts",
        "The daemon closed the connection while QEMU set the device up.",
        (DAEMON_SOURCE, DAEMON_OPTION, DAEMON_SANDBOX, SOCKET_TWICE),
    ),
    Symptom(
        r"Failed initializing vhost-user memory map|vhost_set_mem_table failed|vhost_user_set_mem_table|"
        r"consider using -object memory-backend-file share=on",
        "QEMU, when the domain starts or the guest's driver does",
        "The daemon cannot map the guest's memory.",
        (NOT_SHARED,),
    ),
    Symptom(
        r"HandleRequest\(InvalidParam\)|HandleRequest\(.*\)|failed to map guest memory|"
        r"Failed to process queue|Invalid memory (region|address)",
        "virtiofsd, while the guest runs",
        "virtiofsd cannot read the guest's requests.",
        (NOT_SHARED, DAEMON_BINARY),
    ),
    Symptom(
        r"the virtiofs export directory '.*' does not exist",
        "libvirt, when the domain starts",
        "The directory does not exist on the host, or the path is relative, or it is a broken link.",
        (DAEMON_SOURCE._replace(rules=("VFS601", "VFS212")),),
    ),
    Symptom(
        r"source is not a directory|BindMountSharedDir|is not a directory.*virtiofsd|pivot_root.*(busy|EBUSY)|"
        r"Error entering sandbox: (BindMount|PivotRoot|SwitchRoot)",
        "virtiofsd, when the domain starts",
        "virtiofsd cannot use the directory with its sandbox.",
        (DAEMON_SOURCE,),
    ),
    Symptom(
        r"Error entering sandbox|[Ff]ailed to (enter|set up) sandbox|unshare\(.*\) failed|"
        r"(Mount|Fork|Unshare|WriteUidMap|WriteGidMap|WriteSetGroups)\(.*(PermissionDenied|EPERM)",
        "virtiofsd, when the domain starts",
        "virtiofsd may not use the sandbox that it was told to use.",
        (DAEMON_SANDBOX, DAEMON_IDMAP, DAEMON_CONFINED),
    ),
    Symptom(
        r"newuidmap|newgidmap|uid_map|gid_map|[Ii]nvalid (uid|gid) (range|map)",
        "virtiofsd or newuidmap, when the domain starts",
        "The id map of the share cannot be set.",
        (DAEMON_IDMAP,),
    ),
    Symptom(
        r"unrecognized (option|argument)|unexpected argument '.*' found|Found argument '.*' which wasn't expected|"
        r"Unknown option: .*|virtiofsd.*[Ii]nvalid (option|value)",
        "virtiofsd, when the domain starts",
        "virtiofsd does not know an option that libvirt or a wrapper passes.",
        (DAEMON_OPTION, DAEMON_BINARY),
    ),
    Symptom(
        r"Too many open files|Failed to increase .*rlimit|RLIMIT_NOFILE",
        "virtiofsd, while the guest runs",
        "virtiofsd has no file descriptors left.",
        (DAEMON_FILES,),
    ),
    Symptom(
        r"unable to map backing store for guest RAM: Cannot allocate memory|"
        r"os_mem_prealloc: Insufficient free host memory|preallocating memory failed|cannot set up guest memory",
        "QEMU, when the domain starts",
        "QEMU did not get the guest's memory from the host.",
        (FEW_PAGES, MEMORY_FILE_FULL, HOST_MEMORY),
    ),
    Symptom(
        r"[Mm]emory backend 'pc\.ram' not found",
        "QEMU, when the domain starts",
        "QEMU could not create the guest's memory.",
        (FEW_PAGES, WHOLE_PAGES, NO_HUGETLBFS),
    ),
    Symptom(
        r"hugetlbfs filesystem is not mounted or disabled|Unable to find any usable hugetlbfs mount",
        "libvirt, when the domain starts",
        "libvirt has no place for huge pages of this size.",
        (NO_HUGETLBFS,),
    ),
    Symptom(
        r"can't open backing store .* for guest RAM: Permission denied",
        "QEMU, when the domain starts",
        "QEMU may not create the file for the guest's memory.",
        (MEMORY_FILE_FORBIDDEN, DAEMON_CONFINED),
    ),
    Symptom(
        r"can't open backing store .* for guest RAM",
        "QEMU, when the domain starts",
        "The file or the directory for the memory does not exist.",
        (MEMORY_FILE_FULL._replace(what="the directory for memory files, or the file of a memory device, is missing"),),
    ),
    Symptom(
        r"hugepages: node \d+ not found|NUMA node \d+ is unavailable",
        "libvirt, when the domain starts",
        "A node does not exist: <page nodeset> counts the guest's NUMA cells, <numatune> the host's nodes.",
        (
            Cause(
                "the number of a NUMA node is wrong",
                "<page nodeset='…'/>, <numatune>",
                ("lscpu | grep -i numa", "virsh dumpxml NAME | grep -E 'nodeset|cell id'"),
                ("VFS156", "VFS140"),
            ),
        ),
    ),
    Symptom(
        r"virtio-?fs:? tag <.*> not found|virtiofs: .*tag.*not found",
        "the guest's kernel, when it mounts",
        "No virtio-fs device of the guest has this mount tag.",
        (GUEST_TAG, GUEST_NOT_ATTACHED, GUEST_9P),
    ),
    Symptom(
        r"mount: .*unknown filesystem type '?virtiofs'?",
        "the guest, when it mounts",
        "The guest's kernel does not know virtio-fs.",
        (GUEST_KERNEL,),
    ),
    Symptom(
        r"mount: .*(wrong fs type, bad option, bad superblock|special device .* does not exist)",
        "the guest, when it mounts",
        "mount gives one message for several causes; the guest's kernel log has the exact one.",
        (GUEST_TAG, GUEST_KERNEL, GUEST_9P, GUEST_NOT_ATTACHED),
    ),
    Symptom(
        r"no filesystem could mount root|Cannot open root device|Unable to mount root fs",
        "the guest's kernel, when it boots",
        "The kernel did not find its root file system.",
        (
            GUEST_TAG._replace(
                what="the kernel's command line lacks rootfstype=virtiofs, or its root= is not the mount tag",
                look="<cmdline> in <os>: root=TAG rootfstype=virtiofs rw",
            ),
            GUEST_KERNEL,
        ),
    ),
    Symptom(
        r"VirtioFsSvc|WinFsp|virtiofs\.exe",
        "a Windows guest",
        "The service that mounts shares in a Windows guest does not work.",
        (WINDOWS_SERVICE, GUEST_NOT_ATTACHED),
    ),
    Symptom(
        r"PCI: slot \d+ function \d+ not available for",
        "QEMU, when the domain starts",
        "A device of <qemu:commandline> has the slot that libvirt gave to another one.",
        (
            Cause(
                "a -device in <qemu:commandline> has no bus= and addr=",
                "<qemu:commandline>; libvirt does not know of its devices when it assigns addresses",
                ("virsh dumpxml NAME | grep -A9 qemu:commandline",),
            ),
        ),
    ),
    Symptom(
        r"properties are mutually exclusive|memory-backend.*numa memdev",
        "QEMU, when the domain starts",
        "The memory of <qemu:commandline> contradicts the memory that libvirt sets up.",
        (
            Cause(
                "<qemu:commandline> has -object memory-backend-… with -numa memdev=",
                "remove both, and write <memoryBacking> with <access mode='shared'/>",
                (),
                ("VFS101",),
            ),
        ),
    ),
    Symptom(
        r"XML document failed to validate against schema|Extra element .* in interleave|"
        r"Invalid attribute .* for element|Element .* failed to validate content|"
        r"Did not expect element .* there|Expecting an element .*, got nothing",
        "libvirt or virt-xml-validate, with --validate",
        "The schema rejects the document. The names in the message are often not where the mistake is.",
        (SCHEMA,),
    ),
    Symptom(
        r"[Ff]ailed to parse memory unit|unknown suffix|invalid (memory )?unit",
        "libvirt, when the domain is defined",
        "A size cannot be read.",
        (WRONG_UNIT,),
    ),
    Symptom(
        r"Failed to find an available port|Address already in use|[Ff]ailed to bind",
        "QEMU, when the domain starts",
        "A socket or a port is in use.",
        (PORT_IN_USE, SOCKET_TWICE),
    ),
    Symptom(
        r"Failed to get \"?(write|shared|consistent read)\"? lock|Is another process using the image",
        "QEMU, when the domain starts",
        "A disk image is in use.",
        (IMAGE_LOCKED,),
    ),
    Symptom(
        r"apparmor=\"?DENIED|avc: +denied",
        "the host's kernel",
        "The host's security module denied something.",
        (DAEMON_CONFINED, SELINUX_SOCKET),
    ),
    Symptom(
        r"unable to open vhost-vsock device",
        "libvirt, when the domain starts",
        "The host has no /dev/vhost-vsock, or libvirt may not open it.",
        (
            Cause(
                "the kernel module vhost_vsock is not loaded, or a container does not have the device",
                "the device /dev/vhost-vsock",
                ("ls -l /dev/vhost-vsock", "sudo modprobe vhost_vsock"),
            ),
        ),
    ),
    Symptom(
        r"Security driver model '.*' is not available|[Ss]ecurity driver .* not (found|enabled)",
        "libvirt, when the domain starts",
        "<seclabel> names a security module that this host does not use.",
        (
            Cause(
                "the domain comes from a host with another security module",
                "<seclabel model='…'/>, which libvirt adds by itself if it is absent, and security_driver in qemu.conf",
                ("virsh capabilities | grep -A2 '<secmodel>'",),
            ),
        ),
    ),
    Symptom(
        r"cannot set CPU affinity",
        "libvirt, when the domain starts",
        "A CPU of the host to which something is pinned does not exist, or is not in libvirt's cpuset.",
        (
            Cause(
                "<cputune> or <vcpu cpuset> names a CPU that the host does not have",
                "<vcpupin>, <emulatorpin>, <iothreadpin> and cpuset",
                ("lscpu | grep -i 'on-line'", "virsh dumpxml NAME | grep -E 'cpuset'"),
            ),
        ),
    ),
    Symptom(
        r"requires x2APIC",
        "QEMU, when the domain starts",
        "A guest with more than 255 vCPUs needs x2APIC and an IOMMU.",
        (
            Cause(
                "the CPU model lacks x2apic, or the IOMMU lacks extended interrupt mode",
                "<cpu>: <feature policy='require' name='x2apic'/>; <iommu>: <driver intremap='on' eim='on'/>",
            ),
        ),
    ),
    Symptom(
        r"CPU mode '.*' for .* is not supported by hypervisor",
        "libvirt, when the domain starts",
        "The host's CPU can be passed through only with KVM.",
        (
            Cause(
                "the domain has type='qemu', or KVM is not available",
                "<domain type='…'> and /dev/kvm",
                ("ls -l /dev/kvm", "virsh domcapabilities | grep -A4 \"'host-passthrough'\""),
            ),
        ),
    ),
    Symptom(
        r"/dev/kvm|KVM acceleration not available|does not support virt type 'kvm'",
        "libvirt or QEMU",
        "The host cannot use KVM.",
        (
            Cause(
                "virtualization is off in the firmware, the module is not loaded, or /dev/kvm may not be opened",
                "the device /dev/kvm",
                ("ls -l /dev/kvm", "lsmod | grep kvm"),
            ),
        ),
    ),
)
