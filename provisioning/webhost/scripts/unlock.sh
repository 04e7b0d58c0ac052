# unlock.sh STATE NAME
# Lets a user in again, with the password there was.
set -eu
exec 9>"$1/users.lock"
flock -w 60 9 || exit 75
shift
case $(getent shadow "$1" | cut -d: -f2) in
'!'[!*!]*) usermod -U -e '' "$1" ;;
*) usermod -e '' "$1" ;; # there was no password
esac
