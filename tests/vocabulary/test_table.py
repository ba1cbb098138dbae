"""The compiled vocabulary is consistent, and gives what a value means in each release."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfslint.schemas import _domain
from vfslint.vocabulary import table
from vfslint.vocabulary.table import NEWEST, Reads, Refused

OLD, NEW = (7, 0, 0), (9, 0, 0)
RELEASES = st.none() | st.sampled_from([OLD, NEW, NEWEST])


@pytest.mark.parametrize(
    ("refused", "value", "release"),
    [
        (Refused(), "x", None),
        (Refused(value=OLD), "", OLD),
        (Refused(word=OLD), "", None),
        (Refused(word=OLD), "1", OLD),
        (Refused(letters=OLD), "x", OLD),
        (Refused(letters=OLD), "-1", None),
        (Refused(letters=OLD), " 0x1f", None),
        (Refused(letters=OLD), "1k", OLD),
        (Refused(letters=OLD), "", None),
        (Refused(letters=OLD, value=NEW), "x", OLD),
        (Refused(letters=OLD, value=NEW), "1", NEW),
        (Refused(missing=OLD, repeated=OLD), "x", None),
    ],
)
def test_since_when_a_value_is_refused(refused, value, release):
    assert refused.of_value(value) == release


@given(st.builds(Refused, *[RELEASES] * 5), st.builds(Refused, *[RELEASES] * 5), st.sampled_from(["", "x", "1"]))
def test_refused_in_both_is_refused_in_each(one, other, value):
    both = one.both(other)
    assert both == other.both(one)
    since = both.of_value(value)
    assert since is None or all(since >= each for each in (one.of_value(value), other.of_value(value)) if each)


@pytest.mark.parametrize(
    ("reads", "right", "wrong"),
    [
        (Reads("unsigned", 0, 255), ["0", "255", "+7", " 7"], ["256", "-1", "x", "", "1 ", "1.5", "0x100"]),
        (Reads("unsigned", 1, 2**32 - 1), ["1", "4294967295"], ["0", "4294967296", "9" * 5000]),
        (Reads("unsigned", 0, 2**64 - 1), ["18446744073709551615"], ["18446744073709551616"]),
        (Reads("signed", -1, 65535), ["-1", "0", "65535"], ["-2", "65536"]),
        (Reads("signed", 1, 9, unlimited=True), ["-5", "0", "9"], ["10"]),
        (Reads("unsigned", 0, 255, base=0), ["0x1f", "037", "31"], ["1f", "0x100", "08", "-1", "1 "]),
        (Reads("signed", -1, 9, later=(NEW, 0, 20)), ["0", "20"], ["-1", "21"]),
        (Reads("signed", -1, 9, later=((99, 0, 0), 0, 20)), ["-1", "9"], ["20"]),
    ],
)
def test_numbers_as_the_parser_reads_them(reads, right, wrong):
    assert reads.is_number
    assert [value for value in right if not reads.accepts(value, NEWEST)] == []
    assert [value for value in wrong if reads.accepts(value, NEWEST)] == []


def test_words_besides_the_listed_ones():
    reads = Reads("words", words=(("default", None), ("other", NEW)), unread=("gone",))
    assert not reads.is_number
    assert [reads.accepts(word, OLD) for word in ("default", "other", "gone", "")] == [True, False, False, False]
    assert reads.accepts("other", NEW)


@pytest.mark.parametrize(
    ("test", "attributes", "is_held"),
    [
        (("=", "type", "pci"), {"type": "pci"}, True),
        (("=", "type", "pci"), {}, False),
        (("@", "delay"), {"delay": ""}, True),
        (("not", ("@", "delay")), {}, True),
        (("and", ("@", "a"), ("@", "b")), {"a": "1"}, False),
        (("or", ("@", "a"), ("@", "b")), {"b": "1"}, True),
        (("and", ("@", "a"), ("or", ("@", "b"), ("not", ("=", "a", "1")))), {"a": "2"}, True),
    ],
)
def test_what_selects_a_form(test, attributes, is_held):
    assert table.holds(test, attributes.get) is is_held


def test_forms_of_a_share():
    share = table.places()["filesystem"]["devices"]
    assert "type" in share.selectors
    mounted = share.form_of({"type": "mount"}.get)
    assert mounted is not None
    assert share.form_of({}.get) is not None, "the type is mount if there is none"
    assert share.form_of({"type": "bogus"}.get) is None


def test_where_names_belong():
    assert table.places()["sandbox"].keys() == {"binary"}
    assert table.places()["cache"].keys() >= {"binary", "cell", "cpu"}
    assert table.places()["memoryBacking"].keys() == {"domain"}
    assert "bogus" not in table.places()


@pytest.mark.parametrize("name", _domain.FORMS)
def test_every_form_can_be_read(name):
    form = table.form(name)
    for child in form.children.values():
        assert child.all_forms() or not child.required
        for test, _ in child.forms:
            for selector in child.selectors if test else ():
                assert any(selector in each.attributes for each in child.all_forms()), (child.name, selector)


@pytest.mark.parametrize("name", _domain.FORMS)
def test_history_is_consistent(name):
    """Nothing is refused, or may be left out, before it is known."""
    form = table.form(name)
    for each in (*form.attributes.values(), *form.children.values()):
        since = each.since or (0, 0, 0)
        assert all(release >= since for release in (*each.refused, each.optional_since) if release), each.name
        assert not (each.required and each.optional_since), each.name


@pytest.mark.parametrize("name", _domain.VALUES)
def test_values_have_words_or_a_form_never_both(name):
    values = table.values(name)
    assert not (values.listed and values.form), name
    assert not (values.listed and values.plain), name


def test_every_named_element_has_a_place():
    assert table.element_names() == table.places().keys()
