# forget.sh STATE NAME
# Releases the domains of an account and drops its record, the last there is of it, and
# with it whose turn it is.
set -eu
[ ! -d "$1/domains" ] || find "$1/domains" -type l -lname "$2" -delete
rm -f "$1/accounts/$2" "$1/.record.$2."*
rm -f "$1/turns/$2"
