"""Values that are computed once: a property of an object, and a function of a domain."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from functools import cached_property as lazy

    from vfslint.domain.domain import Domain
else:

    class lazy:
        """functools.cached_property without the lock that it acquires before Python 3.12.

        Some two hundred of these are computed for each domain, and the lock would cost more than the values.
        Threads share only facts about a machine, which may be computed twice without harm.
        """

        def __init__(self, compute: Any) -> None:
            self.func = compute
            self.__doc__ = compute.__doc__

        def __set_name__(self, owner: type, name: str) -> None:
            self._name = name

        def __get__(self, instance: Any, owner: type) -> Any:
            if instance is None:
                return self
            value = instance.__dict__[self._name] = self.func(instance)
            return value


Value = TypeVar("Value")


def once(compute: Callable[[Domain], Value]) -> Callable[[Domain], Value]:
    """Compute a function of a domain once for each domain, which keeps the result in `known`.

    The result must not refer to the domain: the cycle would stay in memory until the garbage collector finds it.
    """

    def recall(domain: Domain) -> Value:
        known = domain.known
        if compute in known:
            value: Value = known[compute]
            return value
        value = known[compute] = domain.recall(compute)
        return value

    return update_wrapper(recall, compute)


__all__ = ["lazy", "once"]
