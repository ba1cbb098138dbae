"""Which I/O thread serves which queue of a disk or of a controller (`<driver>`, `<iothreads>`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vfslint.domain.cpu import has_iothread
from vfslint.vocabulary import numbers
from vfslint.xml.document import Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain


def mapping_fault(domain: Domain, threads: list[Node], queue_count: int) -> tuple[Node, str] | None:
    """Return where a mapping is wrong and what libvirt says of it, or None (qemuDomainValidateIothreadMapping).

    `threads` are its `<iothread>` elements, `queue_count` is the number of queues that is written, or 0.
    """
    has_queues = bool(threads and threads[0].children("queue"))
    if has_queues and not queue_count:
        return threads[0], "'queue' count must be configured for explicit iothread to queue mapping"
    used_threads: set[int] = set()
    used_queues: set[int] = set()
    for thread in threads:
        number = numbers.unsigned(thread.value("id") or "")
        queues = [numbers.unsigned(queue.value("id") or "") for queue in thread.children("queue")]
        known = [queue for queue in queues if queue is not None]
        if number is None or len(known) < len(queues):
            return None  # libvirt cannot read it at all
        fault = _thread_fault(domain, number, used_threads)
        if not fault and bool(queues) != has_queues:
            fault = "iothread to queue mapping must be provided for all iothreads or for none"
        fault = fault or _queue_fault(known, used_queues, queue_count)
        if fault:
            return thread, fault
    if has_queues and len(used_queues) < queue_count:
        unused = next(queue for queue in range(len(used_queues) + 1) if queue not in used_queues)
        return threads[0], f"missing iothread mapping for queue '{unused}'"
    return None


def _thread_fault(domain: Domain, number: int, used: set[int]) -> str:
    """Return what is wrong with the thread of an entry, and remember it."""
    if number in used:
        return f"duplicate mapping for iothread '{number}'"
    used.add(number)
    return "" if number and has_iothread(domain, number) else f"iothread '{number}' not defined in iothreadid"


def _queue_fault(queues: list[int], used: set[int], queue_count: int) -> str:
    """Return what is wrong with the queues of an entry, and remember them."""
    for queue in queues:
        if queue >= queue_count:
            return f"iothread queue '{queue}' mapping out of range"
        if queue in used:
            return f"iothread queue '{queue}' is already assigned"
        used.add(queue)
    return ""
