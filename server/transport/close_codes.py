"""The codes with which a WebSocket is closed from this side, and what a client does then.

Source of the codes from 4400 to 4429: the protocol graphql-transport-ws.
"""

from collections.abc import Mapping

CLOSE_CODES: Mapping[int, str] = {
    1012: "The server stops or is replaced. Reconnect at once; the reason ends with the last cursor, if any.",
    1013: "The keys that tokens are checked with cannot be had now. Reconnect later.",
    4400: "A message that is not one of the protocol's: not JSON, not text, too long, or a field missing or of a wrong"
    " type. Mend the client.",
    4401: "`subscribe` came before the connection was acknowledged. Wait for `connection_ack`.",
    4403: "The token does not admit the caller, it has expired, the member was deactivated or the organisation was"
    " suspended. The reason says which, and ends with the last cursor, if any.",
    4406: "The client does not speak graphql-transport-ws.",
    4408: "`connection_init` did not come in time.",
    4409: "`subscribe` with the id of an operation that is still running.",
    4413: "The client did not read what was sent to it. The reason ends with its last cursor, if any.",
    4429: "A second `connection_init`.",
    4430: "The member has too many open sockets and streams. Close one.",
    4431: "Too many messages in a second. Send fewer.",
    4500: "Something went wrong on the server. It is in the log.",
}
