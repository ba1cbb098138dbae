"""Which PCI buses a domain has, and which device is where: libvirt's set of PCI addresses, for q35 and i440fx.

libvirt first reserves the addresses that are written, then those of the chipset, and then gives a slot to each other
device (qemu_domain_address.c:qemuDomainAssignPCIAddresses). It adds ports and bridges where it needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from vfslint.domain.address import Address, Place
from vfslint.domain.controller import Controller
from vfslint.domain.disk import Disk
from vfslint.lazy import once
from vfslint.targets import Version
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain

# What a device requires of a bus, and a bus offers: at least one of the same kind.
PCI, PCIE, ROOT_PORT, UPSTREAM, DOWNSTREAM, DMI, TO_PCI, EXPANDER, PCIE_EXPANDER, BRIDGE = (
    1 << bit for bit in range(10)
)
KINDS = (1 << 10) - 1
ENDPOINT = PCI | PCIE
# A device that is only connected to hotpluggable buses unless its address is written; ports that share a slot; a
# device of the chipset, which is on bus 0.
_AUTOMATIC, _SHARES_SLOT, _INTEGRATED = (1 << bit for bit in range(10, 13))

# What the controller of each model requires (virDomainPCIControllerModelToConnectType).
_REQUIRED = {
    "pci-bridge": BRIDGE,
    "pci-expander-bus": EXPANDER,
    "pcie-expander-bus": PCIE_EXPANDER,
    "dmi-to-pci-bridge": DMI,
    "pcie-to-pci-bridge": TO_PCI,
    "pcie-root-port": ROOT_PORT | _SHARES_SLOT,
    "pcie-switch-upstream-port": UPSTREAM,
    "pcie-switch-downstream-port": DOWNSTREAM,
}
# What the bus of each model offers, its first and its last slot (virDomainPCIAddressBusSetModel).
_PORT = (_AUTOMATIC | PCIE | UPSTREAM | TO_PCI, 0, 0)
_OFFERED = {
    "pci-root": (_AUTOMATIC | PCI | BRIDGE | EXPANDER, 1, 31),
    "pci-bridge": (_AUTOMATIC | PCI | BRIDGE, 1, 31),
    "pci-expander-bus": (_AUTOMATIC | PCI | BRIDGE, 0, 31),
    "pcie-root": (PCIE | ROOT_PORT | DMI | PCIE_EXPANDER, 1, 31),
    "dmi-to-pci-bridge": (PCI | BRIDGE, 0, 31),
    "pcie-to-pci-bridge": (_AUTOMATIC | PCI | BRIDGE, 1, 31),
    "pcie-root-port": _PORT,
    "pcie-switch-downstream-port": _PORT,
    "pcie-switch-upstream-port": (DOWNSTREAM, 0, 31),
    "pcie-expander-bus": (ROOT_PORT | DMI, 0, 31),
}
# The names of what a device requires, in the order in which libvirt looks for one.
NAMES = {
    PCI: "standard PCI device",
    PCIE: "PCI Express device",
    ROOT_PORT: "pcie-root-port",
    UPSTREAM: "pcie-switch-upstream-port",
    DOWNSTREAM: "pcie-switch-downstream-port",
    DMI: "dmi-to-pci-bridge",
    TO_PCI: "pcie-to-pci-bridge",
    EXPANDER: "pci-expander-bus",
    PCIE_EXPANDER: "pcie-expander-bus",
    BRIDGE: "pci-bridge",
}
# The last release that cannot add a port for a pcie-to-pci-bridge; it was tried with 11.3.0 and 12.8.0.
WITHOUT_PORT_FOR_BRIDGE: Version = (11, 3, 0)
_CONVENTIONAL_SOUND = frozenset({"es1370", "ac97", "ich6", "ich9"})
_VIRTIO_MODELS = frozenset({"virtio", "virtio-non-transitional"})
HIGHEST_BUS = 255

# The places of the chipset: of q35's SATA controller, and of PIIX3's IDE and USB controllers.
SATA = Place(0, 0x1F, 2)
IDE = Place(0, 1, 1)
PIIX3_USB = Place(0, 1, 2)
_OF_Q35 = (Place(0, 0x1F, 0), Place(0, 0x1F, 3))
_OF_I440FX = (Place(0, 1, 0), Place(0, 1, 3))
# The function that each part of a USB 2 controller has in its slot.
_USB2_FUNCTIONS = {"ich9-ehci1": 7, "ich9-uhci1": 0, "ich9-uhci2": 1, "ich9-uhci3": 2}


class Fault(NamedTuple):
    """A device that cannot be where it is written, or that gets no place.

    `kind`: `taken` (by the device with the address `owner`, None for one of the chipset), `no-bus` and `no-slot`
    (libvirt cannot add a bus that the device can be connected to; `no-slot` if its address is not written),
    `slot` (it is not from `first` to `last`), `connection` (the bus does not accept it), `integrated` (it can only be
    on bus 0), `piix3` (the bus is not a conventional one), `sata`, `ide` and `usb` (the chipset's first controller is
    elsewhere), `order` (a bridge is on a bus that is not before it), `name` (what it requires, of `NAMES`).
    """

    kind: str
    node: Node
    address: Address | None = None
    owner: Address | None = None
    name: str = ""
    required: int = 0
    first: int = 0
    last: int = 0
    place: Place | None = None


class _Unplaced(Exception):
    """No bus accepts a device, and libvirt cannot add one."""


class _Bus:
    """The bus of a controller: what it offers, its slots, and which functions of them are used."""

    __slots__ = ("first", "last", "model", "offered", "shared", "used")

    def __init__(self, model: str) -> None:
        self.model = model
        self.offered, self.first, self.last = _OFFERED[model]
        self.used: dict[int, set[int]] = {}
        self.shared: set[int] = set()

    def reserve(self, slot: int, function: int, required: int) -> None:
        functions = self.used.setdefault(slot, set())
        if not functions and required & _SHARES_SLOT:
            self.shared.add(slot)
        functions.add(function)

    def free(self, required: int, function: int | None) -> tuple[int, int] | None:
        """Return a free slot and function (virDomainPCIAddressFindUnusedFunctionOnBus), or None."""
        if len(self.used) > self.last - self.first and not (required & _SHARES_SLOT and self.shared):
            return None
        for slot in range(self.first, self.last + 1):
            used = self.used.get(slot, ())
            if not used:
                return slot, function or 0
            if required & _SHARES_SLOT and slot in self.shared:
                choices = range(8) if function is None else (function,)
                found = next((choice for choice in choices if choice not in used), None)
                if found is not None:
                    return slot, found
        return None


def _accepts(offered: int, required: int, bus: int, is_written: bool) -> bool:
    """Whether a bus accepts a device (virDomainPCIAddressFlagsCompatible)."""
    if required & _INTEGRATED:
        if bus != 0:
            return False
        offered |= PCI | _AUTOMATIC
    if is_written:
        offered |= ENDPOINT if offered & ENDPOINT else 0
        required |= PCI if required & BRIDGE else 0
    elif required & _AUTOMATIC and not offered & _AUTOMATIC:
        return False
    return bool(required & offered & KINDS)


class Slots:
    """The buses of a domain while libvirt reserves addresses."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._libvirt = domain.context.target.libvirt
        self._express = PCIE if domain.is_q35 else PCI
        models: dict[int, str] = {}
        self._indexes = indexes(domain)
        for controller in domain.pci_controllers:
            index, model = self._indexes.get(controller.node.element), controller.model
            if index is not None and index <= HIGHEST_BUS and model in _OFFERED:
                models.setdefault(index, model)
        self._written = frozenset(models)
        default = "pcie-root-port" if domain.is_q35 else "pci-bridge"
        root = "pcie-root" if domain.is_q35 else "pci-root"
        self.buses = [
            _Bus(models.get(index, default if index else root)) for index in range(max(models, default=0) + 1)
        ]
        self._owners: dict[Place, Address] = {}
        # The places of controllers, by node: USB 2 controllers look for that of their companions.
        self._places: dict[Any, Place] = {}

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with the written addresses, or else with what libvirt assigns."""
        found = False
        for stage in (self._collect, self._reserve_chipset, self._assign, self._check_order):
            for fault in stage():
                found = True
                yield fault
            if found:
                return

    # What is written.

    def _collect(self) -> Iterator[Fault]:
        for address in _in_libvirts_order(self._domain.addresses):
            place, node = address.place, address.device.node
            # The first console is the same device as the first serial port, including its address; virtio channels
            # and consoles get a port of a virtio-serial controller instead of any other address.
            if place is None or address.kind in ("console", "channel"):
                continue
            required = self._required(node) or PCI
            if _is_piix3(node, place):
                if not self.buses[0].offered & PCI:
                    yield Fault("piix3", node, address)
                continue
            fault = self._reserve(place, required, node, address)
            if fault:
                yield fault

    def _reserve(self, place: Place, required: int, node: Node, address: Address | None) -> Fault | None:
        """Reserve a place (virDomainPCIAddressReserveAddrInternal)."""
        index = place.bus
        try:
            index += self._grow(index, required)
        except _Unplaced:
            return Fault("no-bus", node, address, required=required, name=_name(required))
        bus = self.buses[index]
        if not _accepts(bus.offered, required, index, is_written=True):
            is_elsewhere = required & _INTEGRATED and index
            kind = "integrated" if is_elsewhere else "connection"
            name = NAMES[PCI] if required & BRIDGE else _name(required)
            return Fault(kind, node, address, required=required, name=name, place=place)
        if not bus.first <= place.slot <= bus.last:
            return Fault("slot", node, address, first=bus.first, last=bus.last, place=place)
        if place.function in bus.used.get(place.slot, ()):
            return Fault("taken", node, address, self._owners.get(place._replace(bus=index)), place=place)
        bus.reserve(place.slot, place.function, required)
        place = self._places[node.element] = place._replace(bus=index)
        if address:
            self._owners[place] = address
        return None

    def _grow(self, index: int, required: int) -> int:
        """Add buses up to an index, and return how many more are added below it (virDomainPCIAddressSetGrow)."""
        count = index - len(self.buses) + 1
        if count <= 0:
            return 0
        if index > HIGHEST_BUS:
            raise _Unplaced
        more = 0
        added: list[_Bus] = []
        if required & PCI:
            model = "pci-bridge"
            if not any(bus.offered & BRIDGE for bus in self.buses):
                if count == 1:
                    more = 1
                port = _Bus("pcie-root-port")
                port.offered = TO_PCI
                added = [port, _Bus("pcie-to-pci-bridge")]
        elif required & (PCIE | UPSTREAM) or (required & TO_PCI and self._libvirt > WITHOUT_PORT_FOR_BRIDGE):
            model = "pcie-root-port"
        else:
            raise _Unplaced
        self.buses += added + [_Bus(model) for _ in range(count + more - len(added))]
        return more

    # The chipset.

    def _reserve_chipset(self) -> Iterator[Fault]:
        return self._reserve_q35() if self._domain.is_q35 else self._reserve_i440fx()

    def _reserve_fixed(self, place: Place) -> Iterator[Fault]:
        owner = self._owners.get(place)
        if owner:
            yield Fault("taken", owner.device.node, owner, place=place)
        self.buses[place.bus].reserve(place.slot, place.function, 0)

    def _reserve_q35(self) -> Iterator[Fault]:
        for controller in self._controllers:
            place, model = _place(controller), controller.model
            if self._is(controller, "sata") and place and place != SATA:
                yield Fault("sata", controller.node, _address(controller, self._domain))
            if controller.address is not None:
                continue
            wanted: tuple[int, ...] = (0x1D, 0x1A) if (controller.type, model) == ("usb", "ich9-uhci1") else ()
            if (controller.type, model) == ("pci", "dmi-to-pci-bridge"):
                wanted = (0x1E,)
            slot = next((slot for slot in wanted if not self.buses[0].used.get(slot)), None)
            if slot is not None:
                self._put(controller, Place(0, slot, 0), 0)
        owner = self._owners.get(SATA)
        sata = next((controller.node.element for controller in self._controllers if self._is(controller, "sata")), None)
        if owner and owner.device.node.element is not sata:
            yield Fault("taken", owner.device.node, owner, place=SATA)
        self.buses[0].reserve(SATA.slot, SATA.function, 0)
        for place in _OF_Q35:
            yield from self._reserve_fixed(place)
        self._reserve_video(1)
        self._reserve_sound()

    def _reserve_i440fx(self) -> Iterator[Fault]:
        ide, usb = (next((each for each in self._controllers if self._is(each, kind)), None) for kind in ("ide", "usb"))
        has_ide = ide or any(Disk(disk, self._libvirt).bus == "ide" for disk in self._domain.outlines("disk"))
        has_piix3 = usb is None or usb.model in (None, "piix3-uhci")
        for kind, controller, fixed, exists in (("ide", ide, IDE, has_ide), ("usb", usb, PIIX3_USB, has_piix3)):
            if not exists:
                continue
            place = _place(controller) if controller else None
            if controller and place and place != fixed:
                yield Fault(kind, controller.node, _address(controller, self._domain))
            else:
                yield from self._reserve_fixed(fixed)
                if controller:
                    self._places[controller.node.element] = fixed
        for place in _OF_I440FX:
            yield from self._reserve_fixed(place)
        self._reserve_video(2)

    def _reserve_video(self, slot: int) -> None:
        video = next(iter(self._domain.videos), None)
        if video and not video.address and self._required(video.node) and not self.buses[0].used.get(slot):
            self.buses[0].reserve(slot, 0, 0)
            self._places[video.node.element] = Place(0, slot, 0)

    def _reserve_sound(self) -> None:
        for node in self._domain.outlines("sound"):
            if node.value("model") == "ich9" and node.child("address") is None and not self.buses[0].used.get(0x1B):
                self.buses[0].reserve(0x1B, 0, 0)
                self._places[node.element] = Place(0, 0x1B, 0)

    def _put(self, controller: Controller, place: Place, required: int) -> None:
        self.buses[place.bus].reserve(place.slot, place.function, required)
        self._places[controller.node.element] = place

    # What libvirt assigns.

    def _assign(self) -> Iterator[Fault]:
        """Give a place to each device that has none (qemuDomainAssignDevicePCISlots)."""
        if self._domain.is_i440fx and any(len(bus.used) < bus.last - bus.first + 1 for bus in self.buses):
            self._next(PCI | _AUTOMATIC)
        for wanted in _WANTED:
            for node in wanted(self._domain):
                if node.element in self._places or not _wants_place(node):
                    continue
                required = self._required(node)
                if not required:
                    continue
                fault = self._assign_to(node, required)
                if fault:
                    yield fault
                    return
        try:
            for required in self._added_devices():
                self._next(required | _AUTOMATIC)
        except _Unplaced:
            yield Fault("no-slot", self._cause(), required=PCIE, name=NAMES[PCIE])
            return
        yield from self._assign_added()

    def _added_devices(self) -> Iterator[int]:
        """Yield what the devices that libvirt adds require: a balloon, and on q35 a USB controller."""
        if not self._domain.outlines("memballoon"):
            yield self._express
        if self._domain.is_q35 and not any(each.type == "usb" for each in self._controllers):
            yield PCIE

    def _assign_to(self, node: Node, required: int) -> Fault | None:
        function = _USB2_FUNCTIONS.get(node.value("model") or "") if node.value("type") == "usb" else None
        if function is not None:
            companion = next(
                (
                    self._places[other.node.element]
                    for other in self._controllers
                    if other.type == "usb"
                    and other.model in _USB2_FUNCTIONS
                    and self._indexes.get(other.node.element) == self._indexes.get(node.element)
                    and other.node.element in self._places
                ),
                None,
            )
            if companion:
                return self._reserve(companion._replace(function=function), required, node, None)
        try:
            self._places[node.element] = self._next(required, function)
        except _Unplaced:
            return Fault("no-slot", node, required=required, name=_name(required))
        return None

    def _next(self, required: int, function: int | None = None) -> Place:
        """Reserve the next free place (virDomainPCIAddressGetNextAddr)."""
        for index, bus in enumerate(self.buses):
            found = bus.free(required, function) if _accepts(bus.offered, required, index, is_written=False) else None
            if found:
                bus.reserve(*found, required)
                return Place(index, *found)
        index = len(self.buses)
        index += self._grow(index, required)
        slot = self.buses[index].first
        self.buses[index].reserve(slot, function or 0, required)
        return Place(index, slot, function or 0)

    def _assign_added(self) -> Iterator[Fault]:
        """Give a place to each bus that libvirt has added."""
        index = 1
        while index < len(self.buses):
            if index not in self._written:
                required = _REQUIRED[self.buses[index].model]
                try:
                    self._next(required)
                except _Unplaced:
                    yield Fault("no-slot", self._cause(), required=required, name=_name(required))
                    return
            index += 1

    def _check_order(self) -> Iterator[Fault]:
        for controller in self._domain.pci_controllers:
            index = self._indexes.get(controller.node.element)
            place = self._places.get(controller.node.element)
            if controller.model == "pci-bridge" and place and index is not None and index <= place.bus:
                yield Fault("order", controller.node, _address(controller, self._domain), place=place, first=index)

    def _cause(self) -> Node:
        """The device that is on the highest bus, or the controller with the highest index."""
        highest = max(self._owners.values(), key=lambda address: address.place or Place(0, 0, 0), default=None)
        last = max(self._domain.pci_controllers, key=lambda controller: controller.index or 0, default=None)
        if last and (highest is None or (last.index or 0) >= (highest.place or Place(0, 0, 0)).bus):
            return last.node
        return highest.device.node if highest else self._domain.node

    # The domain.

    @property
    def _controllers(self) -> list[Controller]:
        """The controllers in libvirt's order."""
        return self._domain.controllers

    def _is(self, controller: Controller | None, kind: str) -> bool:
        """Whether it is the first controller of a type, with index 0."""
        return controller is not None and controller.type == kind and self._indexes.get(controller.node.element) == 0

    def _required(self, node: Node) -> int:
        """Return what a device requires, 0 if it is not a PCI device (qemuDomainDeviceCalculatePCIConnectFlags)."""
        kind = _KINDS.get(node.tag)
        required = kind(node, self._express, self._domain) if kind else 0
        return required | _AUTOMATIC if required & ENDPOINT else required


def _name(required: int) -> str:
    return next((name for kind, name in NAMES.items() if required & kind), "")


def _in_libvirts_order(addresses: list[Address]) -> list[Address]:
    """Sort addresses as libvirt iterates over the devices (virDomainDeviceInfoIterateFlags)."""
    return sorted(addresses, key=lambda address: _ITERATED.get(address.kind, len(_ITERATED)))


_ITERATED = {
    kind: position
    for position, kind in enumerate(
        """disk interface sound hostdev video controller smartcard serial parallel channel console input filesystem
        watchdog memballoon rng nvram hub shmem tpm panic memory redirdev iommu vsock crypto pstore""".split()
    )
}


def _place(controller: Controller) -> Place | None:
    node = controller.address
    return Address(node.document, controller.node.element, node.element, controller.libvirt).place if node else None


def _address(controller: Controller, domain: Domain) -> Address | None:
    """Return the address of a controller that has one."""
    element = controller.node.element
    return next((address for address in domain.addresses if address.device.node.element is element), None)


def _is_piix3(node: Node, place: Place) -> bool:
    """Whether it is a controller of PIIX3 at its place, which only a conventional bus 0 has."""
    if node.tag != "controller" or node.value("index") not in (None, "0"):
        return False
    kind = node.value("type")
    if place == PIIX3_USB:
        return kind == "usb" and node.value("model") in (None, "piix3-uhci")
    return place == IDE and kind in (None, "ide")


def _wants_place(node: Node) -> bool:
    """Whether libvirt assigns a PCI address: none is written, or one of zeros only."""
    address = node.child("address")
    if address is None:
        return True
    if address.value("type") != "pci":
        return False
    return not any((address.value(name) or "0").strip("0x") for name in ("domain", "bus", "slot"))


# What a device of each kind requires; `express` is the preferred kind of the machine.


def _of_controller(node: Node, express: int, domain: Domain) -> int:
    kind, model = node.value("type"), node.value("model")
    if kind == "pci":
        return _REQUIRED.get(model or "", 0)
    if kind == "usb":
        return express if model in ("nec-xhci", "qemu-xhci") else 0 if model in ("none", "qusb1", "qusb2") else PCI
    if kind == "scsi":
        return express if model in ("virtio-scsi", "virtio-non-transitional") else 0 if model == "ncr53c90" else PCI
    if kind == "virtio-serial":
        return PCI if model == "virtio-transitional" else express
    return PCI if kind in ("sata", "ide", None) else 0


def _of_filesystem(node: Node, express: int, domain: Domain) -> int:
    driver = node.child("driver")
    kind = driver.value("type") if driver else None
    if kind not in (None, "path", "handle", "virtiofs"):
        return 0
    return PCI if kind != "virtiofs" and node.value("model") == "virtio-transitional" else express


def _of_interface(node: Node, express: int, domain: Domain) -> int:
    if node.value("type") == "hostdev":
        return express
    model = next((model.value("type") for model in node.children("model")), None)
    if model == "usb-net":
        return 0
    is_express = model in _VIRTIO_MODELS or model in ("e1000e", "igb") or (model and model not in _CONVENTIONAL_CARDS)
    return express if is_express else PCI


_CONVENTIONAL_CARDS = frozenset(
    """netfront rtl8139 e1000 virtio-transitional spapr-vlan lan9118 smc91c111 vlance vmxnet vmxnet2 vmxnet3 am79c970a
    82540em 82545em 82543gc""".split()
)


def _of_sound(node: Node, express: int, domain: Domain) -> int:
    model = node.value("model")
    return PCI if model in _CONVENTIONAL_SOUND else express if model == "virtio" else 0


def _of_virtio(node: Node, express: int, domain: Domain) -> int:
    return PCI if node.value("model") == "virtio-transitional" else express


def _of_disk(node: Node, express: int, domain: Domain) -> int:
    target = node.child("target")
    bus = target.value("bus") if target else None
    name = (target.value("dev") or "") if target else ""
    is_virtio = bus == "virtio" or (bus is None and name.startswith("vd") and node.value("device") != "floppy")
    return _of_virtio(node, express, domain) if is_virtio else 0


def _of_hostdev(node: Node, express: int, domain: Domain) -> int:
    return express if node.value("type") in ("pci", "mdev", "scsi_host") else 0


def _of_balloon(node: Node, express: int, domain: Domain) -> int:
    return 0 if node.value("model") in ("none", "xen") else _of_virtio(node, express, domain)


def _of_watchdog(node: Node, express: int, domain: Domain) -> int:
    return PCI if node.value("model") == "i6300esb" else 0


def _of_video(node: Node, express: int, domain: Domain) -> int:
    model = node.child("model")
    kind = model.value("type") if model else None
    if kind in ("virtio", "bochs"):
        return express
    return 0 if kind in ("none", "gop", "ramfb") else PCI


def _of_input(node: Node, express: int, domain: Domain) -> int:
    return _of_virtio(node, express, domain) if node.value("bus") == "virtio" else 0


def _of_serial(node: Node, express: int, domain: Domain) -> int:
    target = node.child("target")
    return PCI if target and target.value("type") == "pci-serial" else 0


def _of_iommu(node: Node, express: int, domain: Domain) -> int:
    return express | _INTEGRATED if node.value("model") == "virtio" else 0


def _of_memory(node: Node, express: int, domain: Domain) -> int:
    return express if node.value("model") in ("virtio-pmem", "virtio-mem") else 0


def _of_panic(node: Node, express: int, domain: Domain) -> int:
    return PCI | _INTEGRATED if node.value("model") == "pvpanic" else 0


def _of_conventional(node: Node, express: int, domain: Domain) -> int:
    return PCI


_KINDS: dict[str, Callable[[Node, int, Domain], int]] = {
    "controller": _of_controller,
    "filesystem": _of_filesystem,
    "interface": _of_interface,
    "sound": _of_sound,
    "disk": _of_disk,
    "hostdev": _of_hostdev,
    "memballoon": _of_balloon,
    "rng": _of_virtio,
    "vsock": _of_virtio,
    "watchdog": _of_watchdog,
    "video": _of_video,
    "shmem": _of_conventional,
    "crypto": _of_conventional,
    "pstore": _of_conventional,
    "input": _of_input,
    "serial": _of_serial,
    "iommu": _of_iommu,
    "memory": _of_memory,
    "panic": _of_panic,
}


def _pci_controllers(domain: Domain) -> Iterator[Node]:
    index = indexes(domain)
    known = [controller for controller in domain.pci_controllers if controller.model in _REQUIRED]
    known.sort(key=lambda controller: index.get(controller.node.element) or 0)
    return (controller.node for controller in known)


def _other_controllers(domain: Domain) -> Iterator[Node]:
    for controller in domain.controllers:
        is_chipsets = indexes(domain).get(controller.node.element) == 0 and (
            controller.type == "ide" or (domain.is_q35 and controller.type == "sata")
        )
        if controller.type != "pci" and not is_chipsets:
            yield controller.node


def _of_kind(kind: str) -> Callable[[Domain], Sequence[Node]]:
    return lambda domain: domain.outlines(kind)


# The devices in the order in which they get places.
_WANTED: tuple[Callable[[Domain], Iterator[Node] | Sequence[Node]], ...] = (
    _pci_controllers,
    *map(_of_kind, ("filesystem", "interface", "sound")),
    _other_controllers,
    *map(_of_kind, "disk hostdev memballoon rng watchdog video shmem input serial iommu vsock memory crypto".split()),
    *map(_of_kind, ("panic", "pstore")),
)


@once
def faults(domain: Domain) -> list[Fault]:
    """Return what is wrong with the PCI places of an x86 domain; nothing if its buses are not those of the machine."""
    if "controller" in domain.unknown_kinds:
        return []
    if not (domain.is_q35 or domain.is_i440fx) or wrong_root(domain) or _has_wrong_expander(domain):
        return []
    is_written = any(address.place for address in domain.addresses)
    has_buses = any(controller.model in _REQUIRED for controller in domain.pci_controllers)
    has_parts = sum(controller.model in _USB2_FUNCTIONS for controller in domain.controllers) > 1
    if not (is_written or has_buses or has_parts):
        return []
    return list(Slots(domain).faults())


def _has_wrong_expander(domain: Domain) -> bool:
    wrong = "pci-expander-bus" if domain.is_q35 else "pcie-expander-bus"
    return any(controller.model == wrong for controller in domain.pci_controllers)


def wrong_root(domain: Domain) -> Controller | None:
    """Return the PCI controller with index 0 if it is not the root that the machine has."""
    if not (domain.is_q35 or domain.is_i440fx):
        return None
    root = "pcie-root" if domain.is_q35 else "pci-root"
    known = indexes(domain)
    first = next((each for each in domain.pci_controllers if known.get(each.node.element) == 0), None)
    return first if first and first.model in _OFFERED and first.model != root else None


@once
def indexes(domain: Domain) -> dict[Any, int | None]:
    """Return the index of each controller by its element: as written, or the one that libvirt gives it.

    That is the first one that no controller of its type has; the parts of a USB 2 controller share one
    (virDomainAssignControllerIndexes). None is an unreadable index.
    """
    found: dict[Any, int | None] = {}
    used: dict[str, set[int]] = {}
    lacking = []
    for controller in domain.controllers:
        if controller.node.value("index") is None:
            lacking.append(controller)
        else:
            found[controller.node.element] = controller.index
            if controller.index is not None:
                used.setdefault(controller.type, set()).add(controller.index)
    following: dict[str, int] = {}
    group: dict[int, set[str]] = {}
    last = None
    for controller in lacking:
        taken = used.setdefault(controller.type, set())
        part = controller.model if controller.type == "usb" and controller.model in _USB2_FUNCTIONS else None
        if part and last is not None and part not in group[last]:
            index = last
        else:
            index = following.get(controller.type, 0)
            while index in taken:
                index += 1
            following[controller.type] = index + 1
            taken.add(index)
        if controller.type == "usb":
            last = index if part else None
            group.setdefault(index, set()).update({part} if part else ())
        found[controller.node.element] = index
    return found
