"""The one-shot script as a pyinfra deploy; the script's path is in ONESHOT."""

import os

from pyinfra.operations import server

server.shell(name="one shot", commands=[open(os.environ["ONESHOT"]).read()])
