"""The garbage collector is held off for a while, and no longer."""

from __future__ import annotations

import gc

import pytest

from labelbeam.transforms.workers.quiet_gc import quiet_gc


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_held_off_inside_and_as_it_was_outside(enabled: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with quiet_gc():
            assert not gc.isenabled()
        assert gc.isenabled() is enabled
        with pytest.raises(ValueError, match="inside"), quiet_gc():
            raise ValueError("inside")
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()
