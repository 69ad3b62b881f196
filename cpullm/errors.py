"""The error tree. A message says what happened, with which value, and what to do.

    CpullmError
    ├── OptionError       an option has a value that cannot work
    ├── InputError        a document, book or table as a whole cannot be used
    ├── ModelError        a model file is missing, damaged or not a model
    ├── FetchError        something could not be brought from the network
    ├── MachineError      this machine or cluster lacks something the job needs
    └── EngineError       llama.cpp refused in the middle of the work

A bad document among good ones is a row with `error`, never an exception.
"""


class CpullmError(Exception):
    """What every error of this package is; takes only the message, so that it pickles."""


class OptionError(CpullmError, ValueError):
    """An option has a value that cannot work."""


class InputError(CpullmError, ValueError):
    """A document, book or table as a whole cannot be used."""


class ModelError(CpullmError):
    """A model file is missing, damaged or not a model."""


class FetchError(CpullmError):
    """Something could not be brought from the network."""


class MachineError(CpullmError):
    """This machine or cluster lacks something the job needs."""


class EngineError(CpullmError):
    """llama.cpp refused in the middle of the work."""
