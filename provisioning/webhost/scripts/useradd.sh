# useradd.sh STATE LOW HIGH NUMBER ARGUMENT...
# Runs useradd; its kind fail or wait for seconds where two of them run at once. A user gets
# NUMBER, or if that is empty one from LOW to HIGH that no user has and no record names: what
# an account whose user was lost still has belongs to its number.
set -u
state=$1 low=$2 high=$3 number=$4
shift 4
exec 9>"$state/users.lock"
flock -w 60 9 || exit 75
if [ -n "$number" ]; then
  ! getent passwd "$number" >/dev/null || exit 73
  exec /usr/sbin/useradd -u "$number" "$@"
fi
tries=0
while :; do
  number=$({
    getent passwd | cut -d : -f 3
    find "$state/accounts" -type f -exec grep -ho '"uid":[0-9]*' {} + | cut -d : -f 2
  } | awk -v low="$low" -v high="$high" '
    $1 >= low && $1 <= high {used[$1 + 0]; if ($1 > last) last = $1 + 0}
    END {
      n = last ? last + 1 : low
      if (n > high) for (n = low; n in used; n++) ;
      if (n <= high) print n
    }')
  [ -n "$number" ] || { echo "no number is left from $low to $high" >&2; exit 71; }
  /usr/sbin/useradd -u "$number" "$@" && exit 0
  code=$?
  # Somebody else made a user at the same time.
  tries=$((tries + 1))
  [ "$code" -eq 4 ] && [ "$tries" -lt 10 ] || exit "$code"
done
