"""The codes with which a WebSocket is closed from this side, and what a client does then.

Source of the codes from 4400 to 4429: the protocol graphql-transport-ws.
"""

from collections.abc import Mapping

CLOSE_CODES: Mapping[int, str] = {
    1007: "A text frame is not UTF-8. Fix the client.",
    1012: "The server stops or is replaced, or the member got another role. Reconnect at once; the reason says which,"
    " and ends with the last cursor, if any.",
    1013: "The keys that verify tokens cannot be fetched. Reconnect later.",
    4400: "A message is not one of the protocol: not JSON, not text, too long, or with a field missing or of a wrong"
    " type. Fix the client; the reason says what is wrong.",
    4401: "`subscribe` came before the connection was acknowledged. Wait for `connection_ack`.",
    4403: "The token is invalid or has expired, the member was deactivated or the organisation was"
    " suspended. The reason says which, and ends with the last cursor, if any.",
    4406: "The client does not offer the subprotocol graphql-transport-ws. Offer it.",
    4408: "`connection_init` did not arrive in time. Send it when the socket opens.",
    4409: "`subscribe` has the id of an operation that is still running. Use another id.",
    4413: "The client did not read what was sent to it. Reconnect; the reason ends with the last cursor, if any.",
    4414: "The client answered no ping: it sent no message while two pings waited for a pong. Reconnect; the reason"
    " ends with the last cursor, if any.",
    4429: "The client sent a second `connection_init`. Send one per socket.",
    4430: "The member has too many open sockets and streams. Close one.",
    4431: "The client sends too many messages per second. Send fewer.",
    4500: "The server failed; its log has the details. Reconnect later.",
}
