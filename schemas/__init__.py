"""Paths of the schemas. importlib.resources would take longer than reading them."""

import os

HERE = os.path.dirname(os.path.abspath(__file__))
DOMAIN_XSD = os.path.join(HERE, "domain.xsd")
