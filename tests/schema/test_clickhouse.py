import pytest

from schema.clickhouse import Address, ClickHouseStore
from schema.store import StoreError, StoreUnavailable


def test_an_address_has_clickhouses_own_defaults() -> None:
    assert str(Address.parse("http://db")) == "http://default@db:8123/kubelapse"
    assert str(Address.parse("https://us%40er@db/history")) == "https://us@er@db:8443/history"
    assert str(Address.parse("http://db:9/x/")) == "http://default@db:9/x"


@pytest.mark.parametrize("url", ["db:8123", "tcp://db", "http://", "chdb:/x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="http"):
        Address.parse(url)


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(StoreError, match="in a file") as caught:
        Address.parse("http://me:hunter2@db")
    assert "hunter2" not in str(caught.value)


def test_a_server_that_is_not_there_is_named_with_the_reason() -> None:
    with pytest.raises(StoreUnavailable, match=r"http://default@127.0.0.1:1/kubelapse .*Connection refused"):
        ClickHouseStore.open("http://127.0.0.1:1")
