"""Who a domain is and how it lives: its type, name, UUID, events."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.domain import Domain
from vfslint.domain.elements import Resource, Title
from vfslint.findings import Fix, Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.rules.machine import emulator_says
from vfslint.subjects import Deviating
from vfslint.targets import Version
from vfslint.vocabulary import numbers
from vfslint.xml import edits

# The configuration is stored in a file `NAME.xml`, written first as `NAME.xml.new`: 255 bytes less 8.
LONGEST_NAME = 247
LONGEST_APPLICATION_ID = 128
HARDWARE_UUID: Version = (11, 7, 0)


@rule("VFS020", "domain-type-missing", severity=Severity.ERROR, stage=Stage.PARSE, any_hypervisor=True)
def domain_type_missing(domain: Domain) -> Iterator[Problem]:
    """A domain has a type.

    Why: `domain/@type` selects the hypervisor, and with it libvirt's driver; an empty one counts as missing.
    Bad:
        <domain><name>web</name>
    Good:
        <domain type='kvm'><name>web</name>
    libvirt says: missing domain type attribute
    See: libvirt domain_conf.c:virDomainDefParseCaps
    """
    if not domain.type:
        yield Problem(
            at=domain.node.at("type"),
            message="the domain has no type",
            help="write type='kvm', or type='qemu' without hardware virtualization",
        )


@rule("VFS022", "domain-type-without-driver", severity=Severity.ERROR, stage=Stage.DEFINE, any_hypervisor=True)
def domain_type_without_driver(domain: Domain) -> Iterator[Problem]:
    """libvirt has a driver for the domain type.

    Why: libvirt still accepts the types 'uml' and 'phyp', whose drivers were removed in 5.0.0 and 6.0.0,
        'kqemu', an accelerator that QEMU removed in 2009, and 'none', but no driver can run such a domain.
    Bad:
        <domain type='kqemu'><name>web</name>
    Good:
        <domain type='qemu'><name>web</name>
    libvirt says: does not support virt type
    See: libvirt qemu_capabilities.c:virQEMUCapsInitGuestFromBinary
    """
    if domain.type in ("kqemu", "none", "phyp", "uml"):
        yield Problem(
            at=domain.node.at("type"),
            message=f"libvirt has no driver for domain type {domain.type!r}",
            help="write type='kvm' or type='qemu'",
            says=emulator_says(domain, f"virt type '{domain.type}'"),
        )


@rule("VFS023", "name-missing", severity=Severity.ERROR, stage=Stage.PARSE, any_hypervisor=True)
def name_missing(domain: Deviating[Domain]) -> Iterator[Problem]:
    """A domain has a name.

    Why: libvirt stores and finds the domain by its name. Only the first `<name>` counts, and an empty one
        counts as missing.
    Bad:
        <name/>
    Good:
        <name>web</name>
    libvirt says: missing name information
    See: libvirt domain_conf.c:virDomainDefParseIDs
    """
    if not domain.name:
        node = domain.first("name")
        yield Problem(
            at=node.start_span if node else domain.node.start_span,
            message="the domain's name is empty" if node else "the domain has no name",
            help="add <name>…</name>",
        )


@rule("VFS024", "name-unusable", severity=Severity.ERROR, stage=Stage.PARSE, any_hypervisor=True)
def name_unusable(domain: Domain) -> Iterator[Problem]:
    """A domain's name can be used as a file name.

    Why: libvirt rejects slashes and line breaks, and stores the domain in a file with this name.
    Bad:
        <name>web/1</name>
    Bad:
        <name>
          web</name>
    Bad:
        <name>..</name>
    Good:
        <name>web 1</name>
    libvirt says: cannot contain '/'
    libvirt says: invalid char in name
    See: libvirt domain_conf.c:virDomainDefParseIDs, virdomainobjlist.c, virxml.c:virXMLCheckIllegalChars
    """
    fault = _fault_of_name(domain.name)
    node = domain.first("name")
    if fault and node:
        yield Problem(
            at=node.text_span,
            message=f"the domain's name {domain.name!r} {fault[0]}",
            help=fault[1],
            stage=None if "/" in domain.name or "\n" in domain.name else Stage.DEFINE,
            # Otherwise, libvirt names the file that it cannot write.
            says=f"name {domain.name} cannot contain '/'"
            if "/" in domain.name
            else "invalid char in name:"
            if "\n" in domain.name
            else "",
        )


def _fault_of_name(name: str) -> tuple[str, str] | None:
    if "/" in name:
        return "contains a slash", "replace the slash"
    if "\n" in name:
        return "contains a line break", "write it on one line, without line breaks around it"
    if name in (".", ".."):
        return "is a directory", "use another name"
    size = len(name.encode())
    if size > LONGEST_NAME:
        return f"is {size} bytes long, but the limit is {LONGEST_NAME}", "shorten it"
    return None


@rule("VFS025", "uuid-malformed", severity=Severity.ERROR, stage=Stage.PARSE, any_hypervisor=True)
def uuid_malformed(domain: Deviating[Domain]) -> Iterator[Problem]:
    """A UUID has 32 hexadecimal digits.

    Why: dashes and whitespace between its bytes are accepted, but nothing else, and no digit may be missing. If
        there is no `<uuid>`, or an empty one, libvirt generates one.
    Bad:
        <uuid>c7a5fdbd-cdaf-9455-926a-d65c16db180</uuid>
    Good:
        <uuid>c7a5fdbd-cdaf-9455-926a-d65c16db1809</uuid>
    libvirt says: malformed uuid element
    libvirt says: malformed genid element
    See: libvirt viruuid.c:virUUIDParse
    """
    hardware = domain.first("hwuuid") if domain.context.target.libvirt >= HARDWARE_UUID else None
    for node in (domain.first("uuid"), domain.first("genid"), hardware):
        if node is None or not node.text or numbers.is_uuid(node.text):
            continue
        yield Problem(
            at=node.text_span,
            message=f"{node.text.strip()!r} is not a UUID",
            help=f"write 32 hexadecimal digits, or remove <{node.tag}> and let libvirt generate one",
            says=f"malformed {node.tag} element",
        )


@rule(
    "VFS026",
    "title-with-line-break",
    severity=Severity.ERROR,
    stage=Stage.PARSE,
    any_hypervisor=True,
)
def title_with_line_break(title: Title) -> Iterator[Problem]:
    """A title is a single line.

    Why: `virsh list --title` prints one line per domain; libvirt rejects a line break, also at the start or
        end.
    Bad:
        <title>Web server
        of the farm</title>
    Good:
        <title>Web server of the farm</title>
    libvirt says: Domain title can't contain newlines
    Fix: joins the lines.
    Fixed:
        <title>Web server of the farm</title>
    See: libvirt domain_conf.c:virDomainDefParseXML
    """
    if "\n" in title.text:
        one_line = " ".join(title.text.split())
        yield Problem(
            at=title.text_span,
            message="the title contains a line break",
            help="write it on one line; only <description> can have several",
            fix=Fix("write the title on one line", (edits.set_whole_text(title, one_line),)),
        )


@rule("VFS059", "resource-without-partition", severity=Severity.ERROR, stage=Stage.PARSE)
def resource_without_partition(resource: Resource, context: Context) -> Iterator[Problem]:
    """`<resource>` has a partition or the id of an application.

    Why: without these it has no effect. libvirt rejects it, since 9.0.0 at the latest without a reason. The id marks
        the guest's traffic on a Fibre Channel network, and has 1 to 128 printable characters.
    Bad:
        <resource/>
    Bad:
        <resource><fibrechannel appid=''/></resource>
    Bad:
        <resource><fibrechannel appid='é'/></resource>
    Good:
        <resource><partition>/machine</partition></resource>
    libvirt says: missing resource partition attribute
    libvirt says: An error occurred, but the cause is unknown
    libvirt says: Fibre Channel 'appid' is not a printable string
    libvirt says: Fibre Channel 'appid' string length must be between [1, 128]
    Fix: removes `<resource>`.
    See: libvirt domain_conf.c:virDomainResourceDefParse, domain_validate.c:virDomainDefResourceValidate
    """
    partition, channel = resource.child("partition"), resource.child("fibrechannel")
    reads_id = context.target.libvirt >= (9, 0, 0)
    application = channel.attribute("appid") if channel and reads_id else None
    if application and application.value:
        is_printable = all(" " <= letter <= "~" for letter in application.value)
        if not is_printable or len(application.value) > LONGEST_APPLICATION_ID:
            yield Problem(
                at=application.span,
                message=f"application id {application.value!r} is not printable ASCII"
                if not is_printable
                else f"the application id has more than {LONGEST_APPLICATION_ID} characters",
                help=f"write 1 to {LONGEST_APPLICATION_ID} printable characters",
                stage=Stage.DEFINE,
                says="Fibre Channel 'appid' is not a printable string"
                if not is_printable
                else f"Fibre Channel 'appid' string length must be between [1, {LONGEST_APPLICATION_ID}]",
            )
    elif not (partition and partition.text):
        yield Problem(
            at=resource.start_span,
            message="<resource> has no partition",
            help="add <partition>/machine</partition>, or remove <resource>",
            fix=Fix("remove <resource>", (edits.remove_element(resource),)),
            says="An error occurred, but the cause is unknown" if reads_id else "missing resource partition attribute",
        )


@rule("VFS049", "lifecycle-action-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def lifecycle_action_unsupported(domain: Domain, context: Context) -> Iterator[Problem]:
    """QEMU supports the actions for shutdown, reboot and crash.

    Why: some actions are for other hypervisors, and libvirt rejects them for QEMU since 9.0.0 at the latest; a
        core dump is possible only after a crash.
    Bad:
        <on_poweroff>preserve</on_poweroff>
    Good:
        <on_poweroff>destroy</on_poweroff>
    libvirt says: qemu driver doesn't support the 'preserve' action for 'on_reboot'/'on_poweroff'
    libvirt says: doesn't support 'coredump-destroy' action
    See: libvirt qemu_validate.c:qemuValidateLifecycleAction, domain_conf.c:virDomainDefLifecycleParse
    """
    is_new = context.target.libvirt >= (9, 0, 0)
    written = {tag: domain.first(tag) for tag in ("on_poweroff", "on_reboot", "on_crash")}
    actions = {tag: node.text for tag, node in written.items() if node}
    # A guest that starts again when it powers off and is destroyed when it reboots.
    is_reversed = (actions.get("on_poweroff"), actions.get("on_reboot")) == ("restart", "destroy")
    for tag, node in written.items():
        action = actions.get(tag, "")
        dumps_core = action in ("coredump-destroy", "coredump-restart") and tag != "on_crash"
        refused = action == "rename-restart" or (action == "preserve" and tag != "on_crash")
        if node and (dumps_core or (is_new and (refused or (is_reversed and tag == "on_reboot")))):
            yield Problem(
                at=node.text_span,
                message=f"QEMU does not support action {action!r} in <{tag}>",
                help="write destroy or restart",
                stage=Stage.PARSE if dumps_core else None,
                says=_about_action(tag, action),
            )


def _about_action(tag: str, action: str) -> str:
    """Return what libvirt prints about an action that QEMU does not support."""
    if action in ("coredump-destroy", "coredump-restart"):
        return f"Lifecycle event '{tag.removeprefix('on_')}' doesn't support '{action}' action"
    if action == "destroy":
        return "qemu driver doesn't support 'onReboot' set to 'destroy and 'onPoweroff' set to 'reboot'"
    others = "/'on_crash'" if action == "rename-restart" else ""
    return f"qemu driver doesn't support the '{action}' action for 'on_reboot'/'on_poweroff'{others}"
