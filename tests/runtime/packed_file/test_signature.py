"""Ed25519: the test vectors of RFC 8032, and every forgery that the standard requires to be refused."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from edgekit_runtime.errors import UsageError
from edgekit_runtime.packed_file.signature import is_signed_by, read_public_key, verify_in_python

# RFC 8032, section 7.1: public key, message, signature.
VECTORS = [
    pytest.param(
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
        id="test-1",
    ),
    pytest.param(
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
        id="test-2",
    ),
    pytest.param(
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
        "c027beceea1ec40a",
        id="test-3",
    ),
]
ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
@pytest.mark.parametrize("check", [verify_in_python, is_signed_by], ids=lambda check: check.__name__)
def test_the_vectors_of_the_standard(check: object, key: str, message: str, signature: str) -> None:
    parts = [bytes.fromhex(part) for part in (key, message, signature)]
    assert check(*parts)  # type: ignore[operator]
    for place in (0, 1, 2):
        for bit in (0, 7, 100, 255):
            changed = list(parts)
            flipped = bytearray(changed[place] or b"\0")
            flipped[bit // 8 % len(flipped)] ^= 1 << bit % 8
            changed[place] = bytes(flipped)
            if changed != parts:
                assert not check(*changed)  # type: ignore[operator]


def test_a_scalar_beyond_the_order_is_refused() -> None:
    key, message, signature = (bytes.fromhex(part) for part in VECTORS[1].values)  # type: ignore[arg-type]
    scalar = int.from_bytes(signature[32:], "little") + ORDER
    assert not verify_in_python(key, message, signature[:32] + scalar.to_bytes(32, "little"))


@pytest.mark.parametrize(
    ("key", "signature"),
    [
        pytest.param(b"\xff" * 32, b"\0" * 64, id="key-beyond-the-field"),
        pytest.param(b"\x02" + b"\0" * 31, b"\0" * 64, id="key-not-on-the-curve"),
        pytest.param(b"\x01" + b"\0" * 30 + b"\x80", b"\0" * 64, id="minus-zero"),
        pytest.param(b"\0" * 31, b"\0" * 64, id="short-key"),
        pytest.param(b"\0" * 32, b"\0" * 63, id="short-signature"),
        pytest.param(b"\0" * 32, b"", id="no-signature"),
    ],
)
def test_what_is_no_key_or_signature_is_refused(key: bytes, signature: bytes) -> None:
    assert not verify_in_python(key, b"message", signature)


def test_agrees_with_a_library_of_its_own_kind() -> None:
    ed25519 = pytest.importorskip(
        "cryptography.hazmat.primitives.asymmetric.ed25519", reason="cryptography is not installed"
    )
    for number in range(20):
        key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        message = bytes(range(number * 10))
        public = key.public_key().public_bytes_raw()
        assert verify_in_python(public, message, key.sign(message))
        assert not verify_in_python(public, message + b"!", key.sign(message))


def test_forms_of_a_public_key(tmp_path: Path) -> None:
    key = bytes(range(32))
    der = bytes.fromhex("302a300506032b6570032100") + key
    pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der) + b"\n-----END PUBLIC KEY-----\n"
    path = tmp_path / "key.pub.pem"
    path.write_bytes(pem)
    for form in (key, key.hex(), pem, path, str(path)):
        assert read_public_key(form) == key


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "not an Ed25519 public key", id="empty"),
        pytest.param(b"text", "not an Ed25519 public key", id="text"),
        pytest.param(b"-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n", "private key", id="private"),
        pytest.param(
            b"-----BEGIN PUBLIC KEY-----\nMC4=\n-----END PUBLIC KEY-----\n", "not an Ed25519", id="other-kind"
        ),
        pytest.param(b"-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n", "public key", id="no-base64"),
    ],
)
def test_what_is_no_public_key_is_a_sentence(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_public_key(tmp_path / "key.pem")
    assert says in str(caught.value)
    with pytest.raises(UsageError, match="cannot be read"):
        read_public_key(tmp_path / "missing.pem")
