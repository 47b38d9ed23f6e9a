# The constant program that answers on a node. It is the exec request itself; questions,
# payloads and secrets come on stdin and never become part of this text (T-12).
#
# In:  one record a line, `LENGTH<tab>VERB<tab>FIELD...`; LENGTH counts what follows its tab. The
#      records of a run that only asks come as $1, escaped for printf: no round trip for stdin.
#      From stdin come a line with their bytes in all and then they themselves; every line behind
#      them is a sign of life.
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
			odd=
			set +f
			found r "$path" $path
			set -f
			if [ -n "$odd" ]; then out="${out}unread${tab}$path${tab}$odd$nl"; fi
			;;
		d*)
			odd=
			if [ -d "$path" ] && { [ ! -r "$path" ] || [ ! -x "$path" ]; }; then
				odd="$path may not be listed"
			else
				set +f
				found s "$path/*" "$path"/*
				found s "$path/.[!.]*" "$path"/.[!.]*
				found s "$path/..?*" "$path"/..?*
				set -f
			fi
			if [ -n "$odd" ]; then
				out="${out}unread${tab}$path${tab}$odd$nl"
			else
				one s "$path"
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

# found KIND PATTERN NAME...: each name that a glob gave, so that one without an answer is no missing
# one. Where it found nothing, it gives the pattern. A name with a line break could pass for an answer.
found() {
	kind=$1 pattern=$2
	shift 2
	for name; do
		case $name in
		*"$nl"* | *[[:cntrl:]]*)
			odd="a name there has a control character"
			continue
			;;
		"$pattern") if [ ! -e "$name" ] && [ ! -L "$name" ]; then continue; fi ;;
		esac
		# A link to nothing has no content, but who knows what a container sees behind it.
		if [ "$kind" = s ] || [ -e "$name" ] || [ ! -L "$name" ]; then
			out="${out}entry$tab$name$nl"
			one "$kind" "$name" quiet
		fi
	done
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
	# A page that breaks off looks like the last one: only its end tells.
	out=$({
		(bounded docker exec etcd etcdctl $page --limit=200 2>/dev/null)
		printf "\"ended\":%s\n" $?
	} | grep -oE "\"cluster_id\":|\"key\":\"[^\"]*\"|\"value\":\"[^\"]{0,120}|\"ended\":[0-9]+")
	case $out in
	*cluster_id*"$nl\"ended\":0")
		answer secrets "$out"
		;;
	*cluster_id*)
		answer refused "the list of Secrets broke off: docker exec ended with ${out##*:}"
		;;
	*)
		answer refused "$(bounded docker exec etcd etcdctl $page --limit=1 2>&1 >/dev/null)"
		;;
	esac
	IFS=$tab
}

# log CONTAINER: its last lines, both streams.
log() {
	answer log "$(bounded docker logs --tail 5 "$1" 2>&1)"
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
		if [ -n "${locked-}" ]; then stay; fi
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
	if [ "$size" -lt 4096 ]; then
		# Byte by byte, and still sooner than another program.
		records=
		while [ "${#records}" -lt "$size" ] && IFS= read -r line; do records=$records$line$nl; done
		records=${records%"$nl"}
	else
		records=$(head -c "$size")
	fi
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
