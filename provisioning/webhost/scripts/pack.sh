# pack.sh HOME UID GID
# Writes what a home holds as an archive, with its customer's rights, who may have put
# links everywhere. (What is a socket is nothing without its program.)
exec setpriv --reuid="$2" --regid="$3" --clear-groups /bin/bash -c 'set -euo pipefail
cd -- "$1"
find . -xdev -mindepth 1 -maxdepth 1 ! -type s -print0 | LC_ALL=C sort -z |
  tar --create --file=- --format=posix --one-file-system --null --files-from=-' pack "$1"
