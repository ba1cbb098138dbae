"""How security drivers confine the guest."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.device import NEW_PARSER
from vfslint.domain.elements import SecurityLabel
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule


@rule("VFS958", "security-label-incomplete", severity=Severity.ERROR, stage=Stage.PARSE)
def security_label_incomplete(labels: list[SecurityLabel], context: Context) -> Iterator[Problem]:
    """A security label has the model, the type and the label that it requires, and each model appears once.

    Why: the model names the security driver. It can be missing only if there is a single label that is of type none,
        or dynamic without a base label; libvirt then takes the first driver of the host. A static label is written,
        and a dynamic one requires relabeling. libvirt 9.0.0 and 11.3.0 do not treat a label without a type as dynamic.
    Bad:
        <seclabel type='dynamic'><baselabel>system_u:system_r:svirt_t:s0</baselabel></seclabel>
    Bad:
        <seclabel type='static' model='dac' relabel='yes'><label/></seclabel>
    Bad:
        <seclabel type='dynamic' model='dac'/><seclabel type='none' model='dac'/>
    Bad:
        <seclabel type='dynamic' model='dac'/><seclabel type='none'/>
    Bad:
        <seclabel type='dynamic' model='dac' relabel='no'/>
    Bad (libvirt 9.0.0):
        <seclabel/>
    Good:
        <seclabel type='dynamic' model='selinux'><baselabel>system_u:system_r:svirt_t:s0</baselabel></seclabel>
    Good:
        <seclabel type='none'/>
    libvirt says: missing security model in domain seclabel
    libvirt says: security label is missing
    libvirt says: seclabel for model dac is already provided
    libvirt says: missing security model when using multiple labels
    libvirt says: dynamic label type must use resource relabeling
    See: libvirt domain_conf.c:virSecurityLabelDefParseXML, virSecurityLabelDefsParseXML
    """
    first: dict[str | None, SecurityLabel] = {}
    for label in labels:
        kind, model = _type_of(label, context), label.value("model")
        own = label.child("label")
        if kind not in (None, "dynamic", "static", "none"):
            continue
        if kind == "dynamic" and label.value("relabel") == "no":
            yield Problem(
                at=label.at("relabel"),
                message="a dynamic security label requires relabeling",
                help="write relabel='yes', or type='static' and the label",
                says="dynamic label type must use resource relabeling",
            )
        elif kind == "static" and model != "none" and (own is None or not own.text):
            yield Problem(
                at=(own or label).start_span,
                message="a static security label has no label",
                help="add <label>…</label>, or write type='dynamic'",
                says="security label is missing",
            )
        elif first.setdefault(model, label) is not label:
            yield Problem(
                at=label.at("model"),
                message=f"security model {model!r} appears more than once" if model else "two labels have no model",
                help="keep one label of each model",
                related=(Related(first[model].start_span, "the first one"),),
                says=f"seclabel for model {'(null)' if model is None else model} is already provided",
            )
        elif model is None and (len(labels) > 1 or not _model_is_optional(label, kind)):
            yield Problem(
                at=label.start_span,
                message="a security label has no model",
                help="write model='selinux', 'apparmor' or 'dac'",
                says="missing security model when using multiple labels"
                if len(labels) > 1
                else "missing security model in domain seclabel",
            )


def _type_of(label: SecurityLabel, context: Context) -> str | None:
    """Return the type; these releases reset a missing one, so that it is none of the known types."""
    is_reset = NEW_PARSER <= context.target.libvirt < (11, 4, 0)
    return label.value("type") or (None if is_reset else "dynamic")


def _model_is_optional(label: SecurityLabel, kind: str | None) -> bool:
    base = label.child("baselabel")
    return kind == "none" or (kind == "dynamic" and not (base and base.text))
