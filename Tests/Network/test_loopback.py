"""electd for somebody without root, on loopback addresses: what `Tools/demo` shows there. Needs no root."""

import os
import shutil
import tempfile
from pathlib import Path

from harness import eventually, expect, plain_test
from labkit import electd
from labkit.follower import Follower
from labkit.loopback import Loopback
from labkit.scenario import now

_NOBODY = 65534


@plain_test("without root: three daemons on loopback elect, serve, and replace one that is killed")
def rootless() -> None:
    with tempfile.TemporaryDirectory(prefix="electd-rootless-") as name:
        # A copy, because nobody may not look into the home directory that a checkout can lie in.
        program = Path(shutil.copy(electd.binary(), name))
        cluster = Loopback(program, Path(name), _NOBODY if os.geteuid() == 0 else None)
        try:
            _play(cluster)
        finally:
            cluster.stop()


def _play(cluster: Loopback) -> None:
    cluster.start()
    begun = now()
    with Follower(cluster.fronts()) as client:
        expect(client.wait_until_steady(timeout=15), f"no steady answers; {cluster.complaints() or 'all daemons run'}")
        holder = client.holder()
        expect(holder is not None, "nobody holds")
        cluster.daemon(holder).kill()
        eventually(lambda: client.holder() not in (None, holder), 5, f"nobody follows {holder}, whose daemon was killed")
        expect(client.wait_until_steady(timeout=5), "no steady answers from the other one")
        found = client.seen(begun, now()).collisions
        expect(not found, f"two held at once, by their own account: {found[:1]}")
