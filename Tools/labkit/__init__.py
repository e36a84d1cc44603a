"""The lab that electd is tried in: network namespaces, faults, and the client that watches.

`Tools/lab`, `Tools/demo`, `Tools/bench` and `Tests/Network` all stand on this package.
It uses nothing beyond Debian's python3, so that a fresh machine can run it.
"""
