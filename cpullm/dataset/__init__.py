"""Data for training: answers of tasks as chats, divided by document, with a report of what was left out."""

from cpullm.dataset.dividing import Dataset
from cpullm.dataset.making import dataset

__all__ = ["Dataset", "dataset"]
