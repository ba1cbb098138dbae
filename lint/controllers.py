"""Controllers, and the words by which other devices are told apart, as libvirt reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from vfslint import values
from vfslint.devices import REWRITTEN, SWITCH, Device, UnknownWord, Words
from vfslint.documents import Attribute, Node
from vfslint.lazy import lazy
from vfslint.targets import Version

if TYPE_CHECKING:
    from vfslint.domain import Domain

_NONE: Words = Words(())
MODELS: dict[str, Words] = {
    "pci": Words(
        ("pci-root", "pcie-root", "pci-bridge", "dmi-to-pci-bridge", "pcie-to-pci-bridge", "pcie-root-port",
         "pcie-switch-upstream-port", "pcie-switch-downstream-port", "pci-expander-bus", "pcie-expander-bus")
    ),
    "scsi": Words(
        ("auto", "buslogic", "lsilogic", "lsisas1068", "vmpvscsi", "ibmvscsi", "virtio-scsi", "lsisas1078",
         "virtio-transitional", "virtio-non-transitional", "am53c974", "dc390")
    ),
    "usb": Words(
        ("piix3-uhci", "piix4-uhci", "ehci", "ich9-ehci1", "ich9-uhci1", "ich9-uhci2", "ich9-uhci3",
         "vt82c686b-uhci", "pci-ohci", "nec-xhci", "qusb1", "qusb2", "qemu-xhci", "none")
    ),
    "ide": Words(("piix3", "piix4", "ich6")),
    "virtio-serial": Words(("virtio", "virtio-transitional", "virtio-non-transitional")),
    "fdc": _NONE, "sata": _NONE, "ccid": _NONE, "xenbus": _NONE, "isa": _NONE, "nvme": _NONE,
}  # fmt: skip
# `nvme` came between 11.3 and 12.8.
TYPES = Words(
    ("ide", "fdc", "scsi", "sata", "virtio-serial", "ccid", "usb", "pci", "xenbus", "isa"),
    besides=(("nvme", (11, 5, 0)),),
)
# What QEMU can make of each model (qemu_validate.c:virDomainControllerPCIModelNameToQEMUCaps).
NAMES: dict[str, tuple[str, ...]] = {
    "pci-bridge": ("pci-bridge",),
    "dmi-to-pci-bridge": ("i82801b11-bridge",),
    "pcie-to-pci-bridge": ("pcie-pci-bridge",),
    "pcie-root-port": ("pcie-root-port", "ioh3420"),
    "pcie-switch-upstream-port": ("x3130-upstream",),
    "pcie-switch-downstream-port": ("xio3130-downstream",),
    "pci-expander-bus": ("pxb",),
    "pcie-expander-bus": ("pxb-pcie",),
}
KNOWN_NAMES = frozenset(name for names in NAMES.values() for name in names) | {"spapr-pci-host-bridge"}
_NAME_WORDS = Words(
    (*(name for names in NAMES.values() for name in names), "spapr-pci-host-bridge"),
    besides=(("none", REWRITTEN),),
)
LARGEST_PORT = 255
# libvirt makes room for all controllers up to the largest index, and dies of this one.
DEADLY_INDEX = 2**31 - 1


class Wanted(NamedTuple):
    """A word that libvirt wants of a device: where it stands, which there are, whether it has to be there."""

    path: str
    name: str
    words: Words
    is_required: bool = False


_MODELS = ("virtio", "virtio-transitional", "virtio-non-transitional")
_SCREENS = (
    "vga",
    "cirrus",
    "vmvga",
    "xen",
    "vbox",
    "qxl",
    "parallels",
    "virtio",
    "gop",
    "none",
    "bochs",
    "ramfb",
)
_SOUNDS = ("sb16", "es1370", "pcspk", "ac97", "ich6", "ich9", "usb", "ich7")
_AUDIO_SINCE_7_2 = ("none", "alsa", "coreaudio", "jack", "pulseaudio", "sdl", "spice", "file")
_VIRTIO_OPTIONS = (
    Wanted("driver", "iommu", SWITCH),
    Wanted("driver", "ats", SWITCH),
    Wanted("driver", "packed", Words(SWITCH.words, since=(6, 3, 0))),
    Wanted("driver", "page_per_vq", Words(SWITCH.words, since=(7, 9, 0))),
)
_WANTED: dict[str, tuple[Wanted, ...]] = {
    "input": (
        Wanted(
            "",
            "type",
            Words(("mouse", "tablet", "keyboard", "passthrough"), besides=(("evdev", REWRITTEN),)),
            True,
        ),
        Wanted("", "bus", Words(("ps2", "usb", "xen", "parallels", "virtio"), besides=(("none", REWRITTEN),))),
        Wanted("", "model", Words(_MODELS)),
        *_VIRTIO_OPTIONS,
    ),
    "memballoon": (
        Wanted("", "model", Words((*_MODELS, "xen", "none")), True),
        Wanted("", "autodeflate", SWITCH),
        Wanted("", "freePageReporting", Words(SWITCH.words, since=(6, 9, 0))),
        *_VIRTIO_OPTIONS,
    ),
    "watchdog": (
        Wanted("", "model", Words(("i6300esb", "ib700", "diag288"), besides=(("itco", (9, 1, 0)),)), True),
        Wanted("", "action", Words(("reset", "shutdown", "poweroff", "pause", "dump", "none", "inject-nmi"))),
    ),
    "graphics": (
        Wanted(
            "",
            "type",
            Words(("sdl", "vnc", "rdp", "desktop", "spice", "egl-headless"), besides=(("dbus", (8, 4, 0)),)),
            True,
        ),
    ),
    "video": (
        # 9.0.0 takes an empty one for none, 11.3.0 refuses it.
        Wanted("model", "type", Words(_SCREENS, besides=(("default", (0, 0, 0)), ("", REWRITTEN)))),
        *_VIRTIO_OPTIONS,
    ),
    "audio": (
        Wanted(
            "",
            "type",
            Words(
                ("oss",),
                besides=(
                    *((word, (7, 2, 0)) for word in _AUDIO_SINCE_7_2),
                    ("dbus", (8, 4, 0)),
                    ("pipewire", (9, 10, 0)),
                ),
            ),
            True,
        ),
    ),
    "sound": (Wanted("", "model", Words(_SOUNDS, besides=(("virtio", (10, 4, 0)),)), True),),
    "rng": (
        Wanted("", "model", Words(_MODELS), True),
        Wanted("backend", "model", Words(("random", "egd", "builtin"))),
        *_VIRTIO_OPTIONS,
    ),
    "hub": (Wanted("", "type", Words(("usb",))),),
    "redirdev": (Wanted("", "bus", Words(("usb",))),),
    "smartcard": (Wanted("", "mode", Words(("host", "host-certificates", "passthrough"))),),
    "vsock": (Wanted("", "model", Words(_MODELS, besides=(("default", (0, 0, 0)),))),),
    "disk": (
        Wanted("", "device", Words(("disk", "cdrom", "floppy", "lun"))),
        Wanted(
            "target",
            "bus",
            Words(
                ("virtio", "scsi", "sata", "usb", "ide", "fdc", "sd", "xen", "uml"),
                besides=(("nvme", (11, 5, 0)),),
            ),
        ),
        *_VIRTIO_OPTIONS,
    ),
    "interface": _VIRTIO_OPTIONS,
    "controller": _VIRTIO_OPTIONS,
}


# What the schema leaves open; a domain that fits it has none of the other words wrong.
_WANTED_OF_FITTING: dict[str, tuple[Wanted, ...]] = {
    "video": _VIRTIO_OPTIONS,
    "rng": (Wanted("backend", "model", Words(("random", "egd", "builtin"))),),
    "smartcard": _WANTED["smartcard"],
}


def reads_period(text: str, libvirt: Version) -> bool:
    """Whether a release can read the period of the balloon's statistics; formerly an empty one was none."""
    if libvirt >= REWRITTEN:
        return values.integer(text) is not None
    return not text or values.unsigned(text) is not None


def _is_short(number: str) -> bool:
    """Tell at a glance what most numbers are: a few digits."""
    return len(number) < 9 and number.isascii() and number.isdigit()


class Missing(NamedTuple):
    """A device without an attribute that libvirt wants."""

    node: Node
    name: str
    words: tuple[str, ...]


def unfit_words(domain: Domain) -> Iterator[UnknownWord | Missing]:
    """Every word of a device, other than a filesystem, that is missing or that libvirt does not know."""
    if not domain.fits_schema:
        for controller in domain.controllers:
            yield from controller.unknown_words
    libvirt = domain.setting.target.libvirt
    wanted_by = _WANTED_OF_FITTING if domain.fits_schema else _WANTED
    for tag, devices in domain.devices.items():
        wanted = wanted_by.get(tag, ())
        for device in devices if wanted else ():
            nodes: dict[str, Node | None] = {"": device}
            for path, name, words, is_required in wanted:
                if path not in nodes:
                    nodes[path] = device.child(path)
                node = nodes[path]
                value = node.value(name) if node else None
                if value is None:
                    if is_required:
                        yield Missing(device, name, words.words)
                elif node and not words.accept(value, libvirt):
                    yield UnknownWord(node[name], words.words)


class Controller(Device):
    """A `<controller>`.

    `type` is `ide` where it is absent, as libvirt has it; `index` is None where it is absent or no number.
    """

    def __init__(self, domain: Domain, node: Node) -> None:
        super().__init__(domain, node)
        self.type: str = node.element.get("type", "ide")
        self.index = values.based(node.element.get("index", ""), 10)

    @lazy
    def model(self) -> Attribute | None:
        """The `model` attribute, or None."""
        return self.node.attribute("model")

    @lazy
    def name(self) -> Attribute | None:
        """QEMU's name of a PCI controller, `model/@name`, or None."""
        node = self.node.child("model") if self.type == "pci" else None
        return node.attribute("name") if node else None

    @lazy
    def target(self) -> Node | None:
        """The first `<target>` of a PCI controller, or None: others have none."""
        return self.node.child("target") if self.type == "pci" else None

    @property
    def unknown_words(self) -> Iterator[UnknownWord]:
        """Type, model and name, as far as libvirt does not know them."""
        if not TYPES.accept(self.type, self.libvirt):
            yield UnknownWord(self.node["type"], TYPES.words)
            return
        if self.model and not MODELS[self.type].accept(self.model.value, self.libvirt):
            yield UnknownWord(self.model, MODELS[self.type].words)
        if self.name and not _NAME_WORDS.accept(self.name.value, self.libvirt):
            yield UnknownWord(self.name, NAMES.get(self.model.value if self.model else "", ()))

    @property
    def unreadable(self) -> Iterator[Attribute]:
        """The numbers that libvirt cannot read."""
        # libvirt reads ports of every controller, vectors of virtio-serial alone.
        names = ("index", "ports", "vectors") if self.type == "virtio-serial" else ("index", "ports")
        for name in names:
            value = self.node.value(name)
            if value is not None and not _is_short(value) and values.based(value, 10, bits=31) is None:
                yield self.node[name]
        for name in ("chassisNr", "chassis", "port", "busNr", "index") if self.target else ():
            value = self.target.value(name) if self.target else None
            # Until the parser was rewritten, -1 stood for none.
            unset = value == "-1" and self.libvirt < REWRITTEN
            if self.target and value is not None and not unset and values.based(value, 0, bits=31) is None:
                yield self.target[name]

    @property
    def beyond(self) -> Iterator[Attribute]:
        """Chassis and port of a PCI controller that are larger than PCI has them."""
        for name in ("chassis", "port") if self.target else ():
            found = self.target.attribute(name) if self.target else None
            if found and (values.based(found.value, 0, bits=31) or 0) > LARGEST_PORT:
                yield found

    @property
    def repeated(self) -> list[Node]:
        """The second `<model>` and `<target>`, which libvirt refuses."""
        return [node for name in ("model", "target") for node in self.node.children(name)[1:2]]

    @lazy
    def numa_node(self) -> Node | None:
        """`target/node`, a PCI controller's NUMA cell, or None where it is absent or empty."""
        node = self.target.child("node") if self.target else None
        return node if node and node.text else None

    @property
    def queues(self) -> Attribute | None:
        """`driver/@queues`, or None."""
        return self.driver.attribute("queues") if self.driver else None

    @lazy
    def is_companion(self) -> bool:
        """Whether it is a USB controller that works for another one."""
        if self.type != "usb":
            return False
        return (self.node.value("model") or "").startswith("ich9-uhci") or self.node.child("master") is not None
