# What the constant program can do when it is to change something, in front of the rest of it: a run
# that only asks is sent without this text.
#
# No single quote may stand in this file outside of pairs that balance.

begun= kept= watched= proofs= targets= same= owner= stopped= locked= mark=
trap 'drop; unlock' EXIT

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

# lock WHO SITE KNOWN: one run at a time changes a node. The lock is the file with the highest number;
# it is given back when this program ends, however it ends, and it does not end before its input
# does. One whose process is gone, is of an earlier boot, or has had no sign of life for three
# minutes, holds nothing. Of one site only one run can be: where another program of the site waits, it
# is this run's own, which then says `held`, or its connection is lost and the lock moves here.
#
# A program that says `held` may outlive both its run and the one that waits. So while it works it has
# a mark, and nobody takes the lock beside the mark of another run. It makes its mark before it looks
# at the lock, and who takes the lock looks at marks afterwards: of two at once one sees the other.
lock() {
	place=/run
	if [ ! -d "$place" ]; then place=/var/run; fi
	place=$place/harden.lock
	# A text below /proc/sys can be read byte by byte; a number cannot.
	read -r boot </proc/sys/kernel/random/boot_id || boot=
	ours="$2$tab$1"
	mine="$$$tab$boot$tab$ours"
	if [ -n "$3" ]; then
		mark=$place.at-$$
		{ printf "%s\n" "$mine" >"$mark"; } 2>/dev/null || mark=
		if [ -z "$mark" ]; then
			why="$place.at-$$ cannot be written"
			return 1
		fi
	fi
	moves=
	latest
	if ! is_free; then
		if [ -n "$3" ] && [ "$rest" = "$ours" ]; then return 0; fi
		if [ "$site" != "$2" ] || [ -z "$alive" ] || [ -n "$3" ]; then
			why="locked by ${rest#*"$tab"}, see $place.$last"
			return 1
		fi
		moves=$last
	fi
	before=$last
	locked=$place.$((last + 1))
	# Of two that want this number, the system lets one have it.
	set -C
	{ printf "%s\n" "$mine" >"$locked"; } 2>/dev/null || locked=
	set +C
	if [ -z "$locked" ]; then
		why="$place.$((last + 1)) cannot be written"
		if [ -e "$place.$((last + 1))" ]; then why="$place is just being taken by another run"; fi
		return 1
	fi
	# One that had its number and no name in it yet may have gone on since, or a third be ahead.
	last=$before
	if { [ "$last" != "$moves" ] && ! is_free; } || ! is_mine; then
		why="$place is just being taken by another run"
	elif is_marked; then
		why="locked by ${rest#*"$tab"}, see $path"
	fi
	if [ -n "$why" ]; then
		rm -f "$locked"
		locked=
		return 1
	fi
	if [ "$before" -gt 8 ]; then sweep_locks; fi
}

# Whether another run has a program at work here.
is_marked() {
	set +f
	set -- "$place".at-*
	set -f
	for path; do
		if is_at_work "$path" && [ "$rest" != "$ours" ]; then return 0; fi
	done
	return 1
}

# Whether the process of this mark still runs.
is_at_work() {
	holder= alive=
	{ IFS= read -r holder; } 2>/dev/null <"$1"
	is_held "$holder"
}

# The highest number of a lock; 0 where there is none.
latest() {
	last=0
	set +f
	for path in "$place".*; do
		number=${path##*.}
		case $number in
		"" | *[!0-9]*) ;;
		*) if [ "$number" -gt "$last" ]; then last=$number; fi ;;
		esac
	done
	set -f
}

sweep_locks() {
	old=
	set +f
	for path in "$place".*; do
		if [ "$path" != "$locked" ] && ! is_at_work "$path"; then old="$old$path$nl"; fi
	done
	set -f
	IFS=$nl
	rm -f $old
	IFS=$tab
}

# Whether nobody holds the lock of this number.
is_free() {
	if [ "$last" = 0 ]; then return 0; fi
	read_holder
	if [ -z "$holder" ]; then
		sleep 1
		read_holder
	fi
	! is_held "$holder"
}

# Who holds the lock of this number, and when there was a sign of life.
read_holder() {
	holder= alive=
	{
		IFS= read -r holder
		IFS= read -r alive
	} 2>/dev/null <"$place.$last"
}

# is_held HOLDER: the process, the boot, the site, and who it is. One that waits tells when it last had
# a sign of life, in seconds since the boot; one at work does not.
is_held() {
	rest=${1#*"$tab"}
	[ "${rest%%"$tab"*}" = "$boot" ] && kill -0 "${1%%"$tab"*}" 2>/dev/null || return 1
	rest=${rest#*"$tab"}
	site=${rest%%"$tab"*}
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
	while is_mine && IFS=" " read -r up idle </proc/uptime &&
		printf "%s\n" "$mine" "${up%%.*}" >"$locked" && read -r line <&3; do :; done
}

is_mine() {
	latest
	read_holder
	[ "$place.$last" = "$locked" ] && [ "$holder" = "$mine" ]
}

# What is free stays: taking a file away would be one more program.
unlock() {
	if [ -n "$locked" ] && is_mine; then printf "free\n" >"$locked"; fi
	if [ -n "$mark" ]; then printf "free\n" >"$mark"; fi
}

# attributes PATH MODE UID GID
attributes() {
	if [ -L "$1" ]; then why="$1 is a symbolic link"; return 1; fi
	own "$2" "$3" "$4" "$1"
}

# assign KEY VALUE..., each with an answer of its own. A kernel may take a value and keep another: what
# it has then, the questions behind the changes tell.
assign() {
	taken=
	if [ -z "$stopped" ]; then
		# A point for each value that was taken, by a shell that a refused one may end.
		taken=$(
			while [ $# -gt 1 ] && printf "%s\n" "$2" >"/proc/sys/$1"; do
				printf .
				shift 2
			done 2>/dev/null
		)
	fi
	while [ $# -gt 1 ]; do
		case $taken$stopped in
		.*)
			taken=${taken#.}
			answer done ""
			;;
		"")
			stopped=1
			answer failed "/proc/sys/$1 refused $2"
			;;
		*) answer skipped "" ;;
		esac
		shift 2
	done
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
