# useradd.sh STATE ARGUMENT...
# Runs useradd; its kind fail or wait for seconds where two of them run at once.
exec 9>"$1/users.lock"
flock -w 60 9 || exit 75
shift
exec /usr/sbin/useradd "$@"
