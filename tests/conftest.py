"""What all tests share: S3 servers that are started when a test asks for them, and no deadline on a busy machine."""

from hypothesis import settings
from servers.fixtures import bucket, ceph, ceph_bucket, moto_s3, proxied

__all__ = ["bucket", "ceph", "ceph_bucket", "moto_s3", "proxied"]

settings.register_profile("saga", deadline=None)
settings.load_profile("saga")
