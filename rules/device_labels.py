"""Security labels of single devices."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.character import PORTS
from vfslint.domain.device import NEW_PARSER
from vfslint.domain.domain import Domain
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.xml.document import Node

# The last tested release that also compares a label with the domain's own if it says relabel='no'.
_ALL_COMPARED_UNTIL = (11, 3, 0)


@rule("VFS935", "device-security-label-invalid", severity=Severity.ERROR, stage=Stage.PARSE)
def device_security_label_invalid(domain: Domain, context: Context) -> Iterator[Problem]:
    """The security label of a disk or a character device has a label exactly if libvirt sets it, one for each model.

    Why: `relabel='no'` leaves the source as it is, so that a label would have no effect; otherwise there must be one.
        Neither has an effect if the domain's own label of this model is not set. libvirt 9.0.0 and older do not
        require the label, and 12.8.0 ignores the domain's label next to `relabel='no'`.
    Bad:
        <serial type='file'><source path='/srv/log'>
          <seclabel model='dac' relabel='no'><label>+107:+107</label></seclabel></source></serial>
    Bad:
        <serial type='file'><source path='/srv/log'>
          <seclabel model='dac' relabel='no'/><seclabel model='dac' relabel='no'/></source></serial>
    Bad (libvirt 11.3.0):
        <serial type='file'><source path='/srv/log'><seclabel model='dac' relabel='yes'/></source></serial>
    Bad (libvirt 9.0.0):
        <seclabel type='none' model='dac'/>
        <serial type='file'><source path='/srv/log'><seclabel model='dac' relabel='no'/></source></serial>
    Bad:
        <seclabel type='none' model='dac'/>
        <disk type='file' device='disk'><source file='/srv/a.img'><seclabel model='dac' relabel='yes'>
          <label>+107:+107</label></seclabel></source><target dev='vda' bus='virtio'/></disk>
    Good:
        <serial type='file'><source path='/srv/log'><seclabel model='dac' relabel='no'/></source></serial>
    libvirt says: Cannot specify a label if relabelling is turned off. model=dac
    See: libvirt domain_conf.c:virSecurityDeviceLabelDefParseXML;
        domain_validate.c:virSecurityDeviceLabelDefValidate
    """
    unset = _unset_labels(domain)
    compares_all = context.target.libvirt <= _ALL_COMPARED_UNTIL
    for source in labelled_sources(domain):
        first: dict[str, Node] = {}
        for label in source.children("seclabel"):
            model = label.value("model")
            yield from _label(label, context)
            if model is None:
                continue
            if (other := first.setdefault(model, label)) is not label:
                yield Problem(
                    at=label.at("model"),
                    message=f"security model {model!r} appears more than once",
                    help="keep one <seclabel> of each model",
                    related=(Related(other.at("model"), "the first one"),),
                    says=f"seclabel for model {model} is already provided",
                )
            elif model in unset and (compares_all or label.value("relabel") != "no"):
                yield Problem(
                    at=label.at("model"),
                    message=f"the domain's own label of model {model!r} is not set",
                    help="remove this <seclabel>, or write relabel='yes' in that of the domain",
                    related=(Related(unset[model].start_span, "the label of the domain"),),
                    stage=Stage.DEFINE,
                    says="label overrides require relabeling to be enabled at the domain level",
                )


def _label(label: Node, context: Context) -> Iterator[Problem]:
    relabel, model = label.value("relabel"), label.value("model")
    text = label.child("label")
    spelled = "<null>" if model is None else model
    if relabel not in (None, "yes", "no"):
        is_old = context.target.libvirt < NEW_PARSER
        usual = f"Invalid value for attribute 'relabel' in element 'seclabel': '{relabel}'."
        yield Problem(
            at=label.at("relabel"),
            message=f"{relabel!r} is not a valid value for 'relabel' of <seclabel>",
            help="write relabel='no', or remove it",
            says=f"invalid security relabel value {relabel}" if is_old else usual,
        )
    elif relabel == "no" and text and text.text:
        yield Problem(
            at=text.start_span,
            message="a label is given, although relabel is 'no'",
            help="remove <label>, or relabel='no'",
            says=f"Cannot specify a label if relabelling is turned off. model={spelled}",
        )
    elif relabel == "yes" and not (text and text.text) and context.target.libvirt >= (11, 3, 0):
        yield Problem(
            at=label.at("relabel"),
            message="relabel is 'yes', but no label is given",
            help="add <label>…</label>, or write relabel='no'",
            says=f"Cannot specify relabel if label is missing. model={spelled}",
        )


def _unset_labels(domain: Domain) -> dict[str, Node]:
    """Return the domain's labels that libvirt does not set, by model."""
    found = {}
    for label in domain.elements("seclabel"):
        kind, relabel = label.value("type"), label.value("relabel")
        if kind == "none" or (kind == "static" and relabel != "yes"):
            found[label.value("model") or ""] = label
    return found


def labelled_sources(domain: Domain) -> Iterator[Node]:
    """Yield every source whose labels libvirt reads."""
    for disk in domain.device_nodes("disk"):
        chain: Node | None = disk
        while chain:
            source = chain.child("source")
            if source:
                yield source
            chain = chain.child("backingStore")
    for tag in PORTS:
        for device in domain.device_nodes(tag):
            source = device.child("source")
            if source:
                yield source
