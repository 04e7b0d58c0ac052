# remove.sh STATE HOMES LOGS NAME UID GID SPOOL... -- SCRATCH...
# Removes what belongs to a user, and the user. UID is empty if its number is not known. What
# a user that was lost left running, or in SCRATCH, goes too, unless somebody has its number.
set -eu
state=$1 homes=$2 logs=$3 name=$4 uid=$5 gid=$6
shift 6
if [ -n "$uid" ] && ! getent passwd "$name" >/dev/null; then
  exec 9>"$state/users.lock"
  flock -w 60 9 || exit 75
  if getent passwd "$uid" >/dev/null; then
    uid=''
  else
    setpriv --reuid="$uid" --regid="$gid" --clear-groups kill -KILL -- -1 2>/dev/null || [ $? -eq 1 ]
  fi
  exec 9>&-
fi
rm -rf --one-file-system "${homes:?}/${name:?}" "$homes/.tierhost-$name"
while [ "$1" != -- ]; do
  rm -rf --one-file-system "${1:?}/${name:?}"
  shift
done
shift
if [ -n "$uid" ]; then
  for dir in "$@"; do
    [ ! -d "$dir" ] || find "$dir" -xdev -user "$uid" -delete 2>/dev/null || true
  done
  exec 9>"$state/users.lock"
  flock -w 60 9 || exit 75
  tries=0
  until userdel "$name" 2>/dev/null; do
    code=$?
    [ "$code" -ne 6 ] || break # it is gone
    # It may still run something, which ends in a moment.
    tries=$((tries + 1))
    [ "$code" -eq 8 ] && [ "$tries" -lt 50 ] || exit 75
    setpriv --reuid="$uid" --regid="$gid" --clear-groups kill -KILL -- -1 2>/dev/null || [ $? -eq 1 ]
    sleep 0.1
  done
fi
if getent group "$name" >/dev/null; then groupdel "$name"; fi
rm -f "$logs/$name.log" "$logs/$name.log".* "$state/meters/$name" "$state/meters/.$name".*
