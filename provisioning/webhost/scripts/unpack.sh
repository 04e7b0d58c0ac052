# unpack.sh HOME UID GID <ARCHIVE
# Makes an archive all that a home holds, with its customer's rights.
exec setpriv --reuid="$2" --regid="$3" --clear-groups /bin/bash -c 'set -euo pipefail
cd -- "$1"
# Of directories that nobody may enter too.
find . -xdev -mindepth 1 -type d ! -perm -700 -exec chmod u+rwx {} \;
find . -xdev -mindepth 1 -delete
tar --extract --file=- --preserve-permissions --no-same-owner --delay-directory-restore
chmod 0710 .' unpack "$1"
