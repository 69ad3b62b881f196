"""Memory that is known before it is used.

need.py   what engines take: `Memory`, `estimate`, `Needs`
free.py   what is there: `available`, `total`, `limit`
fit.py    whether it fits, and what would: `check`
"""

from cpullm.memory.fit import check
from cpullm.memory.free import available, limit, total
from cpullm.memory.need import Memory, Needs, estimate, gigabytes

__all__ = ["Memory", "Needs", "available", "check", "estimate", "gigabytes", "limit", "total"]
