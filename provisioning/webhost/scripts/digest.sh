# digest.sh HOME UID GID
# Prints the digest of what a home holds: names, sorts, modes, sizes, where links lead, and
# contents. With its customer's rights.
exec setpriv --reuid="$2" --regid="$3" --clear-groups /bin/bash -c 'set -euo pipefail
export LC_ALL=C
cd -- "$1"
{
  find . -xdev -mindepth 1 -type f -printf "f %m %s %P//\0" -o ! -type s -printf "%y %m %P//%l\0" | sort -z
  find . -xdev -type f -print0 | sort -z | xargs -0 -r sha256sum -z --
} | sha256sum | cut -c1-64' digest "$1"
