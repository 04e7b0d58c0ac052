# unlock.sh NAME
# Lets a user in again, with the password there was.
set -eu
case $(getent shadow "$1" | cut -d: -f2) in
'!'[!*!]*) usermod -U -e '' "$1" ;;
*) usermod -e '' "$1" ;; # there was no password
esac
