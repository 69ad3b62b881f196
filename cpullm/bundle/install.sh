#!/bin/sh
# Installs cpullm from the bundle that this file lies in: checks this machine and every file, then unpacks. No network,
# no root, no Python is needed. README.md says what comes then.
set -eu
unset CDPATH PYTHONHOME PYTHONPATH
umask 022

usage='usage: sh install.sh [--signer KEY.pub] [--without-spark] FOLDER

  FOLDER            where to install, a new folder: on every machine, or once on a file system that all see
  --signer KEY.pub  install only what was signed with this SSH key
  --without-spark   for a cluster that has a Spark of its own'

fail() { echo "install.sh: $*" >&2; exit 1; }

bundle=$(cd "$(dirname "$0")" && pwd -P)
manifest=$bundle/manifest.json
folder='' signer='' spark=yes
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help) echo "$usage"; exit 0 ;;
    --signer) [ $# -gt 1 ] || fail "--signer names no key. $usage"; signer=$2; shift ;;
    --without-spark) spark=no ;;
    -*) fail "there is no $1. $usage" ;;
    *) [ -z "$folder" ] || fail "more than one folder is named. $usage"; folder=$1 ;;
    esac
    shift
done
[ -n "$folder" ] || { echo "$usage" >&2; exit 2; }
[ -r "$manifest" ] || fail "$manifest is not there: run the install.sh that lies in the bundle."

# What the manifest says: field NAME, files (sha256, space, path).
field() { sed -n 's/^ *"'"$1"'": "\([^"]*\)".*/\1/p' "$manifest"; }
files() { sed -n 's/^ *{"path": "\([^"]*\)", "bytes": [0-9]*, "sha256": "\([0-9a-f]*\)".*/\2 \1/p' "$manifest"; }
bytes() { sed -n 's|^ *{"path": "'"$1"'[^"]*", "bytes": \([0-9]*\).*|\1|p' "$manifest" | awk '{ n += $1 } END { printf "%.0f", n }'; }
# older A B: is version A before version B?
older() { [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -t . -k 1,1n -k 2,2n -k 3,3n | head -n 1)" = "$1" ]; }

system=$(uname -s) machine=$(uname -m)
libc=$(getconf GNU_LIBC_VERSION 2>/dev/null || true)
libc=${libc#glibc }
here="$system $machine with ${libc:+glibc }${libc:-another C library than glibc}"
for_="this bundle is for $(field system) $(field machine) with glibc $(field glibc) or later"
if [ "$system" != "$(field system)" ] || [ "$machine" != "$(field machine)" ] || [ -z "$libc" ] || older "$libc" "$(field glibc)"; then
    fail "$for_, and this machine is $here: make one for it (docs/airgap.md, \"Which machines\")."
fi
if [ "$machine" = x86_64 ] && [ -r /proc/cpuinfo ]; then
    grep -q '^flags.* sse4_2' /proc/cpuinfo || fail "this machine's CPU does not know SSE4.2 (x86-64-v2), which the packages in this bundle take for granted."
fi

[ ! -e "$folder" ] || fail "$folder exists: name a new folder; versions can lie side by side."

if [ -n "$signer" ]; then
    [ -r "$signer" ] || fail "the key $signer is not there."
    [ -r "$manifest.sig" ] || fail "this bundle is not signed (no manifest.json.sig): do not install it."
    command -v ssh-keygen >/dev/null || fail "ssh-keygen, which checks signatures, is not on this machine: install OpenSSH 8.1 or later."
    ! grep -q 'PRIVATE KEY-----' "$signer" || fail "$signer is a private key: give the public one, and leave this one where it is."
    allowed=$(mktemp) signed=yes
    awk '/^(sk-)?(ssh|ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+\/]+=*( |$)/ { print "bundle", $1, $2 }' "$signer" >"$allowed"
    ssh-keygen -Y verify -f "$allowed" -I bundle -n cpullm-bundle -s "$manifest.sig" <"$manifest" >/dev/null 2>&1 || signed=no
    rm -f "$allowed"
    [ $signed = yes ] || fail "the manifest was not signed with $signer: do not install it."
fi

if command -v sha256sum >/dev/null; then hash=sha256sum
elif command -v shasum >/dev/null; then hash='shasum -a 256'
else hash='openssl dgst -r -sha256'; fi
echo "Checking $(files | wc -l | tr -d ' ') files, $(($(bytes '') / 1000000)) MB; manifest sha256 $($hash "$manifest" | cut -d ' ' -f 1)"
files | while read -r sum path; do
    [ -f "$bundle/$path" ] || fail "$path is missing from the bundle: copy it again."
    found=$($hash "$bundle/$path" | cut -d ' ' -f 1)
    [ "$found" = "$sum" ] || fail "$path is damaged (sha256 $found where $sum is expected): copy it again."
done

mkdir -p "$(dirname "$folder")" || fail "$(dirname "$folder") cannot be made."
folder=$(cd "$(dirname "$folder")" && pwd -P)/$(basename "$folder")
# A folder of its own for each run: two may install to one place at once, and only one gets there.
draft=$(mktemp -d "$folder.part.XXXXXX") || fail "no folder can be made beside $folder."
trap 'rm -rf "$draft"' EXIT
trap 'exit 130' HUP INT TERM
# A model is given a second name where that can be: it is large. But not if somebody else could change it through the first.
linked() { [ -O "$1" ] && ln "$1" "$2" 2>/dev/null; }
need=$((($(bytes env.tar.gz) * 4 + $(bytes corpora/)) / 1024))
if linked "$manifest" "$draft/probe"; then rm "$draft/probe"
else need=$((need + $(bytes models/) / 1024)); fi
[ $spark = no ] || need=$((need + $(bytes wheels/pyspark-) * 2 / 1024))
room=$(df -Pk "$(dirname "$folder")" | awk 'NR == 2 { print $4 }')
[ "$room" -gt "$need" ] || fail "$(dirname "$folder") has room for $((room / 1000)) MB, and $((need / 1000)) MB are needed."
mkdir "$draft/env"

echo "Unpacking"
tar -xzf "$bundle/env.tar.gz" -C "$draft/env" || fail "env.tar.gz could not be unpacked into $draft."
python=$draft/env/bin/python
"$python" -I -c '' || fail "Python does not start here (see above)."
"$python" -I -c 'import cpullm.engine.bindings' || fail "llama.cpp does not load here (see above): is libstdc++ older than GLIBCXX_$(field libstdcxx)?"
if [ $spark = yes ]; then
    echo "Installing Spark"
    wheel=$(files | sed -n 's/.* \(wheels\/pyspark-[^ ]*\)$/\1/p') # as a file: what else lies in the folder was not checked
    [ -n "$wheel" ] || fail "this bundle holds no Spark: give --without-spark."
    PIP_CONFIG_FILE=/dev/null "$python" -I -m pip --isolated install --quiet --no-index --no-deps --no-cache-dir --no-warn-script-location --disable-pip-version-check --root-user-action ignore "$bundle/$wheel" \
        || fail "Spark could not be installed (see above)."
    [ ! -d "$draft/env/local/bin" ] || mv "$draft/env/local/bin"/* "$draft/env/bin/" # where Debian's Python puts programs
fi
mkdir "$draft/models" "$draft/corpora"
files | while read -r sum path; do
    case $path in models/* | corpora/* | docs/* | *.md | LICENSE | sbom.cdx.json) ;; *) continue ;; esac
    mkdir -p "$(dirname "$draft/$path")"
    case $path in models/*) ! linked "$bundle/$path" "$draft/$path" || continue ;; esac
    cp "$bundle/$path" "$draft/$path" || fail "$path could not be copied."
done
cp "$manifest" "$draft/"
chmod -R a+rX "$draft" # what mktemp made is one user's alone, and so may files be that were copied; others run it too
[ ! -e "$folder" ] || fail "$folder was made by somebody else at the same time."
mv "$draft" "$folder"
trap - EXIT

"$folder/env/bin/cpullm" doctor || true
echo "Installed in $folder: the command is $folder/env/bin/cpullm"
