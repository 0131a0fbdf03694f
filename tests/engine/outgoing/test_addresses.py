"""Which URLs and addresses requests are sent to."""

from ipaddress import ip_address, ip_network

import pytest

from engine.outgoing.addresses import METADATA, why_refused
from engine.outgoing.target import Guard, TargetRefused, target_of

HOSTILE = [
    "https://127.0.0.1/",
    "https://127.0.0.1./",
    "https://127.1/",
    "https://127.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://0x7f.0.0.1/",
    "https://0x7f000001/",
    "https://0X7F.1/",
    "https://2130706433/",
    "https://127.0.0.0x1/",
    "https://0x/",
    "https://127.0.0.1.0x/",
    "https://999.1.1.1/",
    "https://1.2.3/",
    "https://08.8.8.8/",
    "https://0.0.0.0/",
    "https://0/",
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://100.64.0.1/",
    "https://169.254.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/v2/credentials",
    "https://100.100.100.200/",
    "https://168.63.129.16/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.0.0.192/",
    "https://192.0.2.1/",
    "https://192.88.99.1/",
    "https://192.168.1.1/",
    "https://198.18.0.1/",
    "https://198.51.100.1/",
    "https://203.0.113.9/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[::]/",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:0:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::808:808]/",
    "https://[64:ff9b:1::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:808:808::1]/",
    "https://[2001::1]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    "https://[100::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[4000::1]/",
    "https://[127.0.0.1]/",
    "https://[::1/",
    "https://[v1.fe]/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://db.localhost/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://intranet/",
    "https://db/",
    "https://①②⑦.⓪.⓪.①/",
    "https://example。com/",
    "https://exämple.com/",
    "https://user@example.com/",
    "https://user:password@example.com/",
    "https://example.com@127.0.0.1/",
    "https://127.0.0.1#@example.com/",
    "https://example.com\\@127.0.0.1/",
    "https://example.com/#part",
    "https://example.com/#",
    "https://example.com:22/",
    "https://example.com:80/",
    "https://example.com:0/",
    "https://example.com:65536/",
    "https://example.com:port/",
    "http://example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "//example.com/",
    "example.com",
    "https:example.com",
    "https:///path",
    "https://",
    "",
    " https://example.com/",
    "https://example.com/a b",
    "https://example.com/\r\nHost: other",
    "https://exam\tple.com/",
    "https://exa%6dple.com/",
    "https://%31%32%37.0.0.1/",
    "https://-example.com/",
    "https://exa_mple..com/",
    "https://" + "a" * 64 + ".com/",
    "https://example.com/" + "a" * 2_000,
]


@pytest.mark.parametrize("url", HOSTILE)
def test_hostile_urls_are_refused_without_asking_anybody(url: str) -> None:
    """Whatever way it is written: the check is of what the address means, and what is not clear is refused."""
    with pytest.raises(TargetRefused) as refused:
        target_of(url, Guard())
    assert str(refused.value).endswith((".", "/webhooks."))


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://example.com", "example.com", 443),
        ("https://EXAMPLE.com./hooks?a=b", "example.com", 443),
        ("https://xn--exmple-cua.com:8443/", "xn--exmple-cua.com", 8443),
        ("https://8.8.8.8/", "8.8.8.8", 443),
        ("https://[2606:4700::1111]:443/", "2606:4700::1111", 443),
        ("https://a.b.c.example.co.uk/%20", "a.b.c.example.co.uk", 443),
        ("https://1password.com/", "1password.com", 443),
    ],
)
def test_public_urls_are_allowed(url: str, host: str, port: int) -> None:
    """Names and addresses of the public internet, with the usual ports."""
    target = target_of(url, Guard())
    assert (target.host, target.port, target.secure) == (host, port, True)


def test_the_operator_can_allow_more() -> None:
    """Plain HTTP, other ports, and private networks, each by itself."""
    guard = Guard(plain=True, ports={9000}, networks=[ip_network("10.1.0.0/16")])
    assert target_of("http://10.1.2.3:9000/x", guard).port == 9000
    assert target_of("http://hooks.internal/", guard).port == 80
    for url in ("http://10.2.0.1/", "https://10.1.2.3:8443/", "http://127.0.0.1/", "https://[::ffff:10.2.0.1]:9000/"):
        with pytest.raises(TargetRefused):
            target_of(url, guard)
    assert target_of("https://[::ffff:10.1.0.1]:9000/", guard).port == 9000


@pytest.mark.parametrize("network", METADATA, ids=str)
def test_metadata_is_never_allowed(network: object) -> None:
    """Also where the operator allows every network."""
    everything = [ip_network("0.0.0.0/0"), ip_network("::/0")]
    assert why_refused(network[0], everything) == "a cloud's metadata service"  # type: ignore[index]
    assert why_refused(ip_address("127.0.0.1"), everything) is None


@pytest.mark.parametrize("text", ["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::a9fe:a9fe"])
def test_metadata_is_not_reached_through_a_gateway(text: str) -> None:
    """An IPv4 address within one of IPv6 is looked at as well."""
    everything = [ip_network("0.0.0.0/0"), ip_network("::/0")]
    assert why_refused(ip_address(text), everything) == "a cloud's metadata service"


def test_a_gateway_that_is_allowed_opens_no_private_network() -> None:
    """Where IPv6 is all there is, the operator allows NAT64: to the public internet only."""
    nat64 = [ip_network("64:ff9b::/96")]
    assert why_refused(ip_address("64:ff9b::808:808"), nat64) is None
    assert why_refused(ip_address("64:ff9b::a00:1"), nat64) == "a private network"
