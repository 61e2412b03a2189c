"""How methods are written in figures, tables and on the terminal."""

FAMILY_NAMES = {
    "dense": "Dense",
    "static": "Static",
    "set": "SET",
    "rigl": "RigL",
    "mest": "MEST",
    "granet": "GraNet",
    "gmp": "GMP",
    "snip": "SNIP",
    "grasp": "GraSP",
    "dst": "DST",
}


def method_name(method: str) -> str:
    """Return the written form of a method: ``mest_r`` is MEST-r."""
    family, *rest = method.split("_")
    return "-".join([FAMILY_NAMES.get(family, family), *rest])
