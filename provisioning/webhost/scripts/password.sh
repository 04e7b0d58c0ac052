# password.sh STATE <NAME:PASSWORD
# Sets a password, if the line is complete.
exec 9>"$1/users.lock"
flock -w 60 9 || exit 75
IFS= read -r line || exit 74 # cut off on its way
printf '%s\n' "$line" | chpasswd
