"""`cpullm bundle`: what is carried to machines without a network, and whether it came whole."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cpullm.cli import arguments as shared
from cpullm.installed import SAMPLE, default_model

_VERIFY = (
    "Read all files of a bundle and compare them with its manifest.json. That finds what was damaged on the way. "
    "Somebody who changes a file can change the manifest with it: against that, only a signature helps (--signer), or "
    "the manifest's sha256, which is shown at the end, told to you by another way than the bundle came."
)


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("bundle", help="make or check a bundle for machines without a network")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_make(commands)
    _add_verify(commands)


def _add_make(commands: Any) -> None:
    parser = commands.add_parser("make", help="put all that a machine without a network needs into one folder")
    parser.add_argument(
        "--model",
        dest="models",
        action="append",
        default=[],
        help="a model's name or a .gguf file; may be given several times, the first is the bundle's default "
        f"(default: {default_model()})",
    )
    parser.add_argument(
        "--book",
        dest="books",
        action="append",
        default=[],
        help=f"{shared.SOURCE}; may be given several times (default: {SAMPLE})",
    )
    parser.add_argument("--out", type=Path, default=Path("dist/cpullm-bundle"), help="the new folder")
    parser.add_argument("--llama", type=Path, required=True, metavar="WHEEL", help="llama.cpp compiled for every CPU")
    parser.add_argument("--sign", type=Path, metavar="KEY", help="sign with this SSH key (~/.ssh/id_ed25519, say)")
    parser.add_argument("--tar", action=argparse.BooleanOptionalAction, default=True, help="the same as one file, too")
    parser.set_defaults(command=_make)


def _make(arguments: argparse.Namespace) -> int:
    from cpullm.bundle import making

    order = making.Order(
        arguments.out,
        arguments.llama,
        tuple(arguments.models or [default_model()]),
        tuple(arguments.books or [SAMPLE]),
        arguments.sign,
        arguments.tar,
    )
    made = making.make(order, lambda step: print(f"bundle: {step}", flush=True))
    target, files = made.manifest.target, made.manifest.files
    print(f"{made.folder}: {len(files)} files, {made.manifest.n_bytes / 1e9:.2f} GB, made in {made.seconds:.0f} s")
    if made.tar is not None:
        print(f"{made.tar}: the same as one file")
    needs = f"glibc {target.glibc} or later" + (f", libstdc++ {target.libstdcxx} or later" if target.libstdcxx else "")
    print(f"for {target.system} {target.machine} with {needs}; holds Python {target.python}, but no Java")
    print(f"signed by {made.signed_by}" if made.signed_by else "not signed: tell the manifest's sha256 by another way")
    print(f"manifest sha256 {made.sha256}")
    print("there: sh install.sh FOLDER")
    return 0


def _add_verify(commands: Any) -> None:
    parser = commands.add_parser("verify", help="compare a bundle with its manifest", description=_VERIFY)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="by default the current folder")
    parser.add_argument(
        "--signer", type=Path, metavar="KEY.pub", help="the public key, or a file of several, that must have signed it"
    )
    parser.set_defaults(command=_verify)


def _verify(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from cpullm.bundle.verifying import verify

    # disable=None: no bar where standard error is a log file.
    with tqdm(desc="reading", unit="B", unit_scale=True, disable=None, leave=False) as bar:

        def told(n_bytes: int, n_all: int) -> None:
            bar.total = n_all
            bar.update(n_bytes)

        verified = verify(arguments.folder, arguments.signer, told=told)
    for finding in verified.findings:
        print(finding)
    print(_conclusion(verified))
    return 1 if verified.findings else 0


def _conclusion(verified: Any) -> str:
    manifest = verified.manifest
    what = f"{shared.count(len(manifest.files), 'file')}, {manifest.n_bytes / 1e9:.1f} GB" if manifest else "no files"
    faults = f"{shared.count(len(verified.findings), 'fault')} in " if verified.findings else "whole: "
    return f"{faults}{what}, {_signed(verified.signature)}; manifest sha256 {verified.sha256}"


def _signed(signature: Any) -> str:
    return {
        "good": f"signed by {signature.fingerprint}",
        "unknown": f"signed by {signature.fingerprint}, whoever that is: give --signer",
        "unsigned": "not signed",
        "unchecked": f"signed, which was not checked ({signature.reason.rstrip('.')})",
        "missing": "not signed",
        "bad": "wrongly signed",
    }[signature.state]
