"""The settings that bound what one client, member or organisation may take, so that nobody can stop the others."""

from pydantic import Field
from pydantic_settings import BaseSettings


class BoundSettings(BaseSettings):
    """The bounds of a server: of requests, operations, answers, connections and sockets."""

    max_body_bytes: int = Field(1_000_000, ge=1_000, description="Maximum size of a request body, in bytes.")
    max_header_bytes: int = Field(
        32_768, ge=1_024, description="Maximum size of the URL and the headers of a request, in bytes."
    )
    header_timeout: float = Field(10.0, gt=0, description="Seconds that a client has to send the headers of a request.")
    body_timeout: float = Field(30.0, gt=0, description="Seconds that a client has to send the body of a request.")
    max_connections: int = Field(
        10_000,
        ge=1,
        description="Maximum number of connections per process; fewer if the limit of open files is lower. The one that"
        " has waited longest for its client makes room for a new one.",
    )
    max_connections_per_address: int = Field(
        1_000,
        ge=0,
        description="Maximum number of connections from one address, or from one /64 of IPv6, per process. This machine"
        " is not limited. 0: no limit, for a reverse proxy on another machine.",
    )
    max_depth: int = Field(15, ge=1, le=30, description="Maximum nesting of an operation.")
    max_aliases: int = Field(
        100, ge=0, description="Maximum number of aliases in an operation, with fragments expanded."
    )
    max_fields: int = Field(
        1_000, ge=1, description="Maximum number of fields in an operation, with fragments expanded."
    )
    max_root_fields: int = Field(20, ge=1, description="Maximum number of root fields in an operation.")
    max_tokens: int = Field(1_200, ge=10, description="Maximum number of lexical tokens in a document.")
    max_values: int = Field(
        10_000, ge=1, description="Maximum number of values in the variables of an operation, at all levels."
    )
    max_cost: int = Field(50_000, ge=1, description="Maximum number of rows that a query is estimated to read.")
    max_answer_bytes: int = Field(8_000_000, ge=10_000, description="Maximum size of an answer, in bytes.")
    compile_seconds_per_member: float = Field(
        5.0, gt=0, description="Seconds a minute that a member's new operations may take to compile, per process."
    )
    compile_seconds_per_organisation: float = Field(
        15.0,
        gt=0,
        description="Seconds a minute that an organisation's new operations may take to compile, per process.",
    )
    socket_init_timeout: float = Field(5.0, gt=0, description="Seconds that a WebSocket has to authenticate.")
    socket_ping_interval: float = Field(
        20.0,
        gt=0,
        description="Seconds between pings on a WebSocket. A client that leaves two unanswered is disconnected.",
    )
    send_timeout: float = Field(
        10.0, gt=0, description="Seconds that a client has to read pending data before it is disconnected."
    )
    max_subscriptions_per_socket: int = Field(
        100, ge=1, description="Maximum number of concurrent operations on a WebSocket."
    )
    max_streams_per_member: int = Field(
        100, ge=1, description="Maximum number of distinct subscriptions of a member, per process."
    )
    max_connections_per_member: int = Field(
        100, ge=1, description="Maximum number of open sockets and streams of a member, per process."
    )
    max_messages_per_second: int = Field(200, ge=1, description="Maximum number of messages per second on a WebSocket.")
    read_timeout: float = Field(
        10.0, gt=0, description="Seconds that a statement of a query or a subscription may take before it is stopped."
    )
    change_timeout: float = Field(
        30.0, gt=0, description="Seconds that a statement of a mutation may take before the mutation is rolled back."
    )
    organisation_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Largest part of the pool that an organisation's queries hold at once; its mutations likewise."
        " 1: no limit.",
    )
    member_share: float = Field(0.4, gt=0, le=1, description="The same for a single member.")
    share_wait: float = Field(
        5.0, gt=0, description="Seconds that an operation waits for its share before it is refused with RATE_LIMITED."
    )
    organisation_rate: int = Field(
        6_000_000,
        ge=0,
        description="Units of cost a minute that an organisation may use: the rows that its operations may read. All"
        " processes share them where DEALBOARD_EVENTS_URL is a Redis; otherwise they are per process. The default is"
        " that of ten members at their limit at once. 0: no limit.",
    )
    member_rate: int = Field(
        600_000,
        ge=0,
        description="The same for a single member. The board of the examples costs 1,765 units: with the default, an"
        " app can load it five times a second. 0: no limit.",
    )
