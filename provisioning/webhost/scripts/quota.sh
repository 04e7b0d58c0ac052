# quota.sh STATE FILESYSTEM NAME KIBIBYTES
# Sets the hard limit of a user; 0 is none. One at a time, because the tools write to one
# file where the kernel does not count.
set -eu
exec 9>"$1/quota.lock"
flock -w 30 9 || exit 75
setquota -u "$3" 0 "$4" 0 0 "$2"
