"""What is quoted as libvirt's words about the options of an interface's driver, as four real releases print them."""

import pytest

from tests.examples import document
from vfslint import lint_bytes
from vfslint.targets import contemporary, version


@pytest.mark.parametrize("release", ["7.0.0", "9.0.0", "12.8.0"])
@pytest.mark.parametrize(
    ("driver", "old", "new"),
    [
        (
            "<driver queues='many'/>",
            "'queues' attribute must be positive number: many",
            "Invalid value for attribute 'queues' in element 'driver': 'many'. Expected non-negative integer value",
        ),
        (
            "<driver txmode='fast'/>",
            "Unknown interface <driver txmode='fast'> has been specified",
            "Invalid value for attribute 'txmode' in element 'driver': 'fast'.",
        ),
        (
            "<driver ioeventfd='x'/>",
            "unknown interface ioeventfd mode 'x'",
            "Invalid value for attribute 'ioeventfd' in element 'driver': 'x'.",
        ),
        (
            "<driver><host csum='yes'/></driver>",
            "unknown host csum mode 'yes'",
            "Invalid value for attribute 'csum' in element 'host': 'yes'.",
        ),
    ],
)
def test_words_about_a_wrong_value(driver: str, old: str, new: str, release: str) -> None:
    xml = document(f"<interface type='user'><model type='virtio'/>{driver}</interface>")
    [finding] = [each for each in lint_bytes(xml, target=contemporary(version(release))) if each.code == "VFS916"]
    assert finding.libvirt_says == (old if release == "7.0.0" else new)
