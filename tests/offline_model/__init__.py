"""A state machine of devices that scan, lose the network and bring scans in: R8."""

import pytest

pytest.register_assert_rewrite("tests.offline_model.ear", "tests.offline_model.playing")
