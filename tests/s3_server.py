"""A server that speaks S3, on loopback: moto's. Nothing leaves the machine, and nothing is left behind."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest
import s3fs
from moto.server import ThreadedMotoServer

BUCKET = "lists"


@contextmanager
def run_s3() -> Iterator[str]:
    """Its URL; the environment has credentials and the server's address, and the bucket `lists` is there and empty."""
    s3fs.S3FileSystem.clear_instance_cache()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patched:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }.items():
            patched.setenv(name, value)
        try:
            boto3.client("s3").create_bucket(Bucket=BUCKET)
            yield f"http://{host}:{port}"
        finally:
            server.stop()
            s3fs.S3FileSystem.clear_instance_cache()
