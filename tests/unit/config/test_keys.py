"""The ring of keys."""

import stat
from pathlib import Path

import pytest

from billing.ports import SecretError
from config.keys import Vault, new_key, open_vault, ring_file
from config.ring import Ring, key_name, read_ring
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


def rotated(settings: Settings) -> Ring:
    """Let a new key seal from now on."""
    file = ring_file(settings)
    assert file is not None
    return file.change(lambda ring: ring.rotated(new_key()))


def test_hashes_survive_the_key_that_made_them():
    """A customer is found again after the first key opens nothing any more."""
    old, new = new_key(), new_key()
    before = Vault([old]).digest("token", purpose="login")
    ring = read_ring([old]).rotated(new).without(key_name(old))
    after = Vault(ring.entries())
    assert after.digest("token", purpose="login") == before
    with pytest.raises(SecretError):
        after.open(Vault([old]).seal("x"))


def test_a_prepared_key_opens_and_does_not_seal():
    """Every process can know it before anybody seals under it."""
    old, new = new_key(), new_key()
    vault = Vault(read_ring([old]).prepared(new).entries())
    assert vault.open(Vault([new]).seal("x")) == "x"
    assert Vault([old]).open(vault.seal("x")) == "x"


def test_a_value_is_counted_under_the_key_that_sealed_it():
    """Keys are named without being shown."""
    old, new = new_key(), new_key()
    vault = Vault([new, old])
    assert vault.key_of(vault.seal("x")) == key_name(new)
    assert vault.key_of(Vault([old]).seal("x")) == key_name(old)
    assert vault.key_of(Vault([new_key()]).seal("x")) is None
    assert vault.key_of("not sealed at all") is None


@pytest.mark.parametrize("key", ["first", "unknown"])
def test_the_key_that_seals_is_not_dropped(key):
    """Nor one that is not there."""
    old, new = new_key(), new_key()
    name = key_name(new) if key == "first" else "00000000"
    with pytest.raises(KeyError):
        read_ring([new, old]).without(name)


def test_a_process_notices_a_ring_that_another_one_rotated(tmp_path):
    """It opens what was sealed under the new key, and seals under that key itself."""
    settings = Settings(home=tmp_path)
    running, seals = open_vault(settings), open_vault(settings)
    new = rotated(settings).keys[0]
    assert running.open(Vault([new]).seal("x")) == "x"
    assert Vault([new]).open(seals.seal("x")) == "x"
    assert running.digest("1", purpose="login") == seals.digest("1", purpose="login")


@pytest.mark.parametrize("content", [None, "", "too-short", "ñandú"])
def test_a_process_goes_on_with_its_ring_when_the_file_is_broken(tmp_path, content):
    """Away, empty or wrong: what it knows is as good as before, until the file is good again."""
    settings = Settings(home=tmp_path)
    vault, path = open_vault(settings), tmp_path / "secret.key"
    good, sealed = path.read_text("utf-8"), vault.seal("x")
    path.unlink()
    if content is not None:
        path.write_text(content, "utf-8")
    assert vault.open(vault.seal("y")) == "y"
    assert vault.open(sealed) == "x"
    path.unlink(missing_ok=True)
    path.write_text(good, "utf-8")
    path.chmod(0o600)
    new = rotated(settings).keys[0]
    assert Vault([new]).open(vault.seal("z")) == "z"


def test_a_changed_file_keeps_its_mode_and_leaves_nothing_beside_it(tmp_path):
    """Whoever reads it now reads it afterwards."""
    settings = Settings(home=tmp_path)
    open_vault(settings)
    rotated(settings)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "entries", [["hash:KEY"], ["KEY", "next:KEY", "next:KEY"], ["KEY", "hash:KEY", "hash:KEY"]]
)
def test_a_ring_that_says_two_things_is_refused(entries):
    """One key seals, one makes the hashes, at most one follows."""
    with pytest.raises(SettingsError):
        read_ring([entry.replace("KEY", new_key()) for entry in entries])
