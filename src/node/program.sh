# The constant program that answers on a node. It is the exec request itself; questions,
# payloads and secrets come on stdin and never become part of this text (T-12).
#
# In:  one record a line, `LENGTH<tab>VERB<tab>FIELD...`; LENGTH counts what follows its tab. The
#      records of a run that only asks come as $1, escaped for printf: no round trip for stdin.
#      From stdin come a line with their bytes in all and then they themselves, which are read at
#      once, because a shell of its own reads byte by byte. Every line behind them is a sign of life.
# Out: `VERB<tab>LENGTH`, newline, LENGTH bytes, newline. The last record is `end`.
#
# Only what every sh has, and as few processes as can be: built-ins, one stat, one head, one docker.
# No single quote may stand in this file outside of pairs that balance.

LC_ALL=C
TZ=UTC0
export LC_ALL TZ
umask 077
set -f
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin
tab="	"
nl="
"
begun= kept= watched= proofs= targets= same= owner= stopped= locked=
trap 'drop; unlock' EXIT
trap 'exit 1' HUP INT TERM PIPE

answer() {
	printf "%s\t%s\n%s\n" "$1" "${#2}" "$2"
}

# A limit in time for what may hang, where the system has one. Only ever in a subshell.
bounded() {
	if [ -n "$limited" ]; then exec timeout $limited 25 "$@"; fi
	exec "$@"
}

# What stands before the seconds of `timeout`: `--`, or the `-t` of a busybox before 1.30. Only what
# may be busybox is tried, because trying takes two processes.
find_limit() {
	limited=
	IFS=:
	for place in $PATH; do
		if [ -x "$place/timeout" ]; then break; fi
	done
	if [ ! -x "$place/timeout" ]; then return; fi
	limited=--
	if [ -L "$place/timeout" ] || [ "$place/timeout" -ef "$place/busybox" ]; then
		if timeout 5 true 2>/dev/null; then return; fi
		limited=
		if timeout -t 5 true 2>/dev/null; then limited=-t; fi
	fi
}

# Absent is a measurement only where the way to the place could be searched.
missing() {
	up=${1%/*}
	while [ -n "$up" ] && [ ! -d "$up" ]; do
		if [ -e "$up" ] || [ -L "$up" ]; then break; fi
		up=${up%/*}
	done
	if [ -z "$up" ] || [ ! -d "$up" ] || [ -x "$up" ]; then
		out="${out}absent${tab}$1$nl"
	else
		out="${out}unread${tab}$1${tab}$up may not be searched$nl"
	fi
}

# Each field is a mark and a path: s (owner and mode only), r (content too), g (a glob, content too),
# d (a directory and what is in it, owner and mode only), k (a kernel value).
files() {
	out= stats= reads= values=
	IFS=$nl
	for field; do
		path=${field#?}
		case $field in
		k*)
			if [ -e "/proc/sys/$path" ]; then
				values="$values/proc/sys/$path$nl"
				out="${out}value${tab}$path$nl"
			else
				out="${out}novalue${tab}$path$nl"
			fi
			;;
		g*)
			set +f
			for found in $path; do one r "$found" quiet; done
			set -f
			;;
		d*)
			if [ -d "$path" ] && { [ ! -r "$path" ] || [ ! -x "$path" ]; }; then
				out="${out}unread${tab}$path${tab}$path may not be listed$nl"
			else
				one s "$path"
				set +f
				for found in "$path"/* "$path"/.[!.]*; do one s "$found" quiet; done
				set -f
			fi
			;;
		*) one "${field%"$path"}" "$path" ;;
		esac
	done
	if [ -n "$stats" ]; then
		out="$out$(stat -L -c "file$tab%a$tab%u$tab%g$tab%U$tab%G$tab%s$tab%y$tab%F$tab%n" -- $stats 2>/dev/null)$nl"
	fi
	content=
	# Each behind its name; the last one is empty, so that no other loses the ends of its last lines.
	# Not with the shell's own read: some shells read byte by byte, and /proc/sys gives only the first.
	if [ -n "$values$reads" ]; then
		content=$(head -v -c 1048577 -- $values $reads - 2>/dev/null </dev/null)
	fi
	IFS=$tab
	answer files "$out"
	answer content "$content"
}

one() {
	if [ -L "$2" ]; then out="${out}link${tab}$2$nl"; fi
	if [ -e "$2" ]; then
		stats="$stats$2$nl"
		if [ "$1" = r ] && [ -f "$2" ]; then
			reads="$reads$2$nl"
			out="${out}read${tab}$2$nl"
		fi
	elif [ -z "${3-}" ]; then
		missing "$2"
	fi
}

containers() {
	if ! command -v docker >/dev/null 2>&1; then
		answer nodocker "docker is not installed or not on the PATH ($PATH)"
		return
	fi
	# What it prints and what it complains about in one run: the reader tells them apart.
	said=$(bounded docker inspect --type container "$@" 2>&1)
	status=$?
	case $status in 124 | 143) said="docker did not answer within 25 s" ;; esac
	answer containers "$said"
	# Where no component says where its files are, the name of the system tells (rke.md 6).
	case $status$said in
	124* | 143* | *\"/etc/kubernetes\"*) ;;
	*) answer system "$(bounded docker info --format "{{.OperatingSystem}}" 2>/dev/null)" ;;
	esac
}

# What a write into these directories, or over these files, would fail on, and what a killed run
# left there.
room() {
	out= dirs= held= guess=
	# Most shells ask the kernel, which lets nobody write what is immutable. One that goes by the mode
	# believes that root may write even this, which nobody may; there lsattr has to tell.
	if [ -w /proc/sys/kernel/ostype ]; then guess=1; fi
	IFS=$nl
	for path; do
		nearest "$path"
		if [ ! -w "$near" ]; then out="${out}readonly${tab}$path${tab}$near$nl"; fi
		dirs="$dirs$near$nl"
		held="$held$near$nl"
		if [ -f "$path" ] && [ ! -L "$path" ]; then
			held="$held$path$nl"
			if [ ! -w "$path" ]; then out="${out}fixed${tab}$path$nl"; fi
		fi
		out="${out}near${tab}$path${tab}$near$nl"
	done
	out="$out$(stat -f -c "free$tab%a$tab%S$tab%d$tab%c$tab%n" -- $dirs 2>/dev/null)$nl"
	if [ -n "$guess" ] && command -v lsattr >/dev/null 2>&1; then
		for line in $(lsattr -d -- $held 2>/dev/null); do
			case ${line%% *} in *[ai]*) out="${out}fixed$tab${line#* }$nl" ;; esac
		done
	fi
	IFS=$tab
	answer room "$out"
	leftovers "$@"
}

# The directory that is there, of those that lead to PATH.
nearest() {
	near=$1
	while [ -n "$near" ] && [ ! -d "$near" ]; do near=${near%/*}; done
	near=${near:-/}
}

# What a killed run left beside these files.
leftovers() {
	out=
	for path; do
		nearest "$path"
		set +f
		for left in "$near"/.*.harden; do
			if [ -f "$left" ]; then out="$out$left$nl"; fi
		done
		set -f
	done
	answer leftovers "$out"
}

tools() {
	out=
	for tool; do
		if ! command -v "$tool" >/dev/null 2>&1; then out="$out$tool$nl"; fi
	done
	if ! PATH= command -v printf >/dev/null 2>&1; then
		out="${out}printf (built into the shell)$nl"
	fi
	answer tools "$out"
}

# secrets PREFIX FROM: keys and the first bytes of values, which are names and no content (T-13).
# The range ends at the character after the slash.
secrets() {
	page="--endpoints=https://127.0.0.1:2379 get $2 $1/secrets0 --write-out=json"
	IFS=" "
	out=$(bounded docker exec etcd etcdctl $page --limit=200 2>/dev/null |
		grep -oE "\"cluster_id\":|\"key\":\"[^\"]*\"|\"value\":\"[^\"]{0,120}")
	if [ -n "$out" ]; then
		answer secrets "$out"
	else
		answer refused "$(bounded docker exec etcd etcdctl $page --limit=1 2>&1 >/dev/null)"
	fi
	IFS=$tab
}

# log CONTAINER: its last lines, both streams.
log() {
	answer log "$(bounded docker logs --tail 5 "$1" 2>&1)"
}

# proven PATH DIGEST FILE...: whether each file has the digest before it, by one program. Else `wrong` is
# the first that has not, and `broken` the path that it is there for. A name with a backslash puts
# one before its digest.
proven() {
	wanted= names= broken=
	while [ $# -gt 0 ]; do
		wanted="$wanted$2$tab$1$nl"
		names="$names$3$nl"
		shift 3
	done
	IFS=$nl
	if [ -n "$names" ]; then set -- $(sha256sum $names 2>/dev/null); fi
	for wrong in $names; do
		broken=${wanted%%"$nl"*}
		has=${1-}
		has=${has%% *}
		has=${has#\\}
		if [ "$has" != "${broken%%"$tab"*}" ]; then
			broken=${broken#*"$tab"}
			return 1
		fi
		wanted=${wanted#*"$nl"}
		shift
	done
	broken=
}

# Refuses what is no longer of the kind that the plan saw: a digest, or "absent".
alike() {
	if [ -L "$1" ]; then why="$1 is a symbolic link"; return 1; fi
	if [ ! -e "$1" ]; then
		if [ "$2" = absent ]; then return 0; fi
		why="drifted: $1 was there and is gone"
		return 1
	fi
	if [ ! -f "$1" ]; then why="$1 is not a regular file"; return 1; fi
	if [ "$2" = absent ]; then why="drifted: $1 was not there and is now"; return 1; fi
}

# With SELinux, a file has the label of the one that it replaces, and a new one that of its directory.
label() {
	if [ ! -e /sys/fs/selinux/enforce ] || ! command -v chcon >/dev/null 2>&1; then return 0; fi
	like=$1
	if [ ! -e "$like" ]; then like=${1%/*}; fi
	why=$(chcon --reference="$like" "$2" 2>&1) && return 0
	case $why in
	*"not supported"*) why= ;; # a file system without labels
	*) return 1 ;;
	esac
}

# put PATH MODE UID GID SEEN KEEP DIGEST CONTENT, and so on for more files, each with an answer of its
# own: all are made ready, then all take their places.
put() {
	asked= settled= broken=
	while [ $# -ge 8 ]; do
		asked="$asked$1$nl"
		if [ -z "$stopped$broken" ]; then
			ready "$@" || broken=$1
		fi
		shift 8
	done
	if [ -z "$stopped$broken" ]; then
		settle || broken=${broken:-${asked%%"$nl"*}}
	fi
	drop
	IFS=$nl
	for path in $asked; do
		case $nl$settled$nl$broken in
		*"$nl$path$nl"*) answer done "" ;;
		*"$nl$path")
			stopped=1
			answer failed "${why:-no reason given}"
			;;
		*) answer skipped "" ;;
		esac
	done
	IFS=$tab
}

# ready PATH MODE UID GID SEEN KEEP DIGEST CONTENT
ready() {
	alike "$1" "$5" || return 1
	dir=${1%/*}
	if [ ! -d "$dir" ]; then
		why=$(umask 022; mkdir -p "$dir" 2>&1) || return 1
	fi
	watch "$1" "$5" "$6" || return 1
	beside "$1" "$7" || return 1
	why=$(set -C; printf "%b" "$8" 2>&1 >"$tmp") || {
		why="$tmp could not be written in full${why:+: $why}"
		return 1
	}
	over "$1" "$2 $3 $4"
}

# unput PATH SEEN KEEP none, or unput PATH SEEN KEEP KEPT DIGEST MODE UID GID
unput() {
	alike "$1" "$2" || return 1
	if [ "$4" != none ]; then alike "$4" "$5" || return 1; fi
	watch "$1" "$2" "$3" || return 1
	if [ "$4" = none ]; then
		settle || return 1
		why=$(rm -f "$1" 2>&1) || return 1
		sync "${1%/*}" 2>/dev/null || sync
		return 0
	fi
	watch "$4" "$5" none
	beside "$1" "$5" || return 1
	why=$(cp "$4" "$tmp" 2>&1) || {
		why="$tmp could not be written in full${why:+: $why}"
		return 1
	}
	over "$1" "$6 $7 $8" && settle
}

# watch PATH SEEN KEEP: until it is replaced, a file is to stay as the plan saw it. It is copied to where
# it is kept, once: what a run replaces first is what was before it. The copy counts when its digest
# is proven, and does not stay before that.
watch() {
	watched="$watched$2$tab$1$nl"
	if [ "$2" != absent ]; then proofs="$proofs$1$nl$2$nl$1$nl"; fi
	if [ ! -f "$1" ] || [ "$3" = none ] || [ -e "$3" ]; then return 0; fi
	if [ ! -d "${3%/*}" ]; then
		why=$(mkdir -p "${3%/*}" 2>&1) || return 1
	fi
	kept="$kept$3$nl"
	proofs="$proofs$1$nl$2$nl$3$nl"
	why=$(cp -p "$1" "$3" 2>&1)
}

# Removes what changes have begun and not ended, and the directories that nothing else is in.
drop() {
	if [ -n "$begun$kept" ]; then
		IFS=$nl
		rm -f $begun $kept
		for left in $kept; do rmdir -p "${left%/*}" 2>/dev/null; done
	fi
	IFS=$tab
	begun= kept= watched= proofs= targets= same= owner=
}

# beside PATH DIGEST: names the file that is written beside; one that a killed run left is removed.
beside() {
	tmp=${1%/*}/.${1##*/}.harden
	gone "$tmp" || return 1
	begun="$begun$tmp$nl"
	proofs="$proofs$1$nl$2$nl$tmp$nl"
}

gone() {
	if [ -e "$1" ] || [ -L "$1" ]; then why=$(rm -f "$1" 2>&1); fi
}

# over PATH OWNER: what is written beside is to become the file. Those with one mode and owner get
# them together.
over() {
	if [ "$owner" != "$2" ]; then
		owned || return 1
		owner=$2
	fi
	same="$same$tmp$nl"
	targets="$targets$1$nl"
	label "$1" "$tmp"
}

owned() {
	if [ -z "$same" ]; then return 0; fi
	IFS=" $nl"
	set -- $owner
	IFS=$nl
	set -- "$@" $same
	IFS=$tab
	same=
	own "$@"
}

# Everything that is ready takes its place, each at once and as a whole, when all of it is whole and
# on the disk, and so is what is kept, and nobody touched the files meanwhile.
settle() {
	owned || return 1
	IFS=$nl
	if [ -n "$begun$kept" ]; then sync $begun $kept 2>/dev/null || sync; fi
	for line in $watched; do
		broken=${line#*"$tab"}
		alike "$broken" "${line%%"$tab"*}" || return 1
	done
	if ! proven $proofs; then
		case $nl$begun$kept in
		*"$nl$wrong$nl"*) why="$wrong could not be written in full" ;;
		*) why="drifted: $wrong is not what it was" ;;
		esac
		return 1
	fi
	kept=
	IFS=$nl
	for broken in $targets; do
		why=$(mv -f "${broken%/*}/.${broken##*/}.harden" "$broken" 2>&1) || return 1
		settled="$settled$broken$nl"
	done
	begun= broken=
	drop
}

# own MODE UID GID FILE... What root makes is root's already, but for directories that hand on their
# group: then one program is enough.
own() {
	owns=$1 by=$2:$3
	shift 3
	for file; do
		if [ "$by" != 0:0 ] || [ ! -O /proc/sys ] || [ ! -G /proc/sys ] || [ ! -O "$file" ] || [ ! -G "$file" ]; then
			why=$(chown "$by" "$@" 2>&1) || return 1
			break
		fi
	done
	why=$(chmod "$owns" "$@" 2>&1)
}

# Only what the program itself writes beside a file; never a directory.
sweep() {
	case ${1##*/} in
	.*.harden) why=$(rm -f "$1" 2>&1) ;;
	*) why="$1 is no left-over file"; return 1 ;;
	esac
}

# lock WHO SITE KNOWN: one run at a time changes a node. The directory goes when this program ends,
# however it ends, and it does not end before its input does. One whose process is gone, is of an
# earlier boot, or has had no sign of life for three minutes, holds nothing. Of one site only one run
# can be: where another program of the site waits, it is this run's own, which then says `held`, or
# its connection is lost and the lock moves here.
lock() {
	place=/run
	if [ ! -d "$place" ]; then place=/var/run; fi
	place=$place/harden.lock
	# A text below /proc/sys can be read byte by byte; a number cannot.
	read -r boot </proc/sys/kernel/random/boot_id || boot=
	if ! mkdir "$place" 2>/dev/null; then
		holder=$(cat "$place/holder" 2>/dev/null)
		if [ -z "$holder" ]; then sleep 1; holder=$(cat "$place/holder" 2>/dev/null); fi
		if is_held "$holder"; then
			if [ "$site" != "$2" ] || [ -z "$alive$3" ]; then
				why="locked by ${rest#*"$tab"}, see $place"
				return 1
			fi
			if [ -n "$3" ]; then return 0; fi
		fi
		why="$place cannot be taken over"
		mv "$place" "$place.$$" 2>/dev/null || return 1
		if [ "$(cat "$place.$$/holder" 2>/dev/null)" != "$holder" ]; then
			why="$place is just being taken by another run"
			mv "$place.$$" "$place"
			return 1
		fi
		rm -rf "$place.$$"
		mkdir "$place" 2>/dev/null || return 1
	fi
	locked=$place
	mine="$$$tab$boot$tab$2$tab$1"
	why=$(printf "%s\n" "$mine" 2>&1 >"$place/holder")
}

# is_held HOLDER: the process, the boot, the site, and who it is. One that waits tells when it last had
# a sign of life, in seconds since the boot; one at work does not.
is_held() {
	alive=
	rest=${1#*"$tab"}
	[ "${rest%%"$tab"*}" = "$boot" ] && kill -0 "${1%%"$tab"*}" 2>/dev/null || return 1
	rest=${rest#*"$tab"}
	site=${rest%%"$tab"*}
	read -r alive 2>/dev/null <"$place/alive"
	case $alive in
	"" | *[!0-9]*) alive= ;;
	*)
		IFS=" " read -r up idle </proc/uptime
		[ "$((${up%%.*} - alive))" -lt 180 ]
		;;
	esac
}

# Holds the lock until the input ends. Whoever takes it over meanwhile has found no sign of life.
stay() {
	if [ -z "$locked" ]; then return; fi
	while is_mine && IFS=" " read -r up idle </proc/uptime &&
		printf "%s\n" "${up%%.*}" >"$locked/alive" && read -r line <&3; do :; done
}

is_mine() {
	read -r holder 2>/dev/null <"$locked/holder" && [ "$holder" = "$mine" ]
}

unlock() {
	if [ -n "$locked" ] && is_mine; then rm -rf "$locked"; fi
}

# attributes PATH MODE UID GID
attributes() {
	if [ -L "$1" ]; then why="$1 is a symbolic link"; return 1; fi
	own "$2" "$3" "$4" "$1"
}

# assign KEY VALUE..., each with an answer of its own, and read back by one program: a kernel may take
# a value and keep another.
assign() {
	key= taken= refused=
	for word; do
		if [ -z "$key" ]; then
			key=$word
			continue
		fi
		if [ -z "$stopped$refused" ]; then
			if (printf "%s\n" "$word" >"/proc/sys/$key") 2>/dev/null; then
				taken="$taken/proc/sys/$key$nl"
			else
				refused=$key
			fi
		fi
		key=
	done
	IFS=$nl
	if [ -n "$taken" ]; then now=$(head -v -c 4096 -- $taken 2>/dev/null)$nl; fi
	IFS=$tab
	for word; do
		if [ -z "$key" ]; then
			key=$word
			continue
		fi
		case $nl$taken$nl$refused in
		*"$nl/proc/sys/$key$nl"* | *"$nl$key")
			if assigned "$key" "$word"; then
				answer done ""
			else
				stopped=1
				answer failed "$why"
			fi
			;;
		*) answer skipped "" ;;
		esac
		key=
	done
}

# assigned KEY VALUE: whether the kernel has it now.
assigned() {
	if [ "$1" = "$refused" ]; then why="/proc/sys/$1 refused $2"; return 1; fi
	is=${now##*"==> /proc/sys/$1 <==$nl"}
	is=${is%%"$nl"*}
	if [ "$is" != "$2" ]; then why="/proc/sys/$1 is $is after $2 was written"; return 1; fi
}

# After a failure nothing more is changed in this run of the program.
change() {
	why=
	if [ -n "$stopped" ]; then
		answer skipped ""
	elif "$@"; then
		answer done ""
	else
		stopped=1
		drop
		answer failed "${why:-no reason given}"
	fi
}

# restart CONTAINER
restart() {
	why=$(bounded docker restart -t 10 "$1" 2>&1 >/dev/null)
}

# Carries out one record; false for one whose length does not hold.
obey() {
	record=$1
	length=${record%%"$tab"*}
	record=${record#*"$tab"}
	if [ "${#record}" != "$length" ]; then return 1; fi
	IFS=$tab
	set -- $record
	verb=$1
	shift
	case $verb in
	files | containers | room | leftovers | tools | secrets | log | assign | put) "$verb" "$@" ;;
	lock | unput | attributes | restart | sweep) change "$verb" "$@" ;;
	end)
		answer end ""
		stay
		exit 0
		;;
	*) return 1 ;;
	esac
}

printf "\nharden 1\n"
unset TMOUT # A bash would end the waiting with it.
find_limit
if [ -n "${1-}" ]; then
	records=$(printf %b "$1")
else
	read -r size
	records=$(head -c "$size")
	# What broke off on its way is no order: it may end hours later, when the server notices.
	case $nl$records in
	*"${nl}3${tab}end") ;;
	*) records= ;;
	esac
fi
# What is started here has no business with what is still to come.
exec 3<&0 </dev/null
IFS=$nl
for record in $records; do
	obey "$record" || break
done
answer cut ""
exit 1
