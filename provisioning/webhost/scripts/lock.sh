# lock.sh STATE NAME UID GID
# Keeps a user out: the account has expired, the password is locked, nothing of it runs.
set -eu
exec 9>"$1/users.lock"
flock -w 60 9 || exit 75
shift
usermod -L -e 1 "$1"
exec 9>&-
# All at once, so that nothing gets away by starting something new.
setpriv --reuid="$2" --regid="$3" --clear-groups kill -KILL -- -1 2>/dev/null || [ $? -eq 1 ] # nothing ran
