"""Several things that run in the background, as one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager


@asynccontextmanager
async def together(*parts: AbstractAsyncContextManager[object]) -> AsyncIterator[None]:
    """Enter these one after the other, and leave all of them at once: none goes on beginning things while another one
    finishes what it has begun. Raises what the first of them raises."""
    entered: list[AbstractAsyncContextManager[object]] = []
    try:
        for part in parts:
            await part.__aenter__()
            entered.append(part)
        yield
    finally:
        ended = await asyncio.gather(*(part.__aexit__(None, None, None) for part in entered), return_exceptions=True)
        for failure in ended:
            if isinstance(failure, BaseException):
                raise failure
