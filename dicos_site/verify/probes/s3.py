"""{"endpoint": "name:port", "name"} → whether an object put over S3 is the one that is given out again."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

CONTENT = b"what was put is what is got" * 4096


def main(asked: dict[str, str]) -> None:
    """Make a user, use S3 as that user, and remove all of it."""
    made = json.loads(
        run("radosgw-admin", "user", "create", f"--uid={asked['name']}", "--display-name=verify")
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            same = roundtrip(asked, made["keys"][0], Path(folder))
    finally:
        run("radosgw-admin", "user", "rm", f"--uid={asked['name']}", "--purge-data")
    detail = f"an object at {asked['endpoint']}: put, {'got back' if same else 'something else got'}"
    json.dump({"same": same, "detail": detail}, sys.stdout)


def roundtrip(asked: dict[str, str], key: dict[str, str], folder: Path) -> bool:
    """Put an object into a bucket of its own, get it, remove both."""
    options = folder / "s3cfg"
    options.touch(mode=0o600)
    options.write_text(
        f"[default]\naccess_key = {key['access_key']}\nsecret_key = {key['secret_key']}\n"
        f"host_base = {asked['endpoint']}\nhost_bucket = {asked['endpoint']}\n"
        "use_https = True\nca_certs_file = /etc/dicos/pki/ca.crt\ncheck_ssl_certificate = True\n"
    )
    put, got, bucket = folder / "put", folder / "got", f"s3://{asked['name']}"
    put.write_bytes(CONTENT)

    def s3(*words: str) -> None:
        run("s3cmd", f"--config={options}", "--quiet", *words)

    s3("mb", bucket)
    s3("put", str(put), f"{bucket}/object")
    s3("get", f"{bucket}/object", str(got))
    s3("del", f"{bucket}/object")
    s3("rb", bucket)
    return got.read_bytes() == CONTENT


def run(*command: str) -> str:
    """Return what a program printed; its own words end this one where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=40, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command[:2])}: {(done.stderr or done.stdout).strip()[-200:]}")
    return done.stdout
