"""Addresses: what they are made of, what of them may be shown, and the stores that they open."""

import re
import subprocess
import sys
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stores import without_clouds

from glimpsecli.errors import InvalidInputError, UnavailableError
from glimpsecli.storage import addresses, folder_of, is_address, joined, name_of, opening, path_of, relative, shown
from glimpsecli.storage.addresses import Address, parse
from glimpsecli.storage.local import LocalStorage

AZURE = "abfss://photos@account.dfs.core.windows.net"


@pytest.fixture(autouse=True)
def nothing_is_open(monkeypatch):
    without_clouds(monkeypatch)
    monkeypatch.setenv("HOME", "/nonexistent")
    opening._opened.cache_clear()
    yield
    opening._opened.cache_clear()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("s3://bucket/a/b.jpg", Address("s3", "bucket", "a/b.jpg")),
        ("S3://Bucket.x-y_z/a#1 %20.jpg", Address("s3", "Bucket.x-y_z", "a#1 %20.jpg")),
        ("gs://bucket", Address("gs", "bucket", "")),
        ("az://photos/a/", Address("az", "photos", "a/")),
        (f"{AZURE}/a.jpg", Address("abfss", "photos@account.dfs.core.windows.net", "a.jpg")),
        ("https://host:8443/a%20b.jpg?sig=1%2F2#top", Address("https", "host:8443", "a%20b.jpg", "sig=1%2F2")),
        ("https://host?sig=1", Address("https", "host", "")),
        ("https://[::1]:80/a@b.jpg", Address("https", "[::1]:80", "a@b.jpg")),
    ],
)
def test_an_address_has_parts(text, parts):
    assert is_address(text)
    assert parse(text) == parts


@pytest.mark.parametrize("path", ["a.jpg", "/a/b.jpg", "C:/a.jpg", "C://a.jpg", "a/s3://b", "-", "", "s3:/b", "://x"])
def test_a_path_is_no_address(path):
    assert not is_address(path)
    assert (shown(path), path_of(path)) == (path, path)
    assert isinstance(opening.storage_of(path), LocalStorage)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ftp://host/a", "ftp://host/a has a scheme that is not known; use s3://, gs://, az://, abfss:// and https://"),
        ("s3:///a.jpg", "s3://... names no bucket; write s3://bucket/path"),
        ("s3://bu cket/a", "s3://... names no bucket; write s3://bucket/path"),
        ("abfss://photos/a", "abfss://photos/a names no container; write abfss://container@account."),
        ("https:///a", "https://... names no host; write https://host/path"),
        ("https://user:DONOTPRINT@host/a", "https://host/a was given with a user name or a password, which"),
        ("s3://key:DONOTPRINT@bucket/a", "s3://bucket/a was given with a user name or a password, which"),
        ("s3://bucket/a?X-Amz-Signature=DONOTPRINT", "s3://bucket/a goes on with a ?, which an address may not hold"),
        ("s3://bucket/a//b", "s3://bucket/a//b has an empty part, . or .. in its path"),
        ("s3://bucket/../b", "s3://bucket/../b has an empty part, . or .. in its path"),
        ("s3://bucket/a\nb", "'s3://bucket/a\\\\nb' holds a control character"),
    ],
)
def test_what_is_no_address_is_refused_in_one_line(text, problem):
    with pytest.raises(InvalidInputError) as caught:
        parse(text)
    assert problem.replace("\\\\", "\\") in str(caught.value)
    assert "DONOTPRINT" not in str(caught.value) + repr(caught.value)


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(
    scheme=st.sampled_from([*addresses.BUCKETS, *addresses.WEB, "ftp", "HTTPS"]),
    user=WORDS,
    host=st.sampled_from(["host", "host:80", "bucket.x", "c@account.net", "[::1]", ""]),
    path=WORDS,
    ends=st.tuples(st.booleans(), st.booleans()),
)
def test_neither_a_query_nor_a_password_is_shown(scheme, user, host, path, ends):
    secret = "DONOTPRINT"
    user, path = re.sub("/", "", user), re.sub("[?#]", "", path)  # after a slash there is no password
    given = f"{user}:{secret}@{host}" if ends[0] else host
    address = f"{scheme}://{given}/{path}" + f"?sig={secret}&{user}" * ends[1]
    assert secret not in shown(address)
    assert shown(shown(address)) == shown(address)
    assert secret not in refused(address)


def refused(address):
    try:
        parse(address)
    except InvalidInputError as error:
        return str(error) + repr(error)
    return ""


@given(password=WORDS, scheme=st.sampled_from([*addresses.BUCKETS, *addresses.WEB]))
def test_an_encoded_password_is_not_shown(password, scheme):
    assert shown(f"{scheme}://user:-{quote(password, safe='')}-@host/path") == f"{scheme}://host/path"


def test_addresses_and_paths_are_joined_and_taken_to_pieces():
    assert joined("s3://b/out/", "a", "x.png") == "s3://b/out/a/x.png"
    assert joined("s3://b", "", "x.png") == "s3://b/x.png"
    assert joined("out", "a", "x.png") == "out/a/x.png"
    assert (folder_of("s3://b/a/x.png"), name_of("s3://b/a/x.png")) == ("s3://b/a", "x.png")
    assert (folder_of("s3://b/x.png"), name_of("s3://b/x/")) == ("s3://b", "x")
    assert (folder_of("s3://b"), name_of("s3://b")) == ("s3://b", "")
    assert (folder_of("a/x.png"), name_of("a/x/")) == ("a", "x")
    assert folder_of("https://h/a/x.png?s=/1/2") == "https://h/a"
    assert name_of("https://h/a/x%20y.png?s=/1/2") == "x y.png"
    assert path_of("https://h/a%20b?s=1") == "a%20b?s=1"
    assert path_of("s3://b/a%20b") == "a%20b"
    assert relative("s3://b/a/x/y.png", "s3://b/a/") == "x/y.png"
    assert relative("https://h/a/y.png?s=1", "https://h") == "a/y.png"
    assert relative("a/x/y.png", "a") == "x/y.png"
    with pytest.raises(InvalidInputError, match="s3://b/ab/x does not lie in s3://b/a"):
        relative("s3://b/ab/x", "s3://b/a")


def test_without_obstore_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(
        UnavailableError, match=re.escape("s3://bucket needs obstore; `pip install 'glimpsecli[cloud]'")
    ):
        opening.storage_of("s3://bucket/a.jpg")


@pytest.mark.parametrize("line", ["extract s3://b/a.png -o a.png", "extract {photo} -o s3://b/a.png"])
def test_a_command_without_obstore_ends_with_one_line_and_code_3(line, glimpse, samples, monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    code, out, err = glimpse(line.format(photo=samples / "chelsea.png"))
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert err.startswith("glimpse: error: s3://b needs obstore; `pip install 'glimpsecli[cloud]'`")


@pytest.fixture
def with_obstore():
    pytest.importorskip("obstore", reason="obstore is not installed")


@pytest.mark.extras
@pytest.mark.usefixtures("with_obstore")
class TestOpening:
    @pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"])
    def test_an_endpoint_without_encryption_is_for_this_machine(self, monkeypatch, name):
        monkeypatch.setenv(name, "http://user:DONOTPRINT@store.example:9000")
        with pytest.raises(InvalidInputError) as caught:
            opening.storage_of("s3://bucket/a")
        assert str(caught.value) == (
            "the endpoint http://store.example:9000 is not encrypted; "
            "give an https endpoint, or set AWS_ALLOW_HTTP=true if the network is to be trusted"
        )
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        assert opening.storage_of("s3://bucket/a").root == "s3://bucket"

    @pytest.mark.parametrize(
        "endpoint", ["http://127.0.0.1:9", "http://localhost", "http://[::1]:9/x", "https://store.example"]
    )
    def test_this_machine_and_encrypted_endpoints_are_taken(self, monkeypatch, endpoint):
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        assert repr(opening.storage_of("s3://bucket/a")) == "ObjectStorage('s3://bucket')"

    @pytest.mark.parametrize("host", ["example.org", "127.0.0.1.example.org", "127.0.0.1@example.org"])
    def test_http_is_for_this_machine(self, host):
        with pytest.raises(InvalidInputError, match=r"^http://[\w./]+ (is not encrypted; use https://|was given with)"):
            opening.storage_of(f"http://{host}/a")

    def test_each_bucket_is_opened_once(self, monkeypatch):
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
        for bucket in ("s3://b", "gs://b", "az://b", AZURE, "https://b"):
            one = opening.storage_of(f"{bucket}/a")
            assert opening.storage_of(f"{bucket}/c/d") is one
            assert one.root == bucket
        assert opening.storage_of("s3://c") is not opening.storage_of("s3://b")

    def test_what_cannot_be_opened_is_one_line(self, monkeypatch):
        with pytest.raises(
            InvalidInputError, match=r"^az://b names no storage account; set AZURE_STORAGE_ACCOUNT_NAME"
        ):
            opening.storage_of("az://b/a")
        monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", "/DONOTPRINT")
        with pytest.raises(
            InvalidInputError,
            match=r"^gs://b could not be opened: a setting is not valid; check the variables that start with GOOGLE_$",
        ):
            opening.storage_of("gs://b/a")

    def test_a_profile_takes_boto3(self, monkeypatch, tmp_path):
        monkeypatch.setenv("AWS_PROFILE", "work")
        monkeypatch.setitem(sys.modules, "boto3", None)
        sys.modules.pop("obstore.auth.boto3", None)
        with pytest.raises(UnavailableError, match=r"^the profile work of s3://b needs boto3; pip install boto3$"):
            opening.storage_of("s3://b/a")

    def test_other_profiles_in_the_file_do_not_stand_in_the_way(self, monkeypatch, tmp_path):
        pytest.importorskip("boto3", reason="boto3 is not installed")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
        (tmp_path / "credentials").write_text("[work]\naws_access_key_id = a\naws_secret_access_key = b\n")
        assert opening.storage_of("s3://b/a").root == "s3://b"
        monkeypatch.setenv("AWS_PROFILE", "play")
        with pytest.raises(
            InvalidInputError, match=r"^s3://c, with its profile, could not be opened: a setting is not"
        ):
            opening.storage_of("s3://c/a")

    def test_the_keys_of_a_profile_are_found(self, monkeypatch, tmp_path):
        pytest.importorskip("boto3", reason="boto3 is not installed")
        file = tmp_path / "credentials"
        file.write_text("[work]\naws_access_key_id = AKIADONOTPRINT\naws_secret_access_key = DONOTPRINT\n")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
        monkeypatch.setenv("AWS_PROFILE", "work")
        storage = opening.storage_of("s3://b/a")
        assert storage._store.credential_provider.credentials.access_key == "AKIADONOTPRINT"
        assert "DONOTPRINT" not in repr(storage)


def test_no_command_loads_obstore_before_an_address_is_used():
    code = (
        "import sys; from glimpsecli import cli; cli.run(['extract', 'none.png', '-o', 'x.png']); "
        "print([name for name in sys.modules if name.startswith('obstore')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
