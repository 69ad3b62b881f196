"""OpenSSH's signature of a bundle's manifest, made and checked by `ssh-keygen -Y` (8.1 or later).

What is signed are the manifest's bytes; the signature lies beside them as `manifest.json.sig`.
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cpullm.errors import InputError, MachineError

NAMESPACE = "cpullm-bundle"
SIGNER = "bundle"  # the name under which ssh-keygen looks for the keys in the list that it is given
_KEY = re.compile(r"(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]+=*(?: |$)")
_VERSION_1 = b"SSHSIG\x00\x00\x00\x01"
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"


@dataclass(frozen=True, slots=True)
class Signature:
    """What can be said of a signature.

    good: by one of the signer's keys. unknown: intact, and no signer was given. unsigned: none, and none is asked for.
    unchecked: no signer was given, and this machine has no ssh-keygen that could look. missing and bad are faults.
    """

    state: Literal["good", "unknown", "unsigned", "unchecked", "missing", "bad"]
    fingerprint: str | None = None
    reason: str = ""

    @property
    def is_fault(self) -> bool:
        """Whether the manifest is not to be believed."""
        return self.state in ("missing", "bad")


def sign(path: Path, key: Path) -> str:
    """Sign a file, to `<name>.sig` beside it; the key's fingerprint.

    The key is a private one, or a public one whose other half ssh-agent holds. ssh-keygen asks for a passphrase, or to
    touch a security key, on the terminal itself. Raises InputError for a key that does not sign.
    """
    program = _ssh_keygen()
    text = _text_of_key(key)
    if not ("PRIVATE KEY-----" in text or _KEY.match(text)):
        raise InputError(f"{key} is not an OpenSSH key: make one with `ssh-keygen -t ed25519`, or name another.")
    signature = path.with_name(path.name + ".sig")
    signature.unlink(missing_ok=True)  # ssh-keygen would ask
    command = [program, "-q", "-Y", "sign", "-f", str(key.absolute()), "-n", NAMESPACE, str(path.absolute())]
    if subprocess.run(command, check=False).returncode or not signature.is_file():
        raise InputError(f"{path.name} was not signed with {key}: ssh-keygen says above why.")
    made = check(path.read_bytes(), signature.read_bytes(), None)
    if made.fingerprint is None:
        raise InputError(f"the signature that {key} made of {path.name} does not fit ({made.reason}): sign again.")
    return made.fingerprint


def check(data: bytes, signature: bytes | None, signer: Path | None) -> Signature:
    """What the signature of these bytes is worth; `signer` is a file of public keys, one a line, as `id_ed25519.pub`.

    Raises InputError for a file that holds no such keys, and MachineError where a signer is given and no ssh-keygen of
    this machine can check.
    """
    keys = [] if signer is None else _public_keys(signer)
    if signature is None:
        return Signature("unsigned" if signer is None else "missing", reason="it is not signed, and a signer is given")
    try:
        program = _ssh_keygen()
    except MachineError as error:
        if signer is not None:
            raise
        return Signature("unchecked", reason=str(error))
    with tempfile.TemporaryDirectory(prefix="cpullm-") as folder:
        return _checked(program, Path(folder), data, signature, keys)


def _checked(program: str, folder: Path, data: bytes, signature: bytes, keys: list[str]) -> Signature:
    file, allowed = folder / "signature", folder / "allowed"
    file.write_bytes(signature)
    allowed.write_text("".join(f"{SIGNER} {key}\n" for key in keys), "ascii")
    intact = _run(program, "check-novalidate", "-s", str(file), data=data)
    by = _fingerprint(intact)
    if not _is_plain(signature) or by is None:
        return Signature("bad", reason=_reason(intact) if by is None else "it was altered")
    if not keys:
        return Signature("unknown", by)
    known = _fingerprint(_run(program, "verify", "-f", str(allowed), "-I", SIGNER, "-s", str(file), data=data))
    return Signature("good", known) if known else Signature("bad", by, f"signed by {by}, which is no key of the signer")


def _run(program: str, verb: str, *arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [program, "-Y", verb, "-n", NAMESPACE, *arguments]
    return subprocess.run(command, input=data, capture_output=True, check=False)


def _fingerprint(done: subprocess.CompletedProcess[bytes]) -> str | None:
    """Whose signature it is, if it is good."""
    found = re.search(rb"^Good .* key (SHA256:[A-Za-z0-9+/]+)\s*$", done.stdout) if done.returncode == 0 else None
    return found[1].decode() if found else None


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    if b"incorrect signature" in done.stderr:
        return "the signature is of another manifest, or the manifest was changed after it was signed"
    lines = done.stderr.decode("ascii", "replace").splitlines()
    return f"ssh-keygen says: {lines[0] if lines else 'no'}"


def _is_plain(signature: bytes) -> bool:
    """Whether the text is as it was written: ssh-keygen reads past white space, spare bits and a version of 0."""
    lines = signature.decode("latin-1").split("\n")
    if [lines[0], *lines[-2:]] != [_BEGIN, _END, ""]:
        return False
    body = "".join(lines[1:-2])
    try:
        blob = base64.b64decode(body)
        return blob.startswith(_VERSION_1) and base64.b64encode(blob).decode() == body
    except ValueError:
        return False


def _ssh_keygen() -> str:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise MachineError("signatures need ssh-keygen, which is not here: install OpenSSH's client, 8.1 or later.")
    said = _run(program, "check-novalidate").stderr.lower()
    if b"unknown option" in said or b"illegal option" in said or b"invalid option" in said:
        raise MachineError(f"{program} cannot sign or check signatures: install OpenSSH 8.1 or later.")
    return program


def _public_keys(path: Path) -> list[str]:
    """The keys of a file as `ssh-ed25519 AAAA…`, without their comments."""
    text = _text_of_key(path)
    if "PRIVATE KEY-----" in text:
        raise InputError(f"{path} is a private key: give the public one, {path}.pub, and leave this one where it is.")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    wrong = next((line for line in lines if not _KEY.match(line)), None)
    if wrong is not None or not lines:
        what = f"has the line {wrong[:40]!r}" if wrong else "is empty"
        raise InputError(f"{path} {what}: a signer's file holds public keys, one a line, as id_ed25519.pub does.")
    return [" ".join(line.split()[:2]) for line in lines]


def _text_of_key(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise InputError(f"the key {path} cannot be read ({error.strerror}): check the path.") from error
