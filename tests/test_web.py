"""Files of web servers, which are read by name, and never written."""

import pytest

from glimpsecli.errors import FileProblemError, GlimpseError, InvalidInputError
from glimpsecli.storage import path_of, storage_of

pytestmark = pytest.mark.extras

CONTENT = bytes(range(256))


def read(address):
    return storage_of(address).read(path_of(address))


@pytest.mark.parametrize(
    "path", ["/a/b.jpg", "/a%20b/%C3%BC.jpg", "/a//b.jpg", "/a%2Fb.jpg", "/a@b/(1)+~.jpg", "/a/../b.jpg", "/"]
)
def test_a_file_is_asked_for_by_the_name_that_was_given(web, path):
    given = web.url + path
    web.files["/b.jpg" if ".." in path else path] = CONTENT
    assert read(given) == CONTENT
    assert [(method, asked) for method, asked, _ in web.requests] == [("GET", "/b.jpg" if ".." in path else path)]


def test_a_query_is_sent_and_not_shown(web):
    web.files["/a.jpg"] = CONTENT
    address = f"{web.url}/a.jpg?X-Amz-Signature=DONOTPRINT%2F1&b=c"
    assert read(address) == CONTENT
    assert web.requests == [("GET", "/a.jpg?X-Amz-Signature=DONOTPRINT%2F1&b=c", None)]
    assert "DONOTPRINT" not in repr(storage_of(address)) + repr(vars(storage_of(address)))


def test_a_redirection_is_followed(web):
    web.files |= {"/a.jpg": "/b/c.jpg", "/b/c.jpg": CONTENT}
    assert read(f"{web.url}/a.jpg") == CONTENT


@pytest.mark.parametrize("parts", [True, False])
def test_a_part_is_read_with_and_without_the_help_of_the_server(web, parts):
    web.files["/a.jpg"], web.parts = CONTENT, parts
    storage = storage_of(web.url)
    assert storage.read_part("a.jpg?s=1", 3, 7) == CONTENT[3:7]
    assert storage.read_part("a.jpg", 250, 300) == CONTENT[250:]
    assert storage.read_part("a.jpg", 300, 310) == b""
    assert storage.read_part("a.jpg", 3, 3) == b""


@pytest.mark.parametrize("parts", [True, False])
@pytest.mark.parametrize("content", [CONTENT, b""])
def test_a_file_is_looked_up_by_reading_as_signed_addresses_allow_nothing_else(web, parts, content):
    web.files["/a.jpg"], web.parts = content, parts
    storage = storage_of(web.url)
    entry = storage.stat("a.jpg?s=1")
    assert (entry.path, entry.size, entry.etag) == ("a.jpg?s=1", len(content), '"e"')
    assert {method for method, *_ in web.requests} == {"GET"}
    assert storage.stat("b.jpg") is None


def test_what_the_server_refuses_is_one_line(web):
    with pytest.raises(InvalidInputError, match=rf"^{web.url}/a b.jpg does not exist; check the address$"):
        read(f"{web.url}/a%20b.jpg?DONOTPRINT")
    with pytest.raises(
        FileProblemError, match=rf"^{web.url}/403.jpg could not be read: 403 Forbidden; check the credentials"
    ):
        read(f"{web.url}/403.jpg?DONOTPRINT")


def test_a_web_server_is_read_only(web):
    storage = storage_of(web.url)
    for change in (
        lambda: storage.put("a", b""),
        lambda: storage.delete("a"),
        lambda: storage.append("a", ["1"]),
        lambda: [*storage.log("a")],
        lambda: storage.join("a"),
        lambda: storage.discard("a"),
    ):
        with pytest.raises(GlimpseError, match=rf"^{web.url}/a is read-only; write to a folder or to a bucket$"):
            change()
    with pytest.raises(GlimpseError, match=rf"^{web.url}/a cannot be listed; name its files one by one$"):
        storage.list("a")
    assert web.requests == []
