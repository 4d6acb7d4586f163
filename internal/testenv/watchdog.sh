# Runs one PostgreSQL server for as long as the process at the other end of the
# standard input lives.
#   $1  the postgres program
#   $2  the server's folder; the data lie in $2/data
# On the standard input: "stop" or "crash" end the server and keep its folder, for
# a later start; the end of the input stops the server and removes the folder.
exec 3<&0 </dev/null
"$1" -D "$2/data" 3<&- &
server=$!
(
	word=
	read -r word <&3
	case $word in
	stop) kill -INT "$server" ;;
	crash) kill -QUIT "$server" ;;
	*) : >"$2/remove"; kill -QUIT "$server" ;;
	esac
) >/dev/null 2>&1 &
exec 3<&-
wait "$server"
status=$?
if [ -e "$2/remove" ]; then
	cd / && rm -rf "$2"
else
	echo "$status" >"$2/exited"
fi
exit 0
