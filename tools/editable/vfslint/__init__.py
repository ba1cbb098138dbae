"""The package vfslint, made of the folders lint, rules and schemas of this checkout, for an editable installation."""

from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[3]
_INIT = _CHECKOUT / "lint" / "__init__.py"
__path__ = [str(_INIT.parent), str(_CHECKOUT)]
exec(compile(_INIT.read_text(encoding="utf-8"), _INIT, "exec"))
