"""Parts of domains that need something of a host, and what the rules report of them on one."""

from typing import Any

from tests.examples import document
from vfslint.context import Context
from vfslint.engine import Engine, domains_in
from vfslint.host.facts import Host
from vfslint.rules import RULES
from vfslint.xml.document import read
from vfslint.xml.source import Source

SHARE = "<filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='data'/></filesystem>"


PAGED = "<memoryBacking><hugepages><page size='2' unit='M'/></hugepages><access mode='shared'/></memoryBacking>"
CELLS = (
    "<cpu><numa><cell id='0' cpus='0-3' memory='1' unit='GiB'/>"
    "<cell id='1' cpus='4-7' memory='1' unit='GiB'/></numa></cpu>"
)
TWO_SIZES = (
    "<memoryBacking><hugepages><page size='2' unit='M' nodeset='0'/>"
    "<page size='1' unit='G' nodeset='1'/></hugepages><access mode='shared'/></memoryBacking>"
)
BOUND = "<numatune><memory mode='strict' nodeset='0-1'/><memnode cellid='0' mode='strict' nodeset='1'/></numatune>"
HUNGRY = BOUND + CELLS + TWO_SIZES + SHARE


def domains(fragment: str) -> list[Any]:
    return domains_in(read(Source(document(fragment), "example.xml")), Context())


def checked(fragment: str, facts: Host | None, **context: Any) -> list[Any]:
    engine = Engine(RULES, Context(host=facts, **context))
    return engine.check_xml(Source(document(fragment), "example.xml")).findings


def findings(fragment: str, facts: Host | None, **context: Any) -> set[str]:
    return {found.code for found in checked(fragment, facts, **context) if found.code.startswith("VFS6")}
