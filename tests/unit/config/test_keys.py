"""The ring of keys."""

import stat
from pathlib import Path

import pytest

from billing.ports import SecretError
from config.keys import Vault, new_key, open_vault
from config.settings import Settings, SettingsError


def test_what_is_sealed_opens_and_does_not_show():
    """Encryption at rest."""
    vault = Vault([new_key()])
    sealed = vault.seal("tgram://token")
    assert "token" not in sealed
    assert vault.open(sealed) == "tgram://token"


def test_a_rotated_ring_opens_the_old_and_seals_under_the_new():
    """The newest key stands in front."""
    old, new = new_key(), new_key()
    sealed = Vault([old]).seal("x")
    ring = Vault([new, old])
    assert ring.open(sealed) == "x"
    assert not ring.is_current(sealed)
    assert Vault([new]).open(ring.seal("x")) == "x"


def test_hashes_stay_while_a_key_is_put_in_front():
    """A pairing must be found again in the middle of a rotation."""
    old, new = new_key(), new_key()
    before = Vault([old]).digest("token", purpose="login")
    assert Vault([new, old]).digest("token", purpose="login") == before


def test_hashes_of_two_purposes_cannot_be_compared():
    """The same text is another hash elsewhere."""
    vault = Vault([new_key()])
    assert vault.digest("1", purpose="login") != vault.digest("1", purpose="destination")


def test_a_wrong_key_says_so_without_the_value():
    """One clear error."""
    sealed = Vault([new_key()]).seal("x")
    with pytest.raises(SecretError, match="no key of the ring"):
        Vault([new_key()]).open(sealed)


@pytest.mark.parametrize("ring", [[], ["too-short"], [new_key(), "ñandú"]])
def test_a_malformed_ring_is_refused_without_quoting_it(ring):
    """The key itself must not reach the error."""
    with pytest.raises(SettingsError) as caught:
        Vault(ring)
    assert "too-short" not in str(caught.value)
    assert "ñandú" not in str(caught.value)


def test_the_embedded_key_file_is_made_once_and_for_its_owner(tmp_path):
    """Mode 0600, and the same key the next time."""
    settings = Settings(home=tmp_path / "var")
    sealed = open_vault(settings).seal("x")
    path = tmp_path / "var" / "secret.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_vault(settings).open(sealed) == "x"


def test_a_key_file_that_others_can_read_is_refused(tmp_path):
    """With the command that mends it."""
    settings = Settings(home=tmp_path)
    open_vault(settings)
    Path(tmp_path / "secret.key").chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        open_vault(settings)
