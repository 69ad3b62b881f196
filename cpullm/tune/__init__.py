"""The fast way to compute for a model on this CPU: found by measuring, stored, used from then on.

search.py      one thing changed at a time, kept if it is faster beyond noise; pure
siblings.py    the same weights in a format this CPU computes faster, and what that loses
meters.py      variants measured with a real engine
tuning.py      the order of the search, on a quiet machine and beside busy processes: `tune`
store.py       what was found, by model and CPU: `Tuned`, `stored`
"""

from cpullm.tune.store import Tuned, cpu, stored
from cpullm.tune.tuning import tune

__all__ = ["Tuned", "cpu", "stored", "tune"]
