"""Addresses to which no server may lead, however they are written."""

from __future__ import annotations

import asyncio

import pytest

from labelbeam.transforms.stores.web.addresses import leads_to_keys


@pytest.mark.parametrize(
    ("host", "leads"),
    [
        *(("169.254.169.254", True), ("2852039166", True), ("0xa9fea9fe", True), ("169.254.1.1", True)),
        *(("::ffff:169.254.169.254", True), ("fe80::1", True), ("fd00:ec2::254", True), ("100.100.100.200", True)),
        *(
            ("127.0.0.1", False),
            ("10.0.0.1", False),
            ("::1", False),
            ("no-such-host.invalid", False),
            ("", False),
            ("a" * 70, False),
        ),
    ],
)
def test_the_services_of_clouds_that_tell_keys_are_known(host: str, leads: bool) -> None:
    assert asyncio.run(leads_to_keys(host, 80)) is leads
