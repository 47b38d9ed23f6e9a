"""Runs one script on every host with parallel-ssh: parallel_ssh.py HOSTS PORT KEY SCRIPT.

parallel-ssh has no check of host keys that could be switched on.
"""

import shlex
import sys

from pssh.clients import ParallelSSHClient

hosts, port, key, script = sys.argv[1:]
hosts = open(hosts).read().split()
client = ParallelSSHClient(
    hosts,
    user="root",
    port=int(port),
    pkey=key,
    pool_size=len(hosts),
    allow_agent=False,
    num_retries=1,
    timeout=120,
)
failed = 0
for output in client.run_command("sh -c " + shlex.quote(open(script).read()), read_timeout=120):
    print(output.host, " ".join(output.stdout))
    output.client.wait_finished(output)
    failed += output.exit_code != 0
sys.exit(failed != 0)
