# Finds an image with which a user of Docker becomes root on the node. "$@" is the command that
# runs one; what is printed last is `harden: image ID`, or `harden: none COUNT`.
#
# Only images that are here are tried, those of RKE's own components first: every node of a
# cluster has them, and they hold a chroot.

LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin
listed=$(docker images --no-trunc --format "{{.ID}} {{.Repository}}") || exit 1
first= others= count=0
IFS=" "
while read -r id name; do
	if [ -z "$id" ]; then continue; fi
	count=$((count + 1))
	case $name in
	*rke-tools | *hyperkube) first="$first $id" ;;
	*) others="$others $id" ;;
	esac
done <<END
$listed
END
tried=0
for id in $first $others; do
	if [ "$tried" = 12 ]; then break; fi
	tried=$((tried + 1))
	if "$@" "$id" /host /bin/sh -c : </dev/null; then
		printf "\nharden: image %s\n" "$id"
		exit 0
	fi
done
printf "\nharden: none %s\n" "$count"
