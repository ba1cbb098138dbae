"""Where the schemas lie; nothing else (importlib.resources would cost more than reading them)."""

import os

HERE = os.path.dirname(os.path.abspath(__file__))
DOMAIN_XSD = os.path.join(HERE, "domain.xsd")
