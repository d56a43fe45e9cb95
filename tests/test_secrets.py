"""Credentials and signatures: in no message, no representation, no exception and no pickle, whatever fails."""

import pickle
import re
import traceback
from functools import partial

import pytest
from stores import BUCKET, MARK

from glimpsecli.errors import GlimpseError
from glimpsecli.storage import path_of, storage_of
from glimpsecli.storage.refusals import refusal

pytestmark = pytest.mark.extras


def everything_of(error):
    """Give all that can be printed or stored of an exception, with the exceptions that led to it."""
    texts = []
    while error is not None:
        texts += [str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)]
        texts.append(repr(pickle.dumps((type(error).__name__, error.args))))
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


def fails(do):
    with pytest.raises(GlimpseError) as caught:
        do()
    text = everything_of(caught.value)
    assert MARK not in text
    assert "obstore" not in text  # the library's own errors are not kept as a cause
    assert "\n" not in str(caught.value)
    return str(caught.value)


def all_fail(address):
    """Try all that can be done with an object, and give the messages."""
    storage, path = storage_of(address), path_of(address)
    tries = [
        lambda: storage.read(path),
        lambda: storage.read_part(path, 0, 9),
        lambda: storage.put(path, b"1"),
        lambda: storage.put(path, b"1", overwrite=True),
        lambda: [*storage.list(path)],
        lambda: [*storage.list(path, deep=False)],
        lambda: storage.append(path, ["1"]),
        lambda: [*storage.log(path)],
        lambda: storage.join(path),
        lambda: storage.discard(path),
    ]
    assert MARK not in repr(storage)
    with pytest.raises(TypeError) as caught:
        pickle.dumps(storage)
    assert MARK not in str(caught.value)
    return [fails(one) for one in tries]


def test_no_bucket(s3):
    for message in all_fail("s3://no-such-bucket/a"):
        assert re.fullmatch(r"s3://no-such-bucket\S*: there is no such bucket; check the address, and .*", message)


def test_keys_that_are_not_known(s3):
    with s3.refusing():
        for message in [*all_fail(f"s3://{BUCKET}/a"), fails(lambda: storage_of(f"s3://{BUCKET}").stat("a"))]:
            assert re.fullmatch(
                rf"s3://{BUCKET}\S* could not be (read|written|listed): 403 Forbidden( \(InvalidAccessKeyId, the "
                r"access key is not known\))?; check the credentials, and that they allow it",
                message,
            )


def test_a_connection_that_is_refused(s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    storage = storage_of(f"s3://{BUCKET}/a")
    message = fails(lambda: storage.read("a"))
    assert message == (
        f"s3://{BUCKET}/a could not be read: the connection was refused; "
        "check the address, the endpoint and the network"
    )


def test_an_object_that_is_not_there_and_one_that_is(s3):
    storage = storage_of(f"s3://{BUCKET}")
    assert (
        fails(lambda: storage.read("secrets/none")) == f"s3://{BUCKET}/secrets/none does not exist; check the address"
    )
    storage.put("secrets/there", b"1")
    message = fails(lambda: storage.put("secrets/there", b"1"))
    assert message == f"s3://{BUCKET}/secrets/there exists already; use `--overwrite` to replace it"


def test_signed_addresses(web):
    for path in ("403.jpg", "none.jpg"):
        address = f"{web.url}/{path}?X-Amz-Credential={MARK}&X-Amz-Signature={MARK}"
        storage, asked = storage_of(address), path_of(address)
        for method, arguments in (("read", ()), ("read_part", (0, 9)), ("put", (b"",))):
            assert fails(partial(getattr(storage, method), asked, *arguments)).startswith(f"{web.url}/{path} ")
    storage = storage_of(f"https://127.0.0.1:1/a.jpg?sig={MARK}")
    assert "could not be read: the connection was refused" in fails(lambda: storage.read(f"a.jpg?sig={MARK}"))


REQUEST = f"Error performing GET https://host/a?sig={MARK} in 2ms, after 10 retries - "


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("GenericError", f"{REQUEST}Server returned non-2xx status code: 503 {MARK}", "read: 503 Service Unavailable;"),
        ("GenericError", f"{REQUEST}Server returned non-2xx status code: 599 {MARK}", "read: status 599;"),
        (
            "GenericError",
            f"{REQUEST}status code: 403 <Code>ExpiredToken</Code>{MARK}",
            "read: 403 Forbidden (ExpiredToken,",
        ),
        (
            "GenericError",
            f"{REQUEST}status code: 403 <Code>{MARK}</Code>",
            "read: 403 Forbidden; check the credentials",
        ),
        ("PermissionDeniedError", f"{REQUEST}status code: 403 Forbidden", "read: 403 Forbidden; check the credentials"),
        ("UnauthenticatedError", f"{REQUEST}status code: 401 {MARK}", "read: 401 Unauthorized; check the credentials"),
        ("GenericError", f"{REQUEST}Received redirect without LOCATION {MARK}", "in another region; set AWS_REGION"),
        ("GenericError", f"{REQUEST}HTTP error: dns error {MARK}", "read: the name of its host is not known; check"),
        ("GenericError", f"{REQUEST}invalid peer certificate: {MARK}", "the certificate of its host is not trusted;"),
        (
            "GenericError",
            f"{REQUEST}kind: TimedOut {MARK}",
            "read: there was no answer in time; check the address, the",
        ),
        (
            "GenericError",
            f"{REQUEST}MissingContentLength {MARK}",
            "read: the server does not say how large it is; check",
        ),
        ("GenericError", f"{REQUEST}error: IncompleteBody {MARK}", "read: the connection was broken off; check"),
        ("GenericError", f"{REQUEST}source: BadScheme {MARK}", "which is not encrypted; give an https endpoint"),
        (
            "GenericError",
            f"PUT http://169.254.169.254/latest/api/token {MARK}",
            "no credentials were found; set them in",
        ),
        (
            "GenericError",
            f'Config error: "{MARK}"\n store: "Config"',
            "read: a setting is not valid; check the variables",
        ),
        ("ValueError", MARK, "read: the connection failed; check"),
        ("RuntimeError", MARK, "read: the connection failed; check"),
    ],
)
def test_the_words_of_the_library_are_not_passed_on(kind, text, message):
    found = str(refusal("s3://bucket/a", "read", kind, text))
    assert found.startswith("s3://bucket/a could not be read: ")
    assert message in found
    assert MARK not in found
